"""API tokens in use: who is let in, who is not, and what it costs."""

import hashlib
import re
import zlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from piccolo.engine.sqlite import SQLiteEngine
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import APIToken, JWTAuth, TokenAuth, User, Users
from piccolo_api_fastapi.schemes.api_tokens import queries
from piccolo_api_fastapi.testing import FrozenClock, acting_as
from tests.conftest import (
    PASSWORD,
    bearer,
    get_tokens,
    log_in,
    new_client,
    reaches_no_sql,
    web_socket,
)

USES = 1000


@pytest.fixture
def counted(database: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that goes to the database."""
    statements: list[str] = []
    engine_class = type(database)
    real = engine_class.run_querystring

    async def spy(self: Any, querystring: Any, *args: Any, **options: Any) -> Any:
        statements.append(str(querystring))
        return await real(self, querystring, *args, **options)

    monkeypatch.setattr(engine_class, "run_querystring", spy)
    return statements


async def refused(client: httpx.AsyncClient, header: str, path: str = "/token") -> str:
    """The code of the 401 that this header gets."""
    answer = await client.get(path, headers={"Authorization": header})
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    code: str = answer.json()["code"]
    return code


async def test_a_token_lets_in(
    machine: httpx.AsyncClient, token: TokenAuth[User], grace: User
) -> None:
    """Alone and among others: who, by which scheme, with which scopes."""
    headers = bearer((await token.create(grace, "report", scopes=["read"])).secret)
    assert (await machine.get("/token", headers=headers)).json() == {"username": "grace"}
    expected = {"username": "grace", "scheme": "APIToken", "scopes": ["read"]}
    assert (await machine.get("/me", headers=headers)).json() == expected
    assert (await machine.get("/token")).status_code == 401


@pytest.mark.security(58)
async def test_format(token: TokenAuth[User], ada: User) -> None:
    """The prefix, 256 random bits and a checksum; what is stored of it is a digest."""
    new = await token.create(ada, "report")
    assert (match := re.fullmatch(r"(pat_([A-Za-z0-9_-]{43}))([0-9a-f]{8})", new.secret))
    assert match[3] == f"{zlib.crc32(match[1].encode()):08x}"
    [row] = await APIToken.select()
    assert row["digest"] == hashlib.sha256(new.secret.encode()).hexdigest()
    assert row["last_four"] == new.secret[-4:]
    assert new.secret not in str(row)
    assert match[2] not in str(row)
    for shown in (repr(new), str(new), repr(new.row), str(new.row)):
        assert new.secret not in shown


@pytest.mark.security(58)
async def test_the_table_opens_nothing(
    machine: httpx.AsyncClient, token: TokenAuth[User], ada: User
) -> None:
    """No stored value is accepted as a token: they are not kept in plain text."""
    await token.create(ada, "report")
    [row] = await APIToken.select()
    for value in row.values():
        for guess in (f"{value}", f"pat_{value}"):
            await refused(machine, f"Bearer {guess}")


@pytest.mark.security(59)
@pytest.mark.security(41)
async def test_typos_cost_no_query(
    machine: httpx.AsyncClient, token: TokenAuth[User], ada: User, counted: list[str]
) -> None:
    """A bad checksum, an unknown prefix and a token for another purpose are never looked up."""
    secret = (await token.create(ada, "report")).secret
    body = secret[4:-8]
    swapped = secret[:10] + secret[11] + secret[10] + secret[12:]
    other = f"ghp_{body}"
    other += f"{zlib.crc32(other.encode()):08x}"
    mistyped = [
        secret[:-1] + ("0" if secret[-1] != "0" else "1"),
        swapped if swapped != secret else secret + "0",
        secret.upper(),
        secret + "=",
        secret[:-1],
        secret + "0",
        secret.replace("pat_", "pat-"),
        secret.replace("pat_", "PAT_"),
        "pat_",
        "pat_" + "\u00e9" * 51,
        "pat_" + "A" * 10_000,
        other,
    ]
    counted.clear()
    for wrong in mistyped:
        for path in ("/token", "/me"):
            answer = await machine.get(path, headers={b"Authorization": f"Bearer {wrong}".encode()})
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert counted == []


@pytest.mark.security(41)
async def test_cross_use(
    machine: httpx.AsyncClient, token: TokenAuth[User], jwt: JWTAuth[User], ada: User
) -> None:
    """Access, refresh and session tokens are no API tokens, and an API token is none of them."""
    secret = (await token.create(ada, "report")).secret
    tokens = await get_tokens(machine)
    async with new_client(machine._transport.app) as browser:  # type: ignore[attr-defined]
        await log_in(browser)
        cookie = browser.cookies["__Host-session"]
    for other in (tokens["access_token"], tokens["refresh_token"], cookie):
        await refused(machine, f"Bearer {other}")
    answer = await machine.get("/auth/sessions", headers={"Cookie": f"__Host-session={secret}"})
    assert answer.status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": secret}
    assert (await machine.post("/auth/token", data=form)).json()["error"] == "invalid_grant"
    await refused(machine, f"Bearer {secret}", "/auth/token/families")
    await machine.post("/auth/token/revoke", data={"token": secret})
    assert (await machine.get("/token", headers=bearer(secret))).status_code == 200


HEADERS = [
    ("Bearer {}", 200),
    ("bearer {}", 200),
    ("BEARER   {}", 200),
    ("Bearer {} ", 200),
    ("XYZBearer {}", 401),
    ("Basic Bearer {}", 401),
    ("Bearer Bearer {}", 401),
    ("Bearer", 401),
    ("Bearer ", 401),
    ("Token {}", 401),
    ("{}", 401),
    ("", 401),
    ("Bearer {},{}", 401),
    ("Bearer {} {}", 401),
]


@pytest.mark.security(49)
async def test_headers(machine: httpx.AsyncClient, token: TokenAuth[User], ada: User) -> None:
    """The scheme is read as RFC 6750 has it, in any case; what only ends like it is refused."""
    secret = (await token.create(ada, "report")).secret
    for header, status in HEADERS:
        headers = {"Authorization": header.format(secret, secret)}
        answer = await machine.get("/token", headers=headers)
        assert answer.status_code == status, header
        assert answer.status_code == 200 or "www-authenticate" in answer.headers


@pytest.mark.security(49)
async def test_elsewhere(machine: httpx.AsyncClient, token: TokenAuth[User], ada: User) -> None:
    """A token in the query or in a cookie is ignored; two headers are a 400."""
    secret = (await token.create(ada, "report")).secret
    for query in ("access_token", "token", "api_key"):
        assert (await machine.get(f"/token?{query}={secret}")).status_code == 401
    assert (await machine.get("/token", headers={"Cookie": f"token={secret}"})).status_code == 401
    twice = [("Authorization", f"Bearer {secret}")] * 2
    answer = await machine.get("/token", headers=twice)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.security(61)
async def test_expired(
    machine: httpx.AsyncClient, token: TokenAuth[User], ada: User, clock: FrozenClock
) -> None:
    """A token lives a year by default: at its last moment it works, then no more."""
    headers = bearer((await token.create(ada, "report")).secret)
    clock.advance(timedelta(days=365) - timedelta(microseconds=1))
    assert (await machine.get("/token", headers=headers)).status_code == 200
    clock.advance(timedelta(microseconds=1))
    assert await refused(machine, headers["Authorization"]) == "invalid_token"


@pytest.mark.security(61)
async def test_revoked(
    machine: httpx.AsyncClient, token: TokenAuth[User], users: Users[User], ada: User
) -> None:
    """A revocation bites at the next request, of every worker: there is no cache."""
    new = await token.create(ada, "report")
    other_worker = TokenAuth(users)
    await other_worker.revoke(new.row.id)
    await refused(machine, f"Bearer {new.secret}")


@pytest.mark.security(15)
@pytest.mark.security(23)
@pytest.mark.security(61)
async def test_disabled_or_deleted(
    machine: httpx.AsyncClient, token: TokenAuth[User], users: Users[User], ada: User
) -> None:
    """The token of a disabled user is refused, on SQLite that of a deleted one too."""
    headers = bearer((await token.create(ada, "report")).secret)
    await User.update({User.active: False}).where(User.id == ada.id)
    await refused(machine, headers["Authorization"])
    await refused(machine, headers["Authorization"], "/me")
    await User.update({User.active: True}).where(User.id == ada.id)
    assert (await machine.get("/token", headers=headers)).status_code == 200
    await User.delete().where(User.id == ada.id)
    assert await APIToken.count() == 0
    # SQLite gives her id to the next user.
    await users.create("bob", PASSWORD)
    await refused(machine, headers["Authorization"])


@pytest.mark.security(24)
async def test_a_new_password_ends_tokens(
    machine: httpx.AsyncClient, token: TokenAuth[User], users: Users[User], ada: User, grace: User
) -> None:
    """A password change ends the tokens of this user, unless that was chosen otherwise."""
    headers = bearer((await token.create(ada, "report")).secret)
    other = bearer((await token.create(grace, "report")).secret)
    keeping = Users(keeps_on_new_password=[APIToken], clock=users.clock)
    await keeping.set_password(ada, "another correct horse")
    assert (await machine.get("/token", headers=headers)).status_code == 200
    await users.set_password(ada, "a third correct horse")
    await refused(machine, headers["Authorization"])
    assert (await machine.get("/token", headers=other)).status_code == 200


@pytest.mark.security(60)
async def test_scopes(machine: httpx.AsyncClient, token: TokenAuth[User], grace: User) -> None:
    """A missing scope is a 403 that names it; what the owner loses, the token loses."""
    reader = bearer((await token.create(grace, "r", scopes=["read"])).secret)
    writer = bearer((await token.create(grace, "w", scopes=["read", "write"])).secret)
    nothing = bearer((await token.create(grace, "n")).secret)
    for headers in (reader, nothing):
        answer = await machine.post("/write", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert 'scope="write"' in answer.headers["www-authenticate"]
    assert (await machine.post("/write", headers=writer)).status_code == 200
    await User.update({User.admin: False}).where(User.id == grace.id)
    assert (await machine.post("/write", headers=writer)).status_code == 403
    assert (await machine.get("/me", headers=writer)).json()["scopes"] == ["read"]


@pytest.mark.security(63)
async def test_last_used(
    machine: httpx.AsyncClient,
    token: TokenAuth[User],
    ada: User,
    clock: FrozenClock,
    counted: list[str],
) -> None:
    """A thousand uses within a minute write twice at most; each costs one statement otherwise."""
    headers = bearer((await token.create(ada, "report")).secret)
    raw = [(b"authorization", headers["Authorization"].encode())]
    assert await last_used() is None
    counted.clear()
    for _ in range(USES):
        clock.advance(timedelta(minutes=1) / USES)
        await token.identify(HTTPConnection({"type": "http", "headers": raw}))
    writes = [statement for statement in counted if statement.startswith("UPDATE")]
    assert 1 <= len(writes) <= 2
    assert len(counted) - len(writes) == USES
    clock.advance(timedelta(minutes=1))
    assert (await machine.get("/token", headers=headers)).status_code == 200
    assert await last_used() == clock.now


async def last_used() -> Any:
    """When the one token there is was used."""
    [row] = await APIToken.select(APIToken.last_used_at)
    return row["last_used_at"]


@pytest.mark.security(63)
@pytest.mark.parametrize("error", [OSError, RuntimeError])
async def test_a_failing_write(
    machine: httpx.AsyncClient,
    token: TokenAuth[User],
    ada: User,
    database: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    """Whatever becomes of the write, the request is answered."""
    headers = bearer((await token.create(ada, "report")).secret)
    engine_class = type(database)
    real = engine_class.run_querystring

    async def read_only(self: Any, querystring: Any, *args: Any, **options: Any) -> Any:
        if str(querystring).startswith("UPDATE"):
            raise error
        return await real(self, querystring, *args, **options)

    monkeypatch.setattr(engine_class, "run_querystring", read_only)
    assert (await machine.get("/token", headers=headers)).status_code == 200
    assert await last_used() is None


async def test_the_lookup_is_indexed(database: Any, token: TokenAuth[User], ada: User) -> None:
    """A request finds its token by a unique index, not by reading the table."""
    if isinstance(database, SQLiteEngine):
        rows = await APIToken.raw(
            "EXPLAIN QUERY PLAN SELECT id FROM auth_api_token WHERE digest = ''"
        )
        assert "USING INDEX" in rows[0]["detail"]
    else:
        rows = await APIToken.raw(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'auth_api_token'"
        )
        assert any("UNIQUE" in row["indexdef"] and "digest" in row["indexdef"] for row in rows)


async def test_no_token_is_built_in(database: Any, machine: httpx.AsyncClient, ada: User) -> None:
    """A row that is inserted without a token has one that nobody can know."""
    identifier = UUID(int=1)
    await APIToken.raw(
        'INSERT INTO auth_api_token ("id", "user", "digest", "created_at")'
        " VALUES ({}, {}, '', CURRENT_TIMESTAMP)",
        identifier,
        ada.id,
    )
    [row] = await APIToken.select(APIToken.digest)
    assert row["digest"] == ""
    for guess in ("", str(identifier), hashlib.sha256(b"").hexdigest()):
        await refused(machine, f"Bearer pat_{guess}")


async def test_web_socket(app: FastAPI, token: TokenAuth[User], ada: User) -> None:
    """A WebSocket takes an API token too."""
    secret = (await token.create(ada, "report")).secret
    accepted = await web_socket(app, "/ws", Authorization=f"Bearer {secret}")
    assert [message["type"] for message in accepted][:2] == ["websocket.accept", "websocket.send"]
    refusal = await web_socket(app, "/ws", Authorization="Bearer pat_x")
    assert refusal[0]["type"] == "websocket.http.response.start"
    assert refusal[0]["status"] == 401


@reaches_no_sql
async def test_acting_as(machine: httpx.AsyncClient, token: TokenAuth[User], ada: User) -> None:
    """The kit acts as a user by API token; such a one manages no credentials."""
    with acting_as(token, ada, scopes=["read"]):
        assert (await machine.get("/token")).json() == {"username": "ada"}
        assert (await machine.get("/auth/api-tokens")).status_code == 403


async def test_another_prefix(
    machine: httpx.AsyncClient, users: Users[User], token: TokenAuth[User], ada: User
) -> None:
    """The prefix is part of the token: what another made is nobody's here."""
    secret = (await TokenAuth(users, prefix="acme").create(ada, "report")).secret
    assert secret.startswith("acme_")
    await refused(machine, f"Bearer {secret}")


@pytest.mark.security(111)
async def test_outage(
    machine: httpx.AsyncClient,
    token: TokenAuth[User],
    ada: User,
    database: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the database nobody is let in and nobody is told that their token is bad."""
    secret = (await token.create(ada, "report")).secret
    async with new_client(machine._transport.app) as browser:  # type: ignore[attr-defined]
        await log_in(browser)
        made = (await browser.post("/auth/api-tokens", json={"name": "x"})).json()

        async def down(*_: Any, **__: Any) -> Any:
            raise OSError

        with monkeypatch.context() as patched:
            patched.setattr(type(database), "run_querystring", down)
            for client, headers in ((machine, bearer(secret)), (browser, {})):
                for method, path in (
                    ("GET", "/token" if headers else "/me"),
                    ("GET", "/auth/api-tokens"),
                    ("POST", f"/auth/api-tokens/{made['id']}/rotate"),
                    ("DELETE", f"/auth/api-tokens/{made['id']}"),
                ):
                    answer = await client.request(method, path, headers=headers)
                    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
                    assert answer.headers["retry-after"]
        assert len((await browser.get("/auth/api-tokens")).json()) == 2
    assert (await machine.get("/token", headers=bearer(secret))).status_code == 200


@pytest.mark.security(111)
async def test_outage_of_a_write(
    machine: httpx.AsyncClient, token: TokenAuth[User], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that dies while a token is made, rotated or revoked is a 503, and nothing half."""
    new = await token.create(ada, "report")
    before = await APIToken.select()

    async def down(*_: Any, **__: Any) -> Any:
        raise OSError

    async with new_client(machine._transport.app) as browser:  # type: ignore[attr-defined]
        await log_in(browser)
        with monkeypatch.context() as patched:
            patched.setattr(queries, "lock_owner", down)
            patched.setattr(queries, "revoke", down)
            for method, path in (
                ("POST", "/auth/api-tokens"),
                ("POST", f"/auth/api-tokens/{new.row.id}/rotate"),
                ("DELETE", f"/auth/api-tokens/{new.row.id}"),
            ):
                body = {"name": "x"} if path == "/auth/api-tokens" else None
                answer = await browser.request(method, path, json=body)
                assert answer.status_code == 503
    assert before == await APIToken.select()
