"""The quickstart: what its routes say to whom."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from examples.quickstart.app import app, users
from piccolo_api_fastapi import User
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
async def client(database: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the quickstart, with ada and the administrator grace."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await users.create("grace", PASSWORD, email="grace@example.com", admin=True)
    async with new_client(app) as client:
        yield client


async def test_by_cookie(client: httpx.AsyncClient) -> None:
    """A login sets a cookie that opens `/me` until the logout."""
    assert (await client.get("/me")).status_code == 401
    answer = await log_in(client, "ada@example.com")
    assert answer.json()["status"] == "signed_in"
    me = await client.get("/me")
    assert (me.status_code, me.json()) == (200, {"username": "ada", "email": "ada@example.com"})
    assert (await client.post("/auth/logout")).status_code == 204
    assert (await client.get("/me")).status_code == 401


async def test_by_jwt(client: httpx.AsyncClient) -> None:
    """An access token opens `/me`; a refresh gives the next, a revocation ends both."""
    tokens = await get_tokens(client)
    assert (await client.get("/me", headers=bearer(tokens["access_token"]))).status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    access = (await client.post("/auth/token", data=form)).json()["access_token"]
    assert (await client.get("/me", headers=bearer(access))).json()["username"] == "ada"
    await client.post("/auth/token/revoke", data={"token": access})
    assert (await client.get("/me", headers=bearer(access))).status_code == 401


@pytest.mark.parametrize(("username", "password"), [("ada", "wrong"), ("nobody", PASSWORD)])
async def test_wrong_login(client: httpx.AsyncClient, username: str, password: str) -> None:
    """A wrong password and an unknown name are refused by both ways in."""
    assert (await log_in(client, username, password)).status_code == 401
    form = {"grant_type": "password", "username": username, "password": password}
    assert (await client.post("/auth/token", data=form)).json()["error"] == "invalid_grant"
    assert not client.cookies


async def test_bad_token(client: httpx.AsyncClient) -> None:
    """A bad token is refused, where a login is optional too, even beside a good cookie."""
    await log_in(client)
    for path in ("/me", "/hello", "/admin", "/reports", "/whoami"):
        answer = await client.get(path, headers=bearer("nonsense"))
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "invalid_token"


@pytest.mark.parametrize(("username", "status"), [(None, 401), ("ada", 403), ("grace", 200)])
async def test_admin(client: httpx.AsyncClient, username: str | None, status: int) -> None:
    """`/admin` is for the administrator."""
    if username:
        await log_in(client, username)
    assert (await client.get("/admin")).status_code == status


async def test_hello(client: httpx.AsyncClient) -> None:
    """`/hello` greets everybody, those it knows by name."""
    assert (await client.get("/hello")).json() == {"message": "Hello, stranger!"}
    await log_in(client)
    assert (await client.get("/hello")).json() == {"message": "Hello, ada!"}


async def test_reports(client: httpx.AsyncClient) -> None:
    """`/reports` asks for the scope that every user has, and that a narrower token has not."""
    await log_in(client)
    assert (await client.get("/reports")).status_code == 200
    tokens = await get_tokens(client, "grace", scope="admin")
    answer = await client.get("/reports", headers=bearer(tokens["access_token"]))
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert 'scope="reports:read"' in answer.headers["www-authenticate"]


async def test_whoami(client: httpx.AsyncClient) -> None:
    """`/whoami` tells the scheme and what it may do."""
    await log_in(client)
    assert (await client.get("/whoami")).json() == {
        "username": "ada",
        "scheme": "Session",
        "scopes": ["account", "reports:read"],
    }
    tokens = await get_tokens(client, "grace", scope="reports:write")
    answer = await client.get("/whoami", headers=bearer(tokens["access_token"]))
    assert answer.json() == {"username": "grace", "scheme": "JWT", "scopes": ["reports:write"]}


async def test_disabled(client: httpx.AsyncClient) -> None:
    """A user who is disabled is out at once."""
    await log_in(client)
    tokens = await get_tokens(client)
    await User.update({User.active: False}).where(User.username == "ada")
    assert (await client.get("/me")).status_code == 401
    assert (await client.get("/me", headers=bearer(tokens["access_token"]))).status_code == 401


async def test_pages(client: httpx.AsyncClient) -> None:
    """A browser that opens `/me` is sent to the page to log in, and comes back."""
    client.headers["Accept"] = "text/html"
    client.follow_redirects = True
    answer = await client.get("/me")
    assert answer.url.path == "/account/login"
    form = {"username": "ada", "password": PASSWORD, "next": answer.url.params["next"]}
    assert (await client.post("/account/login", data=form)).json()["username"] == "ada"
    for path in ("/account", "/account/sessions", "/account/mfa", "/account/api-tokens"):
        assert (await client.get(path)).status_code == 200, path


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m examples.quickstart` on a free port and a fresh file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "examples.quickstart",
        cwd=ROOT,
        env={
            **os.environ,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "QUICKSTART_DB": str(tmp_path / "quickstart.sqlite"),
            "PYTHONUNBUFFERED": "1",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def read_until(process: asyncio.subprocess.Process, phrase: str) -> str:
    """What the process prints, up to the line with the phrase."""
    assert process.stdout
    lines = ""
    while phrase not in lines:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        assert line, lines
        lines += line.decode()
    return lines


@pytest.mark.slow
async def test_as_a_process(process: asyncio.subprocess.Process) -> None:
    """What `make demo` prints is true: it opens, the users log in, and it stops when told."""
    printed = await read_until(process, "Uvicorn running on")
    docs = re.search(r"http://\S+/docs", printed)
    ada, grace = (re.search(rf"{name} +({PASSWORD})", printed) for name in ("ada", "grace"))
    pages = re.search(r"http://\S+/account", printed)
    assert docs
    assert pages
    assert ada
    assert grace
    address = docs[0].removesuffix("/docs")
    async with httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/docs")).status_code == 200
        paths = (await client.get("/openapi.json")).json()["paths"]
        assert {"/me", "/admin", "/auth/login", "/auth/token"} <= set(paths)
        assert (await client.get("/me")).status_code == 401

        assert (await log_in(client, "ada", ada[1])).status_code == 200
        assert (await client.get("/me")).json()["email"] == "ada@example.com"
        assert (await client.get("/admin")).status_code == 403
        assert "Your account" in (await client.get(pages[0])).text
        cookie = {"Cookie": "; ".join(f"{name}={text}" for name, text in client.cookies.items())}

        client.cookies.clear()
        token = bearer((await get_tokens(client, "grace", grace[1]))["access_token"])
        assert (await client.get("/me", headers=token)).json()["username"] == "grace"
        assert (await client.get("/admin", headers=token)).status_code == 200

    url = address.replace("http", "ws") + "/ws"
    for headers, username in ((cookie, "ada"), (token, "grace")):
        async with connect(url, additional_headers=headers) as websocket:
            assert json.loads(await websocket.recv()) == {"username": username}
    for headers, status in (({}, 401), (cookie | {"Origin": "https://elsewhere.example"}, 403)):
        with pytest.raises(InvalidStatus) as refusal:
            await connect(url, additional_headers=headers)
        assert refusal.value.response.status_code == status

    process.terminate()
    await read_until(process, "Finished server process")
    assert await asyncio.wait_for(process.wait(), 30) in {0, -signal.SIGTERM}
