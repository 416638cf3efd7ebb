"""Type checkers know the user, in a project that knows nothing of this repository."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

APPLICATION = """
from fastapi import FastAPI, Request
from fastapi.security import SecurityScopes

from piccolo_api_fastapi import CSP, AnyOf, JWTAuth, SessionAuth, Users, optional, require

users = Users()
session = SessionAuth(users)
current_user = AnyOf(session, JWTAuth(users, secret="0" * 32))
administrator = require(current_user, admin=True)
app = FastAPI()


@app.get("/")
async def show(request: Request, scopes: SecurityScopes) -> None:
    reveal_type(SessionAuth().users)  # Users[User]
    reveal_type(users)  # Users[User]
    reveal_type(await users.find("ada"))  # User | None
    reveal_type((await users.verify("ada", "correct horse battery")).user)  # User
    reveal_type(await session(request, scopes))  # User
    reveal_type(await current_user(request, scopes))  # User
    reveal_type(await optional(current_user)(request, scopes))  # User | None
    reveal_type(await administrator(request, scopes))  # User
    reveal_type((await current_user.identify(request)).user)  # User


async def mistakes() -> None:
    SessionAuth("users")  # error
    user = await users.find("ada")
    user.username  # error
    (await users.create("ada", email="ada@example.com")).user_name  # error
    CSP.strict().adding(script_scr=["self"])  # error
    CSP(default_src=["self"], script_src=[1])  # error
"""

# Without its cache, mypy reads all of FastAPI and Piccolo each time.
CACHE = Path(__file__).parent.parent / ".mypy_cache" / "stranger"

COMMANDS = {
    "mypy": ["mypy", "--strict", "--cache-dir", str(CACHE)],
    "pyright": ["pyright", "--pythonpath", sys.executable],
}


def told(output: str) -> dict[int, str]:
    """What a checker says of each line: the type that it reveals, or `error`."""
    found: dict[int, str] = {}
    for line, kind, text in re.findall(r"app\.py:(\d+):(?:\d+ -)? (\w+): (.*)", output):
        revealed = re.search(r'is "([^"]*)"$', text)
        # Without the modules that mypy puts before a name.
        name = re.sub(r"\w+\.", "", revealed[1]) if revealed else kind
        found.setdefault(int(line), name)  # notes follow the error that they explain
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", COMMANDS)
def test_the_user_is_known(checker: str, tmp_path: Path) -> None:
    """Dependencies, logins and searches give a `User`, never `Any`; mistakes are found."""
    (tmp_path / "app.py").write_text(APPLICATION)
    ran = subprocess.run(
        [sys.executable, "-m", *COMMANDS[checker], "app.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = enumerate(APPLICATION.splitlines(), start=1)
    expected = {number: line.partition("  # ")[2] for number, line in lines if "  # " in line}
    assert told(ran.stdout) == expected, ran.stdout + ran.stderr
