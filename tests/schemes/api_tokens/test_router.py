"""The routes that make, list, rotate and revoke API tokens."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    AnyOf,
    APIToken,
    AuthEvent,
    ConfigurationError,
    JWTAuth,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    auth_tables,
    install,
    require,
    token_router,
)
from piccolo_api_fastapi.errors import SessionEnded
from piccolo_api_fastapi.testing import FrozenClock, acting_as
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client, reaches_no_sql
from tests.documents import expanded
from tests.models import Customer, Member

URL = "/auth/api-tokens"


@pytest.fixture
async def browser(app: FastAPI, ada: User) -> AsyncIterator[httpx.AsyncClient]:
    """A client where ada is logged in by cookie."""
    async with new_client(app) as client:
        await log_in(client)
        yield client


async def make(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """A new token, as the route answers it."""
    answer = await client.post(URL, json={"name": "report", **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.security(58)
async def test_shown_once(
    browser: httpx.AsyncClient, machine: httpx.AsyncClient, clock: FrozenClock
) -> None:
    """The secret is in the answer that makes it, and in no list; the answer is stored nowhere."""
    answer = await browser.post(URL, json={"name": " nightly ", "scopes": ["read"]})
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    secret = made.pop("token")
    assert made == {
        "id": made["id"],
        "name": "nightly",
        "scopes": ["read"],
        "last_four": secret[-4:],
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2027-01-01T00:00:00Z",
        "last_used_at": None,
    }
    clock.advance(timedelta(hours=1))
    assert (await machine.get("/me", headers=bearer(secret))).json()["scopes"] == ["read"]
    listed = await browser.get(URL)
    assert listed.json() == [made | {"last_used_at": "2026-01-01T01:00:00Z"}]
    assert secret[4:-8] not in listed.text


@pytest.mark.security(58)
async def test_list(
    browser: httpx.AsyncClient, token: TokenAuth[User], grace: User, clock: FrozenClock
) -> None:
    """The live ones of the caller, the latest first."""
    await token.create(grace, "of somebody else")
    for name in ("first", "second", "third"):
        clock.advance(timedelta(seconds=1))
        await make(browser, name=name)
    short = (clock.now + timedelta(minutes=1)).isoformat()
    await make(browser, name="short", expires_at=short)
    clock.advance(timedelta(minutes=1))
    [third, *_] = (await browser.get(URL)).json()
    assert third["name"] == "third"
    await browser.delete(f"{URL}/{third['id']}")
    assert [row["name"] for row in (await browser.get(URL)).json()] == ["second", "first"]


@pytest.mark.security(61)
async def test_revoke(browser: httpx.AsyncClient, machine: httpx.AsyncClient) -> None:
    """The next request with it is refused; it can be revoked once."""
    made = await make(browser)
    assert (await machine.get("/token", headers=bearer(made["token"]))).status_code == 200
    assert (await browser.delete(f"{URL}/{made['id']}")).status_code == 204
    assert (await machine.get("/token", headers=bearer(made["token"]))).status_code == 401
    assert (await browser.delete(f"{URL}/{made['id']}")).status_code == 404


@pytest.mark.security(25)
@pytest.mark.security(119)
async def test_of_somebody_else(
    browser: httpx.AsyncClient, machine: httpx.AsyncClient, token: TokenAuth[User], grace: User
) -> None:
    """Somebody else's token and none are one 404, and hers lives."""
    hers = await token.create(grace, "report")
    answers = []
    for identifier in (hers.row.id, uuid4()):
        answers.append(await browser.delete(f"{URL}/{identifier}"))
        answers.append(await browser.post(f"{URL}/{identifier}/rotate"))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert (await machine.get("/token", headers=bearer(hers.secret))).status_code == 200


async def test_rotate(
    browser: httpx.AsyncClient, machine: httpx.AsyncClient, clock: FrozenClock
) -> None:
    """A new secret for the same token, with as long to live again; the old one is dead."""
    short = (clock.now + timedelta(days=30)).isoformat()
    made = await make(browser, scopes=["read"], expires_at=short)
    await machine.get("/token", headers=bearer(made["token"]))
    clock.advance(timedelta(days=10))
    await log_in(browser)
    answer = await browser.post(f"{URL}/{made['id']}/rotate")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    rotated = answer.json()
    assert rotated["token"] != made["token"]
    assert rotated == made | {
        "token": rotated["token"],
        "last_four": rotated["token"][-4:],
        "created_at": "2026-01-11T00:00:00Z",
        "expires_at": "2026-02-10T00:00:00Z",
    }
    assert (await machine.get("/token", headers=bearer(made["token"]))).status_code == 401
    me = await machine.get("/me", headers=bearer(rotated["token"]))
    assert me.json()["scopes"] == ["read"]
    await browser.delete(f"{URL}/{made['id']}")
    assert (await browser.post(f"{URL}/{made['id']}/rotate")).status_code == 404


async def test_rotate_the_expired(browser: httpx.AsyncClient, clock: FrozenClock) -> None:
    """What has expired is not brought back."""
    made = await make(browser, expires_at=(clock.now + timedelta(days=1)).isoformat())
    clock.advance(timedelta(days=1))
    await log_in(browser)
    assert (await browser.post(f"{URL}/{made['id']}/rotate")).status_code == 404


@pytest.mark.security(60)
async def test_beyond_the_owner(browser: httpx.AsyncClient) -> None:
    """More than the creator may do is refused, with what was asked for; nothing is stored."""
    for scopes in (["write"], ["read", "admin"], ["superuser"], ["unknown"]):
        answer = await browser.post(URL, json={"name": "report", "scopes": scopes})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert f'scope="{" ".join(sorted(scopes))}"' in answer.headers["www-authenticate"]
    assert await APIToken.count() == 0


@pytest.mark.security(60)
async def test_beyond_the_credential(
    machine: httpx.AsyncClient, token: TokenAuth[User], grace: User
) -> None:
    """A JWT of fewer scopes makes no token of more, and rotates none to learn its secret."""
    narrow = bearer((await get_tokens(machine, "grace", scope="read"))["access_token"])
    body = {"name": "report", "scopes": ["write"]}
    answer = await machine.post(URL, json=body, headers=narrow)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    wide = await token.create(grace, "report", scopes=["read", "write"])
    answer = await machine.post(f"{URL}/{wide.row.id}/rotate", headers=narrow)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert (await machine.get("/token", headers=bearer(wide.secret))).status_code == 200
    full = bearer((await get_tokens(machine, "grace"))["access_token"])
    for path, given, status in ((URL, body, 201), (f"{URL}/{wide.row.id}/rotate", None, 200)):
        assert (await machine.post(path, json=given, headers=full)).status_code == 401
        proof = {"password": PASSWORD}  # for each change anew
        await machine.post("/auth/reauthenticate", json=proof, headers=full)
        assert (await machine.post(path, json=given, headers=full)).status_code == status


@pytest.mark.security(62)
async def test_no_token_reaches_credentials(
    machine: httpx.AsyncClient, browser: httpx.AsyncClient, token: TokenAuth[User], grace: User
) -> None:
    """An API token is 403 at these routes, whatever its scopes, also beside a cookie."""
    new = await token.create(grace, "all", scopes=["read", "write", "admin"])
    for client in (machine, browser):
        for method, path in (
            ("GET", URL),
            ("POST", URL),
            ("POST", f"{URL}/{new.row.id}/rotate"),
            ("DELETE", f"{URL}/{new.row.id}"),
        ):
            body = {"name": "more"} if path == URL and method == "POST" else None
            headers = bearer(new.secret)
            answer = await client.request(method, path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "credential_not_allowed")
        # These know no API tokens at all, and a guard of cookies alone reads only those.
        families = await client.get("/auth/token/families", headers=bearer(new.secret))
        assert families.status_code == 401
        sessions = await client.get("/auth/sessions", headers=bearer(new.secret))
        assert sessions.status_code == (200 if client is browser else 401)
    assert await APIToken.count() == 1


@pytest.mark.security(62)
async def test_a_guard_without_tokens(
    session: SessionAuth[User], token: TokenAuth[User], ada: User
) -> None:
    """The 403 does not depend on the guard knowing API tokens; a requirement of it counts."""
    app = FastAPI()
    install(app)
    app.include_router(token_router(token, require(session, scopes=["admin"])), prefix="/auth")
    async with new_client(app) as client:
        headers = bearer((await token.create(ada, "report")).secret)
        answer = await client.get(URL, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "credential_not_allowed")
        assert (await client.get(URL)).status_code == 401
        with acting_as(session, ada):
            assert (await client.get(URL)).json()["code"] == "insufficient_scope"
        ada.admin = True
        with acting_as(session, ada):
            assert len((await client.get(URL)).json()) == 1


@reaches_no_sql
async def test_strangers(machine: httpx.AsyncClient, ada: User) -> None:
    """Nobody gets nothing, by a challenge for each scheme."""
    for method, path in (("GET", URL), ("POST", URL), ("DELETE", f"{URL}/{uuid4()}")):
        answer = await machine.request(method, path, json={"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert "Bearer" in answer.headers["www-authenticate"]


@pytest.mark.security(27)
async def test_other_sites(browser: httpx.AsyncClient) -> None:
    """Another site can't make the browser make or revoke a token."""
    made = await make(browser)
    headers = {"Sec-Fetch-Site": "cross-site"}
    for method, path in (
        ("POST", URL),
        ("POST", f"{URL}/{made['id']}/rotate"),
        ("DELETE", f"{URL}/{made['id']}"),
    ):
        body = {"name": "x"} if path == URL else None
        answer = await browser.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert await APIToken.count() == 1


async def test_expiry(browser: httpx.AsyncClient) -> None:
    """Up to a year; neither past nor never; in any zone."""
    accepted = [
        ("2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("2026-06-01T12:00:00+02:00", "2026-06-01T10:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ]
    for wanted, expected in accepted:
        assert (await make(browser, expires_at=wanted))["expires_at"] == expected
    refused: list[tuple[Any, str]] = [
        (None, "expiry_required"),
        ("2026-01-01T00:00:00Z", "expiry_past"),
        ("0001-01-01T00:00:00+23:59", "expiry_past"),
        (0, "expiry_past"),
        ("2027-01-01T00:00:01Z", "expiry_too_late"),
        ("9999-12-31T23:59:59-23:59", "expiry_too_late"),
    ]
    for wanted, kind in refused:
        answer = await browser.post(URL, json={"name": "x", "expires_at": wanted})
        assert answer.status_code == 422, wanted
        assert answer.json()["detail"][0]["type"] == kind
        assert answer.json()["detail"][0]["loc"] == ["body", "expires_at"]


BAD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'{"name": null}',
    b'{"name": ""}',
    b'{"name": " "}',
    b'{"name": 1}',
    b'{"name": ["c4n4ry"]}',
    b'{"name": "c4n4ry\\u0000"}',
    b'{"name": "c4n4ry\\ud800"}',
    b'{"name": "c4n4ry\\r\\nx"}',
    b'{"name": "c4n4ry\\u202e"}',
    json.dumps({"name": "x" * 101}).encode(),
    b'{"name": "x", "scopes": "read"}',
    b'{"name": "x", "scopes": null}',
    b'{"name": "x", "scopes": [null]}',
    b'{"name": "x", "scopes": ["c4n4ry read"]}',
    b'{"name": "x", "scopes": [""]}',
    b'{"name": "x", "scopes": ["c4n4ry\\""]}',
    b'{"name": "x", "scopes": ["c4n4ry\\n"]}',
    b'{"name": "x", "scopes": ["c4n4ry\\u0000"]}',
    b'{"name": "x", "scopes": ["\\u0661"]}',
    json.dumps({"name": "x", "scopes": ["read"] * 51}).encode(),
    json.dumps({"name": "x", "scopes": ["r" * 101]}).encode(),
    b'{"name": "x", "expires_at": "c4n4ry"}',
    b'{"name": "x", "expires_at": ""}',
    b'{"name": "x", "expires_at": "2026-06-01T12:00:00"}',
    b'{"name": "x", "expires_at": 1e400}',
    b'{"name": "x", "expires_at": NaN}',
    b'{"name": "x", "expires_at": true}',
    b'{"name": "x", "expires_at": ' + b"9" * 400 + b"}",
    b'{"name": "x", "name": "y"}',
    b'{"name": "\xff"}',
]


@pytest.mark.security(100)
@pytest.mark.security(101)
@pytest.mark.security(102)
@pytest.mark.security(104)
@pytest.mark.security(120)
async def test_bad_input(browser: httpx.AsyncClient) -> None:
    """Odd bodies are a 422 that echoes nothing, and store nothing."""
    for raw in BAD_BODIES:
        headers = {"Content-Type": "application/json"}
        answer = await browser.post(URL, content=raw, headers=headers)
        assert answer.status_code == 422, (raw, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "c4n4ry" not in answer.text
    assert await APIToken.count() == 0


@pytest.mark.security(101)
async def test_bad_ids(browser: httpx.AsyncClient) -> None:
    """Odd ids are a 422, equally on both databases."""
    for identifier in (str(2**70), "-1", "abc", "%00", "%ed%a0%80", "a" * 500):
        assert (await browser.delete(f"{URL}/{identifier}")).status_code == 422
        assert (await browser.post(f"{URL}/{identifier}/rotate")).status_code == 422


@pytest.mark.security(104)
@pytest.mark.parametrize(
    "extra",
    [
        {"days": 3},
        {"expires_in": 3600},
        {"expires": "2026-01-02T00:00:00Z"},
        {"scope": "read"},
        {"user": 2},
        {"id": str(uuid4())},
        {"digest": "0" * 64},
        {"created_at": "2000-01-01T00:00:00Z"},
        {"revoked_at": None},
    ],
)
async def test_members_that_are_not_asked_for(
    browser: httpx.AsyncClient, extra: dict[str, Any]
) -> None:
    """A member that the route does not know is refused: without it the token may do more."""
    answer = await browser.post(URL, json={"name": "report", **extra})
    assert answer.status_code == 422
    [item] = answer.json()["detail"]
    assert (item["loc"], item["type"]) == (["body", *extra], "extra_forbidden")
    assert await APIToken.count() == 0


@pytest.mark.parametrize("body", [{"expires_at": None}, {"scopes": []}, {"name": "x"}, ["x"]])
async def test_rotation_takes_nothing(browser: httpx.AsyncClient, body: Any) -> None:
    """A rotation changes the secret and nothing else, so that a body is refused."""
    made = await make(browser)
    url = f"{URL}/{made['id']}/rotate"
    assert (await browser.post(url, json=body)).status_code == 422
    assert (await browser.post(url, json={})).status_code == 200


@reaches_no_sql
async def test_other_bodies(browser: httpx.AsyncClient) -> None:
    """JSON and nothing else; no more than 16 KiB; a wrong method names the right ones."""
    assert (await browser.post(URL, data={"name": "x"})).status_code == 415
    assert (await browser.post(URL, content=b"x" * 17_000)).status_code == 413
    answer = await browser.put(URL)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_cap(browser: httpx.AsyncClient, clock: FrozenClock) -> None:
    """As many live tokens as the cap; a revoked or expired one makes room."""
    short = (clock.now + timedelta(days=1)).isoformat()
    made = [await make(browser, expires_at=short) for _ in range(5)]
    answer = await browser.post(URL, json={"name": "one more"})
    assert (answer.status_code, answer.json()["code"]) == (409, "token_limit_reached")
    await browser.delete(f"{URL}/{made[0]['id']}")
    await make(browser, expires_at=short)
    assert (await browser.post(URL, json={"name": "one more"})).status_code == 409
    # At the cap a token can still be rotated.
    assert (await browser.post(f"{URL}/{made[1]['id']}/rotate")).status_code == 200
    clock.advance(timedelta(days=1))
    await log_in(browser)
    await make(browser)


@pytest.mark.security(116)
async def test_events(
    browser: httpx.AsyncClient, events: list[AuthEvent], ada: User, caplog: Any
) -> None:
    """Each is told once, with the id and without the secret."""
    caplog.set_level("INFO", "piccolo_api_fastapi")
    events.clear()
    made = await make(browser)
    rotated = (await browser.post(f"{URL}/{made['id']}/rotate")).json()
    await browser.delete(f"{URL}/{made['id']}")
    await browser.delete(f"{URL}/{made['id']}")
    assert [(event.name, event.user, event.data["api_token"]) for event in events] == [
        (name, ada.id, made["id"])
        for name in ("authn_token_created", "authn_token_rotated", "authn_token_revoked")
    ]
    for secret in (made["token"], rotated["token"]):
        assert secret not in caplog.text


@pytest.mark.security(24)
@pytest.mark.security(110)
async def test_a_session_that_has_ended_makes_none(
    browser: httpx.AsyncClient,
    session: SessionAuth[User],
    token: TokenAuth[User],
    users: Users[User],
    ada: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A password change that overtakes a request stops what it would make or rotate."""
    kept = await token.create(ada, "kept")
    keeping = Users(keeps_on_new_password=[APIToken], clock=users.clock)
    seen: list[str] = []
    real = session.authenticate

    async def overtaken(connection: HTTPConnection) -> Any:
        found = await real(connection)
        if not seen:
            seen.append("once")
            await keeping.set_password(ada, "another correct horse")
        return found

    monkeypatch.setattr(session, "authenticate", overtaken)
    for path, body in ((URL, {"name": "evil"}), (f"{URL}/{kept.row.id}/rotate", None)):
        answer = await browser.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, SessionEnded.code)
        seen.clear()
        await users_log_in(browser, seen)
    rows = await APIToken.select(APIToken.name, APIToken.digest)
    assert rows == [{"name": "kept", "digest": kept.row.digest}]


async def users_log_in(browser: httpx.AsyncClient, seen: list[str]) -> None:
    """Log in again, past the trap."""
    seen.append("log in")
    answer = await log_in(browser, password="another correct horse")
    assert answer.status_code == 200
    seen.clear()


@pytest.mark.parametrize("table", [Customer, Member])
async def test_own_table(database: Any, table: Any) -> None:
    """With a user table of one's own, also one with other keys, everything works."""
    users: Users[Any] = Users(table)
    session = SessionAuth(users)
    token = TokenAuth(users)
    assert token.table is auth_tables(table).api_token
    app = FastAPI()
    install(app)
    app.include_router(token_router(token, session), prefix="/auth")
    ada = await users.create("ada", PASSWORD)
    async with new_client(app) as client:
        with acting_as(session, ada):
            made = await make(client)
            assert len((await client.get(URL)).json()) == 1
            assert (await client.post(f"{URL}/{made['id']}/rotate")).status_code == 200
            assert (await client.delete(f"{URL}/{made['id']}")).status_code == 204
    headers = bearer((await token.create(ada, "report")).secret)
    connection = {
        "type": "http",
        "headers": [(b"authorization", headers["Authorization"].encode())],
    }
    identity = await token.identify(HTTPConnection(connection))
    assert identity.user.username == "ada"
    await users.set_password(ada, "another correct horse")
    assert await token.table.count() == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_configuration(users: Users[User], token: TokenAuth[User]) -> None:
    """Users of another table, and guards that only machines pass, are refused."""
    guards: list[Any] = [SessionAuth(Users(Customer)), token, AnyOf(token)]
    for guard in guards:
        with pytest.raises(ConfigurationError):
            token_router(token, guard)
    with pytest.raises(ConfigurationError):
        token_router(token, SessionAuth(users), within=timedelta(0))


async def test_a_guard_without_api_tokens(
    session: SessionAuth[User], token: TokenAuth[User], ada: User
) -> None:
    """An API token cannot manage API tokens, and a guard that does not know it says so too."""
    app = FastAPI()
    install(app)
    app.include_router(token_router(token, session), prefix="/auth")
    headers = bearer((await token.create(ada, "ci")).secret)
    async with new_client(app) as client:
        for method in ("GET", "POST"):
            answer = await client.request(method, URL, json={"name": "x"}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "credential_not_allowed")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_openapi(app: FastAPI, jwt: JWTAuth[User]) -> None:
    """The operations, by the schemes of people, with examples; the scheme is listed."""
    document = expanded(app.openapi())
    scheme = document["components"]["securitySchemes"]["APIToken"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert scheme["bearerFormat"] == "pat_…"
    found = {
        entry["operationId"]: entry
        for path, item in document["paths"].items()
        for entry in item.values()
        if path.startswith(URL)
    }
    expected = {
        "list_api_tokens": "200 400 401 403 413 503",
        "create_api_token": "201 400 401 403 409 413 415 422 503",
        "rotate_api_token": "200 400 401 403 404 409 413 422 503",
        "revoke_api_token": "204 400 401 403 404 413 422 503",
    }
    assert expected == {name: " ".join(sorted(entry["responses"])) for name, entry in found.items()}
    for entry in found.values():
        assert entry["security"] == [{"Session": ["account"]}, {"JWT": ["account"]}]
        assert entry["summary"]
        assert entry["tags"] == ["API tokens"]
        examples = entry["responses"]["403"]["content"]["application/problem+json"]["examples"]
        assert {"credential_not_allowed", "cross_site_request"} <= set(examples)
    schemas = document["components"]["schemas"]
    for name in ("APITokenIn", "APITokenOut", "NewAPITokenOut"):
        assert schemas[name]["examples"]
    assert document["paths"]["/token"]["get"]["security"] == [{"APIToken": []}]
