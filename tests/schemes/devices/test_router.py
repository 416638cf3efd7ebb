"""All that is signed in as a user, in one list: who sees it, and who ends what."""

import asyncio
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    AnyOf,
    AuthEvent,
    ConfigurationError,
    JWTAuth,
    NewToken,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    devices_router,
    install,
    jwt_router,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.errors import NotFound
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, SECRET, bearer, get_tokens, log_in, new_client, reaches_no_sql
from tests.models import Customer


@lru_cache
def make(users: Users[User]) -> tuple[FastAPI, TokenAuth[User]]:
    """An application with all schemes, two of them for sessions."""
    site, staff = SessionAuth(users), SessionAuth(users, name="staff")
    jwt, token = JWTAuth(users, secret=SECRET), TokenAuth(users)
    app, guard = FastAPI(), AnyOf(site, jwt, staff)
    install(app)
    app.include_router(session_router(site), prefix="/auth")
    app.include_router(session_router(staff), prefix="/staff")
    app.include_router(jwt_router(jwt), prefix="/auth")
    app.include_router(devices_router(guard, token), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(AnyOf(site, jwt, staff, token))]) -> str:
        return str(user.username)

    return app, token


def written(at: datetime) -> str:
    """A time in JSON."""
    return at.isoformat().replace("+00:00", "Z")


class SignedIn:
    """A user by every kind of credential, made a minute apart from each other."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.headers: dict[str, dict[str, str]] = {}
        self.token: NewToken

    async def start(self, users: Users[User], token: TokenAuth[User], user: User) -> None:
        """Sign in everywhere."""
        clock, self.client.headers["User-Agent"] = users.clock, "Firefox"
        assert isinstance(clock, FrozenClock)
        for kind, prefix in (("session", "/auth"), ("staff", "/staff")):
            body = {"username": user.username, "password": PASSWORD}
            answer = await self.client.post(f"{prefix}/login", json=body)
            cookie = answer.headers["set-cookie"].partition(";")[0]
            self.headers[kind] = {"Cookie": cookie}
            self.client.cookies.clear()
            clock.advance(timedelta(minutes=1))
        tokens = await get_tokens(self.client, user.username)
        self.headers["app"] = bearer(tokens["access_token"])
        clock.advance(timedelta(minutes=1))
        self.token = await token.create(user, "nightly report")
        self.headers["api_token"] = bearer(self.token.secret)

    async def devices(self, by: str = "session") -> list[dict[str, Any]]:
        """The list, as one of them sees it."""
        answer = await self.client.get("/auth/devices", headers=self.headers[by])
        assert answer.status_code == 200
        listed: list[dict[str, Any]] = answer.json()
        return listed

    async def end(self, by: str, kind: str, device: Any) -> httpx.Response:
        """End one of them by another."""
        return await self.client.delete(f"/auth/devices/{kind}/{device}", headers=self.headers[by])

    async def alive(self) -> set[str]:
        """Those that still open the application."""
        return {
            kind
            for kind, headers in self.headers.items()
            if (await self.client.get("/me", headers=headers)).status_code == 200
        }


@pytest.fixture
async def mine(users: Users[User], ada: User, unlimited: None) -> Any:
    """Ada, signed in everywhere."""
    app, token = make(users)
    async with new_client(app) as client:
        mine = SignedIn(client)
        await mine.start(users, token, ada)
        yield mine


@pytest.mark.security(25)
@pytest.mark.parametrize("by", ["session", "app", "staff"])
async def test_list(mine: SignedIn, clock: FrozenClock, by: str) -> None:
    """A session and a JWT list all that is signed in, newest first, and which they are."""
    listed = await mine.devices(by)
    kinds = ["api_token", "app", "session", "session"]
    assert [device["kind"] for device in listed] == kinds
    expected = {"session": 3, "app": 1, "staff": 2}[by]
    assert [device["current"] for device in listed].index(True) == expected
    assert sum(device["current"] for device in listed) == 1
    token, app, *_ = listed
    assert token == {
        "kind": "api_token",
        "id": str(mine.token.row.id),
        "name": "nightly report",
        "current": False,
        "created_at": written(clock.now),
        "last_seen_at": None,
        "expires_at": written(clock.now + timedelta(days=365)),
        "ip": None,
        "user_agent": None,
    }
    assert (app["name"], app["user_agent"], app["ip"]) == (None, "Firefox", "127.0.0.1")
    assert app["last_seen_at"] == app["created_at"] < app["expires_at"]


async def test_last_use(mine: SignedIn, clock: FrozenClock) -> None:
    """What is used again was seen then, and is still as old as it was."""
    before = (await mine.devices())[0]
    clock.advance(timedelta(hours=1))
    await mine.client.get("/me", headers=mine.headers["api_token"])
    after = (await mine.devices())[0]
    assert before["last_seen_at"] is None
    assert after["last_seen_at"] == written(clock.now)
    assert before["created_at"] == after["created_at"]


@pytest.mark.security(25)
@pytest.mark.parametrize("by", ["session", "app"])
@pytest.mark.parametrize("other", ["session", "staff", "app", "api_token"])
async def test_end(mine: SignedIn, by: str, other: str) -> None:
    """Each ends each, itself included; the others stay. It is an event of its own kind."""
    order = ["api_token", "app", "staff", "session"]
    device = (await mine.devices())[order.index(other)]
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    answer = await mine.end(by, device["kind"], device["id"])
    stop()
    assert (answer.status_code, answer.content) == (204, b"")
    assert await mine.alive() == {*order} - {other}
    data = {"session": "session", "staff": "session", "app": "family", "api_token": "api_token"}
    assert [event.data.get(data[other]) for event in events] == [device["id"]]


@pytest.mark.security(25)
@pytest.mark.parametrize("kind", ["session", "app", "api_token"])
async def test_devices_of_others(
    mine: SignedIn, users: Users[User], grace: User, kind: str
) -> None:
    """What is another's is missing, in the same bytes; and so is what has another kind."""
    app, token = make(users)
    async with new_client(app) as client:
        theirs = SignedIn(client)
        await theirs.start(users, token, grace)
        found = [device for device in await theirs.devices() if device["kind"] == kind]
        answers = [await mine.end("session", kind, device["id"]) for device in found]
        assert await theirs.alive() == {"session", "staff", "app", "api_token"}
    missing = await mine.end("session", kind, uuid4())
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert {answer.content for answer in answers} == {missing.content}
    assert {tuple(sorted(answer.headers.items())) for answer in answers} == {
        tuple(sorted(missing.headers.items()))
    }
    [own, *_] = [device for device in await mine.devices() if device["kind"] != kind]
    assert (await mine.end("session", kind, own["id"])).content == missing.content
    assert (await mine.end("session", "browser", own["id"])).content == missing.content
    assert (await mine.end("session", kind, "x")).status_code == 422


@pytest.mark.security(25)
async def test_who_may(mine: SignedIn, ada: User) -> None:
    """An API token and a narrowed JWT neither list nor end anything."""
    token = (await get_tokens(mine.client, scope="")).get("access_token", "")
    assert (await mine.client.get("/auth/devices", headers=bearer(token))).status_code == 200
    await ada.update_self({User.admin: True})
    narrowed = await get_tokens(mine.client, scope="admin")
    mine.headers["narrowed"] = bearer(narrowed["access_token"])
    for by, code in (("api_token", "credential_not_allowed"), ("narrowed", "insufficient_scope")):
        for method in ("GET", "DELETE"):
            path = "" if method == "GET" else f"/api_token/{mine.token.row.id}"
            answer = await mine.client.request(
                method, f"/auth/devices{path}", headers=mine.headers[by]
            )
            assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert (await mine.client.get("/auth/devices")).status_code == 401
    assert "api_token" in await mine.alive()


async def test_another_site(mine: SignedIn) -> None:
    """A page of another site does not end a device by the cookie of this one."""
    headers = mine.headers["session"] | {"Sec-Fetch-Site": "cross-site"}
    path = f"/auth/devices/api_token/{mine.token.row.id}"
    answer = await mine.client.delete(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


async def test_statements(mine: SignedIn, statements: list[str]) -> None:
    """The list is a statement for each scheme and one for the guard, however long it is."""
    listed = await mine.devices()  # which writes that the session was used
    for _ in range(2):
        statements.clear()
        await mine.devices()
        assert len(statements) == 5
        for _ in range(3):
            await log_in(mine.client)
            mine.client.cookies.clear()
    [app] = [device["id"] for device in listed if device["kind"] == "app"]
    statements.clear()
    assert (await mine.end("app", "app", app)).status_code == 204
    assert len(statements) == 2


@pytest.mark.parametrize("kind", ["session", "app", "api_token"])
async def test_many_at_once(mine: SignedIn, users: Users[User], kind: str) -> None:
    """Of 24 requests that end one device at once, one does; the others find none."""
    device = [device for device in await mine.devices("staff") if device["kind"] == kind][-1]
    answers = await asyncio.gather(*(mine.end("staff", kind, device["id"]) for _ in range(24)))
    assert sorted(answer.status_code for answer in answers) == [204, *[404] * 23]


@reaches_no_sql
def test_openapi(users: Users[User]) -> None:
    """The kinds are listed, and so are the schemes for people and the errors."""
    paths = make(users)[0].openapi()["paths"]
    entry = paths["/auth/devices/{kind}/{device_id}"]["delete"]
    assert entry["parameters"][0]["schema"]["enum"] == ["session", "app", "api_token"]
    assert " ".join(sorted(entry["responses"])) == "204 400 401 403 404 413 422 503"
    names = [name for alternative in entry["security"] for name in alternative]
    assert names == ["Session", "JWT", "StaffSession"]
    assert entry["tags"] == paths["/auth/devices"]["get"]["tags"] == ["devices"]


@reaches_no_sql
def test_one_name(users: Users[User], session: SessionAuth[User]) -> None:
    """A router whose schemes have one name has it in its operations."""
    staff = [SessionAuth(users, name="staff"), JWTAuth(users, secret=SECRET, name="staff")]
    routers = devices_router(AnyOf(*staff)), devices_router(session, operation_prefix="v2")
    found = [[getattr(route, "operation_id", "") for route in router.routes] for router in routers]
    assert found == [
        ["staff_list_devices", "staff_end_device"],
        ["v2_list_devices", "v2_end_device"],
    ]


async def test_the_same_sessions(users: Users[User], ada: User) -> None:
    """Two schemes with the same sessions list each once."""
    one, other = SessionAuth(users, name="one"), SessionAuth(users, name="one")
    app = FastAPI()
    app.include_router(session_router(one), prefix="/auth")
    app.include_router(devices_router(one, other), prefix="/auth")
    async with new_client(app) as client:
        await log_in(client)
        assert len((await client.get("/auth/devices")).json()) == 1


@reaches_no_sql
def test_configuration(users: Users[User], session: SessionAuth[User]) -> None:
    """Nothing to list, two user tables, and machines only are refused."""
    with pytest.raises(ConfigurationError, match="in_person"):
        devices_router(TokenAuth(users))
    with pytest.raises(ConfigurationError, match="one user table"):
        devices_router(session, TokenAuth(Users(Customer)))
    with pytest.raises(ConfigurationError, match="a scheme such as SessionAuth"):
        devices_router(StaticTokens({"ada": SECRET.replace(" ", "-")}, users))


async def test_a_scheme_of_ones_own(users: Users[User], ada: User) -> None:
    """A scheme that says nothing of its credentials lists none, and has none to end."""

    class Door(Scheme[User]):
        transport, challenge, documented_errors = "header", "Door", ()
        scheme_name, model = "Door", SessionAuth(users).model

        async def authenticate(self, connection: Any) -> Identity[User] | None:  # noqa: ARG002
            return None

    door = Door()
    assert await door.devices(ada) == ()
    with pytest.raises(NotFound):
        await door.end_device(ada, UUID(int=0))
