"""What an import of the package loads: no more than most applications need."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # each test starts processes

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


def loaded_by(source: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after this."""
    report = f"{source}\nimport sys; print(*sorted(sys.modules))"
    command = [sys.executable, "-W", "ignore", "-c", report]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_loaded_at_first_use() -> None:
    """An application with sessions loads neither the extras nor what JWTs and TOTP need."""
    loaded = loaded_by("from piccolo_api_fastapi import SessionAuth, install\nSessionAuth()")
    assert {"piccolo_api_fastapi", "fastapi", "piccolo"} <= loaded
    assert set() == loaded & AT_FIRST_USE


def test_templates_are_loaded_by_pages_alone() -> None:
    """Jinja2 is loaded by the first `Pages`, and not by what is imported for it."""
    named = "from piccolo_api_fastapi import Brand, Pages, SessionAuth\nBrand('Movies')"
    assert "jinja2" not in loaded_by(named)
    assert "jinja2" in loaded_by(f"{named}\nPages(SessionAuth())")
