"""Sessions from login to logout."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi import (
    AuthEvent,
    ConfigurationError,
    Cookie,
    Login,
    Session,
    SessionAuth,
    User,
    Users,
    auth_tables,
    delete_expired_sessions,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.schemes.sessions.queries import SESSION_TOKEN, Lifetimes
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import PASSWORD, log_in, new_client, reaches_no_sql
from tests.models import Customer

NAME = "__Host-session"
ZONE = "TZ"


async def row() -> Session:
    """The one session there is."""
    [found] = await Session.objects()
    return found


def application(session: SessionAuth[User]) -> FastAPI:
    """An application with this scheme alone."""
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(session)]) -> str:
        return user.username

    return app


@pytest.mark.security(18)
async def test_cookie(client: httpx.AsyncClient, ada: User) -> None:
    """The answer sets the strictest cookie, and is not stored anywhere (D-C2)."""
    answer = await log_in(client)
    assert answer.json() == {
        "status": "signed_in",
        "user": {"id": ada.id, "username": "ada", "email": "ada@example.com"},
    }
    header, device = answer.headers.get_list("set-cookie")
    assert device.startswith("__Host-known-device=dev_")
    assert header.startswith(f"{NAME}=ses_")
    assert header.endswith("; Max-Age=2592000; Path=/; SameSite=Lax; HttpOnly; Secure")
    assert len(header) <= 4096
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.security(17)
async def test_the_table_opens_nothing(client: httpx.AsyncClient, ada: User) -> None:
    """No stored value is the token, and none is accepted as one (D-S1)."""
    await log_in(client)
    token = client.cookies[NAME]
    [values] = await Session.select()
    client.cookies.clear()
    for value in values.values():
        assert len(str(value)) < 16 or str(value) not in token
        answer = await client.get("/me", headers={"Cookie": f"{NAME}={value}"})
        assert answer.status_code == 401


@pytest.mark.security(19)
@pytest.mark.security(20)
async def test_fixation(client: httpx.AsyncClient, ada: User) -> None:
    """A login never takes the session it came with: it gets a new one, the old one ends."""
    await log_in(client)
    old = client.cookies[NAME]
    await log_in(client)
    assert old != client.cookies[NAME]
    assert await Session.count() == 1
    client.cookies.clear()
    # Well-formed, or the look-up would not see it.
    planted = SESSION_TOKEN.generate()
    assert SESSION_TOKEN.digest(planted) is not None
    headers = {"Cookie": f"{NAME}={planted}"}
    credentials = {"username": "ada", "password": PASSWORD}
    answer = await client.post("/auth/login", json=credentials, headers=headers)
    assert answer.status_code == 200
    assert planted not in answer.headers["set-cookie"]
    assert await Session.exists().where(Session.digest == SESSION_TOKEN.digest(planted)) is False
    client.cookies.clear()
    for dead in (old, planted):
        answer = await client.get("/me", headers={"Cookie": f"{NAME}={dead}"})
        assert answer.status_code == 401


@pytest.mark.security(21)
async def test_logout(client: httpx.AsyncClient, ada: User) -> None:
    """The row is gone, the cookie cleared by the same attributes, the browser told (D-S13)."""
    await log_in(client)
    token = client.cookies[NAME]
    answer = await client.post("/auth/logout")
    assert answer.status_code == 204
    assert answer.headers["set-cookie"] == (
        f"{NAME}=; Max-Age=0; Path=/; SameSite=Lax; HttpOnly; Secure"
    )
    assert "clear-site-data" not in answer.headers
    replay = await client.get("/me", headers={"Cookie": f"{NAME}={token}"})
    assert (replay.status_code, replay.json()["code"]) == (401, "invalid_session")
    assert (await client.post("/auth/logout")).status_code == 204
    unreadable = {"Cookie": f"{NAME}=a; {NAME.lower()}=b"}
    assert (await client.post("/auth/logout", headers=unreadable)).status_code == 204


@pytest.mark.security(22)
async def test_idle(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """One second before the idle timeout it lives, at the timeout it is dead (D-S8)."""
    await log_in(client)
    clock.advance(timedelta(days=14) - timedelta(seconds=1))
    assert (await client.get("/me")).status_code == 200
    clock.advance(timedelta(days=14) - timedelta(seconds=1))
    assert (await client.get("/me")).status_code == 200
    clock.now = (await row()).last_seen_at + timedelta(days=14)
    assert (await client.get("/me")).status_code == 401


@pytest.mark.security(22)
async def test_absolute(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Activity moves no session past its absolute lifetime (D-S8)."""
    await log_in(client)
    for _ in range(29):
        clock.advance(timedelta(days=1))
        assert (await client.get("/me")).status_code == 200
    found = await row()
    assert found.expires_at == found.absolute_expires_at
    clock.now = found.absolute_expires_at - timedelta(seconds=1)
    assert (await client.get("/me")).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert (await client.get("/me")).status_code == 401


async def test_last_seen(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Activity is written once a minute at most, and nothing else of the row with it."""
    await log_in(client)
    start = clock.now
    clock.advance(timedelta(seconds=59))
    await client.get("/me")
    assert (await row()).last_seen_at == start
    clock.advance(timedelta(seconds=1))
    await asyncio.gather(*(client.get("/me") for _ in range(5)))
    found = await row()
    assert (found.last_seen_at, found.created_at) == (clock.now, start)
    assert found.expires_at == clock.now + timedelta(days=14)


async def test_time_zones(
    client: httpx.AsyncClient, ada: User, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock
) -> None:
    """Where a process runs changes no lifetime (D-S3)."""
    import time

    clock.now = datetime(2026, 3, 29, 0, 30, tzinfo=timezone.utc)
    monkeypatch.setenv(ZONE, "America/New_York")
    time.tzset()
    await log_in(client)
    monkeypatch.setenv(ZONE, "Asia/Tokyo")
    time.tzset()
    clock.advance(timedelta(days=14) - timedelta(seconds=1))
    assert (await client.get("/me")).status_code == 200
    monkeypatch.delenv(ZONE)
    time.tzset()


@pytest.mark.security(23)
@pytest.mark.security(15)
async def test_disabled(client: httpx.AsyncClient, ada: User) -> None:
    """A user who is disabled is out at once, and back in when enabled (D-S7)."""
    await log_in(client)
    await User.update({User.active: False}).where(User.id == ada.id)
    assert (await client.get("/me")).status_code == 401
    await User.update({User.active: True}).where(User.id == ada.id)
    assert (await client.get("/me")).status_code == 200


@pytest.mark.security(23)
async def test_deleted(client: httpx.AsyncClient, ada: User, users: Users[User]) -> None:
    """The cookie of a deleted user is nobody's, whoever gets the id next (D-S2)."""
    await log_in(client)
    await User.delete().where(User.id == ada.id)
    await users.create("bob", PASSWORD)
    assert await Session.count() == 0
    assert (await client.get("/me")).status_code == 401


@pytest.mark.security(24)
async def test_password_change(
    client: httpx.AsyncClient, app: FastAPI, ada: User, users: Users[User]
) -> None:
    """A new password ends every session but the one that is kept (D-U7)."""
    async with new_client(app) as other:
        await log_in(other)
        await log_in(client)
        sessions = (await client.get("/auth/sessions")).json()
        current = next(item["id"] for item in sessions if item["current"])
        await users.set_password(ada, "another horse battery", keep=current)
        assert (await client.get("/me")).status_code == 200
        assert (await other.get("/me")).status_code == 401
        await users.set_password(ada, "yet another battery")
        assert (await client.get("/me")).status_code == 401


@pytest.mark.security(25)
@pytest.mark.security(119)
async def test_list_and_end(
    client: httpx.AsyncClient, app: FastAPI, ada: User, grace: User, clock: FrozenClock
) -> None:
    """One sees and ends one's own; somebody else's is a 404 and lives on."""
    async with new_client(app) as phone, new_client(app) as stranger:
        await log_in(stranger, "grace")
        await log_in(client)
        clock.advance(timedelta(minutes=1))
        await log_in(phone)
        [theirs] = (await stranger.get("/auth/sessions")).json()
        listed = (await client.get("/auth/sessions")).json()
        assert [item["current"] for item in listed] == [False, True]
        assert listed[1]["ip"] == "127.0.0.1"
        assert listed[1]["user_agent"].startswith("python-httpx")
        assert listed[0]["created_at"] == "2026-01-01T00:01:00Z"
        for unknown in (theirs["id"], "00000000-0000-0000-0000-000000000000"):
            answer = await client.delete(f"/auth/sessions/{unknown}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await stranger.get("/me")).status_code == 200
        url = f"/auth/sessions/{listed[0]['id'].upper()}"
        assert (await client.delete(url)).status_code == 204
        assert (await phone.get("/me")).status_code == 401
        await log_in(phone)
        assert (await client.delete("/auth/sessions")).status_code == 204
        assert (await phone.get("/me")).status_code == 401
        assert (await client.get("/me")).status_code == 200
        assert (await stranger.get("/me")).status_code == 200


async def test_events(client: httpx.AsyncClient, app: FastAPI, ada: User) -> None:
    """Each session that its owner ends is told, with its id and never its token."""
    events: list[AuthEvent] = []
    async with new_client(app) as one, new_client(app) as two:
        for browser in (client, one, two):
            await log_in(browser)
        listed = (await client.get("/auth/sessions")).json()
        [current] = [item["id"] for item in listed if item["current"]]
        others = [item["id"] for item in listed if not item["current"]]
        stop = subscribe(events.append)
        await client.delete(f"/auth/sessions/{others[0]}")
        await client.delete("/auth/sessions")
        await client.post("/auth/logout")
        stop()
    assert [event.name for event in events] == ["session_ended"] * 3
    assert [event.data["session"] for event in events] == [*others, current]
    assert {event.user for event in events} == {ada.id}
    assert "ses_" not in repr(events)


@pytest.mark.security(105)
async def test_user_agent(client: httpx.AsyncClient, ada: User) -> None:
    """Cut at 255, without control characters."""
    credentials = {"username": "ada", "password": PASSWORD}
    headers: Any = {"User-Agent": b"evil\x1b[31m" + b"x" * 300}
    await client.post("/auth/login", json=credentials, headers=headers)
    agent = (await row()).user_agent
    assert agent == "evil?[31m" + "x" * 246


@pytest.mark.security(105)
@pytest.mark.parametrize(
    ("host", "recorded"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1234:5678:9abc:def0%a-very-long-interface-name", "fe80::1234:5678:9abc:def0"),
        ("unknown", None),
        ("x" * 500, None),
        ("1.2.3.4\r\nX: y", None),
        ("", None),
    ],
)
async def test_addresses(
    session: SessionAuth[User], ada: User, host: str, recorded: str | None
) -> None:
    """What a proxy passes on is recorded when it is an address, and harms nothing otherwise."""
    scope = {"type": "http", "headers": [], "client": (host, 1)}
    await session.sign_in(HTTPConnection(scope), Response(), ada)
    assert recorded == (await row()).ip


async def test_no_client(users: Users[User], ada: User, session: SessionAuth[User]) -> None:
    """Behind a Unix socket there is no address, and that is fine."""
    await session.sign_in(HTTPConnection({"type": "http", "headers": []}), Response(), ada)
    found = await row()
    assert found.ip is None
    assert found.user_agent is None


@pytest.mark.security(26)
@pytest.mark.parametrize(
    "cookie",
    ["\xa0{0}; {0}", "{0}; __host-session=x", "={0}"],
)
async def test_look_alikes(client: httpx.AsyncClient, ada: User, cookie: str) -> None:
    """A cookie that imitates ours is refused."""
    await log_in(client)
    good = f"{NAME}={client.cookies[NAME]}"
    client.cookies.clear()
    headers: Any = {"Cookie": cookie.format(good).encode("latin-1")}
    answer = await client.get("/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_session")
    assert "WWW-Authenticate" in answer.headers


async def test_a_neighbour_of_another_case(ada: User, users: Users[User]) -> None:
    """Beside the cookie of another application whose name differs in case, a session works."""
    session = SessionAuth(users, cookie=Cookie(name="session"))
    async with new_client(application(session)) as client:
        await log_in(client)
        own = f"session={client.cookies['session']}"
        client.cookies.clear()
        for other in ("SESSION", "Session", "session_id"):
            answer = await client.get("/me", headers={"Cookie": f"{other}=c2Vzc2lvbg; {own}"})
            assert (answer.status_code, answer.json()) == (200, "ada")


@reaches_no_sql
@pytest.mark.parametrize("token", ["x", "ses_" + "A" * 51, "\xe9", "x" * 5000, '"quoted"'])
async def test_unknown_tokens(client: httpx.AsyncClient, database: Any, token: str) -> None:
    """A token that is no good is a 401 with a challenge (D-S5)."""
    headers: Any = {"Cookie": f"{NAME}={token}".encode("latin-1")}
    answer = await client.get("/session", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Cookie")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_cap(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """Beyond the cap the oldest give way, also under 24 logins at once."""
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users, cap=2)), prefix="/auth")

    async def enter() -> int:
        async with new_client(app) as client:
            return (await log_in(client)).status_code

    assert await enter() == 200
    oldest = (await row()).id
    clock.advance(timedelta(minutes=1))
    assert {200} == set(await race(enter))
    left = await Session.select(Session.id)
    assert len(left) == 2
    assert oldest not in [item["id"] for item in left]


async def test_racing_logins(app: FastAPI, ada: User) -> None:
    """24 logins at once are 24 sessions, all alive."""

    async def enter() -> int:
        async with new_client(app) as client:
            await log_in(client)
            return (await client.get("/me")).status_code

    assert await race(enter) == [200] * 24
    assert await Session.count() == 24


async def test_racing_revocations(client: httpx.AsyncClient, ada: User) -> None:
    """24 logouts at once: all are answered, the session is gone."""
    await log_in(client)
    cookie = {"Cookie": f"{NAME}={client.cookies[NAME]}"}
    client.cookies.clear()

    async def leave() -> int:
        return (await client.post("/auth/logout", headers=cookie)).status_code

    assert await race(leave) == [204] * 24
    assert (await client.get("/me", headers=cookie)).status_code == 401


async def test_delete_expired(
    client: httpx.AsyncClient, app: FastAPI, ada: User, clock: FrozenClock
) -> None:
    """Expired rows go in batches, live ones stay (D-S9)."""
    for _ in range(5):
        async with new_client(app) as other:
            await log_in(other)
    clock.advance(timedelta(days=14))
    await log_in(client)
    assert await delete_expired_sessions(now=clock.now, batch=2) == 5
    assert await delete_expired_sessions(now=clock.now) == 0
    assert (await client.get("/me")).status_code == 200


async def test_index(client: httpx.AsyncClient, ada: User, database: Any) -> None:
    """The lookup uses the unique index of the digest (D-S4)."""
    if database.engine_type == "sqlite":
        plan = await Session.raw("EXPLAIN QUERY PLAN SELECT * FROM auth_session WHERE digest = 'x'")
    else:
        await Session.raw("SET enable_seqscan = off")
        plan = await Session.raw("EXPLAIN SELECT * FROM auth_session WHERE digest = 'x'")
        await Session.raw("SET enable_seqscan = on")
    assert "index" in str(plan).lower()


@pytest.mark.parametrize(
    ("preset", "idle", "absolute"),
    [
        (SessionAuth.aal1, timedelta(days=30), timedelta(days=30)),
        (SessionAuth.aal2, timedelta(hours=1), timedelta(hours=24)),
        (SessionAuth.aal3, timedelta(minutes=15), timedelta(hours=12)),
    ],
)
def test_presets(preset: Any, idle: timedelta, absolute: timedelta) -> None:
    """The bounds of NIST SP 800-63B-4."""
    assert Lifetimes(idle, absolute) == preset().lifetimes
    assert Cookie("s") == preset(Users(), cookie=Cookie("s")).cookie


@pytest.mark.parametrize(
    "options",
    [
        {"cap": 0},
        {"idle": timedelta(minutes=1)},
        {"idle": timedelta(days=31)},
        {"table": auth_tables(Customer).session},
    ],
)
def test_configuration(options: dict[str, Any]) -> None:
    """Contradictions raise when the scheme is made."""
    with pytest.raises(ConfigurationError):
        SessionAuth(**options)


def test_other_users() -> None:
    """A router's login and session are for the same users."""
    with pytest.raises(ConfigurationError):
        session_router(SessionAuth(), Login(Users(Customer)))  # type: ignore[misc]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_clearing_data(ada: User, users: Users[User]) -> None:
    """A logout clears the data that the application names, and no other."""
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users, clears=("cache", "storage"))))
    async with new_client(app) as client:
        answer = await client.post("/logout")
        assert answer.headers["clear-site-data"] == '"cache", "storage"'
    for wrong in ("cache", ["cookies"], ["storage", "*"]):
        with pytest.raises(ConfigurationError, match="clears"):
            SessionAuth(users, clears=wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
