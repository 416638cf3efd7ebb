"""How far a reader has to walk to follow a login with MFA: the files that a request enters."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest

import piccolo_api_fastapi
from piccolo_api_fastapi import User
from tests.conftest import PASSWORD

from .conftest import Phone, second_step

PACKAGE = Path(piccolo_api_fastapi.__file__).parent

MOST_FILES = {"POST /login": 46, "POST /login/mfa": 50}
"""
Files of the package that each request enters, in the thread of the event loop. One of those of
`POST /login` is for `next`, which says where the login goes on.
"""

MOST_WINGS = {"POST /login": 6, "POST /login/mfa": 6}
"""Top-level folders and modules of the package that these files lie in."""

SQLITE = {Path("core/database/sqlite.py"), Path("core/database/sqlite_pools.py")}
OURS = {Path("testing/kit.py"), *SQLITE}
"""The clock and the engine of these tests."""

_walking: ContextVar[bool] = ContextVar("walking", default=False)


@contextmanager
def walk() -> Iterator[set[Path]]:
    """
    Note the files of the package whose functions are called inside the block, or by a task or
    a timer that began there: those of tests before run on the same event loop.
    """
    files: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and _walking.get():
            files.add(frame.f_code.co_filename)

    entered: set[Path] = set()
    before = sys.getprofile()
    token = _walking.set(True)
    sys.setprofile(note)
    try:
        yield entered
    finally:
        sys.setprofile(before)
        _walking.reset(token)
    paths = (Path(file) for file in files)
    entered |= {path.relative_to(PACKAGE) for path in paths if path.is_relative_to(PACKAGE)} - OURS


def check(request: str, files: set[Path]) -> None:
    """Hold the figures of a request."""
    wings = {file.parts[0] for file in files}
    listed = "\n".join(sorted(str(file) for file in files))
    assert len(files) <= MOST_FILES[request], f"{request} enters {len(files)} files:\n{listed}"
    assert len(wings) <= MOST_WINGS[request], f"{request} enters {len(wings)} wings:\n{listed}"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_login_with_mfa(client: httpx.AsyncClient, ada: User, phone: Phone) -> None:
    """Neither step of a login enters more files and wings of the package than it has to."""
    body = {"username": ada.username, "password": PASSWORD}
    await client.post("/auth/login", json=body)  # what is loaded and cached once is no part of it
    with walk() as files:
        answer = await client.post("/auth/login", json=body)
    assert answer.json()["status"] == "mfa_required", answer.text
    check("POST /login", files)
    with walk() as files:
        answer = await second_step(client, answer.json()["challenge"], phone.code())
    assert answer.json()["status"] == "signed_in", answer.text
    check("POST /login/mfa", files)
