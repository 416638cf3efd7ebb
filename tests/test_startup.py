"""What an import of the package loads: no more than most applications need."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # it starts a process

AT_FIRST_USE = {
    "aiosmtplib",
    "bcrypt",
    "cryptography",
    "httpx",
    "jinja2",
    "jwt",
    "redis",
    "segno",
    "smtplib",
}


def loaded_by(*sources: str) -> list[set[str]]:
    """The top-level modules that a fresh interpreter has after each of these, in turn."""
    report = "import sys; print(*sorted(sys.modules))"
    program = "\n".join(f"{source}\n{report}" for source in sources)
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    return [{name.partition(".")[0] for name in line.split()} for line in lines]


def test_loaded_at_first_use() -> None:
    """
    An application with sessions loads neither the extras nor what JWTs and TOTP need. Jinja2 is
    loaded by the first `Pages`, and not by what is imported for it.
    """
    sessions, named, made = loaded_by(
        "from piccolo_api_fastapi import SessionAuth, install\nSessionAuth()",
        "from piccolo_api_fastapi import Brand, Pages\nBrand('Movies')",
        "Pages(SessionAuth())",
    )
    assert {"piccolo_api_fastapi", "fastapi", "piccolo"} <= sessions
    assert set() == sessions & AT_FIRST_USE
    assert "jinja2" not in named
    assert "jinja2" in made
