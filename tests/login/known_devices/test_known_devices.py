"""Browsers in which people logged in before."""

from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AuthEvent,
    ConfigurationError,
    Cookie,
    KnownDevice,
    KnownDevices,
    Login,
    LoginLimits,
    SessionAuth,
    User,
    Users,
    auth_tables,
    delete_expired_devices,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.login.known_devices.queries import DEVICE_TOKEN
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import PASSWORD, log_in, new_client, reaches_no_sql
from tests.models import Customer, Member

NAME = "__Host-known-device"


async def flood(app: FastAPI, name: str = "ada", times: int = 6) -> None:
    """Guess at an account from elsewhere until it is limited."""
    async with new_client(app) as stranger:
        answers = [await log_in(stranger, name, "wrong") for _ in range(times)]
    assert answers[-1].status_code == 429


def elsewhere(app: FastAPI) -> httpx.AsyncClient:
    """A client with another address."""
    transport = httpx.ASGITransport(app=app, client=("192.0.2.2", 1))
    return httpx.AsyncClient(transport=transport, base_url="https://testserver")


@pytest.mark.security(94)
async def test_the_owner_of_a_flooded_account(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Where the owner logged in before they still do, by either name; elsewhere nobody does."""
    await log_in(client)
    await flood(app)
    assert (await log_in(client)).status_code == 200
    assert (await log_in(client, "ADA@example.com")).status_code == 200
    async with new_client(app) as stranger:
        assert (await log_in(stranger)).status_code == 429


async def test_what_unlocking_leaves(
    app: FastAPI, client: httpx.AsyncClient, users: Users[User], ada: User
) -> None:
    """The limit goes on for three minutes where the user is unknown, also with a new password."""
    await log_in(client)
    await flood(app)
    await users.unlock(ada)
    assert (await log_in(client)).status_code == 200
    async with new_client(app) as stranger:
        refused = await log_in(stranger)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "180")
        await users.set_password(ada, "another horse battery")
        assert (await log_in(stranger, "ada", "another horse battery")).status_code == 429


@pytest.mark.security(94)
@pytest.mark.usefixtures("unlimited")
async def test_the_owner_of_a_locked_account(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """What the database counts does not keep them out either, after a hundred wrong ones."""
    await log_in(client)
    async with new_client(app) as stranger:
        for _ in range(100):
            await log_in(stranger, "ada", "wrong")
            clock.advance(timedelta(minutes=15))
        assert (await log_in(stranger)).status_code == 401
        assert (await log_in(client)).status_code == 200
        assert (await log_in(stranger)).status_code == 401


@pytest.mark.security(93)
async def test_a_known_browser_is_limited(client: httpx.AsyncClient, ada: User) -> None:
    """It has five tries of its own, and no more."""
    await log_in(client)
    answers = [await log_in(client, "ada", "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


@pytest.mark.security(93)
@pytest.mark.parametrize("token", ["dev_x", "", "dev_" + "A" * 43 + "00000000", "\x80"])
async def test_not_for_others(
    app: FastAPI, client: httpx.AsyncClient, ada: User, grace: User, token: str
) -> None:
    """The browser of one user, and a made-up token, are no better than none for another."""
    await log_in(client, "grace")
    await flood(app)
    assert (await log_in(client)).status_code == 429
    async with new_client(app) as stranger:
        cookie = {"Cookie": f"{NAME}={token}".encode("latin-1")}
        body = {"username": "ada", "password": PASSWORD}
        answer = await stranger.post("/auth/login", json=body, headers=cookie)  # type: ignore[arg-type]
        assert answer.status_code == 429


def made_up(client: httpx.AsyncClient) -> None:
    """Let a client come with a token that looks like one, and is nobody's."""
    client.cookies.clear()
    client.cookies.set(NAME, DEVICE_TOKEN.generate(), domain="testserver.local")


@pytest.mark.security(99)
async def test_a_limited_address_costs_no_statement(
    client: httpx.AsyncClient, ada: User, statements: list[str]
) -> None:
    """Whoever is limited by address has no browser looked up."""
    for number in range(20):
        await log_in(client, f"user{number}", "wrong")
    made_up(client)
    statements.clear()
    assert (await log_in(client)).status_code == 429
    assert statements == []


@pytest.mark.security(99)
@pytest.mark.parametrize("of_address", [True, False])
@pytest.mark.parametrize("is_new", [True, False])
async def test_useless_tokens_are_looked_up_so_often(
    users: Users[User], ada: User, statements: list[str], *, of_address: bool, is_new: bool
) -> None:
    """
    Made-up tokens at an account that is limited are looked up twenty times, from one address, or
    each, where addresses are not counted. The owner's browser is known all the same.
    """
    login = Login(users, limits=LoginLimits() if of_address else LoginLimits(address=None))
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), login), prefix="/auth")
    async with new_client(app) as owner:
        await log_in(owner)
        await flood(app)
        async with elsewhere(app) as stranger:
            made_up(stranger)
            statements.clear()
            for _ in range(30):
                if is_new:
                    made_up(stranger)
                assert (await log_in(stranger)).status_code == 429
            assert len(statements) == (30 if is_new and not of_address else 20)
        assert (await log_in(owner)).status_code == 200


@pytest.mark.security(94)
async def test_a_new_password_forgets_them(
    app: FastAPI, client: httpx.AsyncClient, users: Users[User], ada: User, grace: User
) -> None:
    """Whoever knew the old password guesses at the new one like anybody else."""
    await log_in(client)
    async with new_client(app) as other:
        await log_in(other, "grace")
    await users.set_password(ada, "another horse battery")
    [left] = await KnownDevice.select(KnownDevice.user)
    assert left["user"] == grace.id
    await flood(app)
    assert (await log_in(client, "ada", "wrong")).status_code == 429


async def test_it_is_no_way_in(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """The cookie alone opens nothing, is stored as a digest, and is new after each login."""
    await log_in(client)
    first = client.cookies[NAME]
    await log_in(client)
    second = client.cookies[NAME]
    assert first != second
    [row] = await KnownDevice.select()
    assert second not in str(row)
    async with new_client(app) as thief:
        thief.cookies.set(NAME, second)
        assert (await thief.get("/me")).status_code == 401


@pytest.mark.security(18)
async def test_the_cookie(client: httpx.AsyncClient, ada: User) -> None:
    """It has the strictest attributes and lasts a year; a wrong password gets none."""
    wrong = await log_in(client, "ada", "wrong")
    assert "set-cookie" not in wrong.headers
    _, header = (await log_in(client)).headers.get_list("set-cookie")
    assert header.startswith(f"{NAME}=dev_")
    assert header.endswith("; Max-Age=31536000; Path=/; SameSite=Lax; HttpOnly; Secure")


async def test_several_cookies(app: FastAPI, ada: User, grace: User, clock: FrozenClock) -> None:
    """Of several cookies, as after a change of their domain, the one of the user counts."""
    tokens = []
    for name in ("grace", "ada"):
        async with new_client(app) as browser:
            await log_in(browser, name)
            tokens.append(browser.cookies[NAME])
    await flood(app)
    header = "; ".join(f"{NAME}={token}" for token in [*tokens, DEVICE_TOKEN.generate(), "other"])
    async with new_client(app) as browser:
        browser.headers["Cookie"] = header
        assert (await log_in(browser)).status_code == 200
        kept = await KnownDevice.select(KnownDevice.digest, KnownDevice.user)
        assert sorted(row["user"] for row in kept) == [ada.id, grace.id]
        assert DEVICE_TOKEN.digest(tokens[1]) not in [row["digest"] for row in kept]
        many = "; ".join(f"{NAME}={DEVICE_TOKEN.generate()}" for _ in range(4))
        browser.headers["Cookie"] = f"{many}; {NAME}={browser.cookies[NAME]}"
        browser.cookies.clear()
        assert (await log_in(browser)).status_code == 429


@pytest.mark.security(26)
async def test_an_imitated_cookie(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """Beside a cookie whose name only looks like it, none is believed."""
    await log_in(client)
    token = client.cookies[NAME]
    await flood(app)
    async with new_client(app) as other:
        other.headers["Cookie"] = f"{NAME}={token}; {NAME.lower()}={token}"
        assert (await log_in(other)).status_code == 429


async def test_former_cookies(users: Users[User], ada: User) -> None:
    """A login removes the cookies that it formerly was."""
    cookie = Cookie("device", formerly=[Cookie("device", path="/auth")])
    login = Login(users, known_devices=KnownDevices(users, cookie=cookie))
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), login), prefix="/auth")
    async with new_client(app) as client:
        _, *headers = (await log_in(client)).headers.get_list("set-cookie")
    assert headers[0] == "device=; Max-Age=0; Path=/auth; SameSite=Lax; HttpOnly; Secure"
    assert headers[1].startswith("device=dev_")


async def test_it_is_forgotten(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A browser that was not used for a year is unknown, and swept; it goes with its user, too."""
    await log_in(client)
    clock.advance(timedelta(days=365))
    await flood(app)
    assert (await log_in(client)).status_code == 429
    assert await delete_expired_devices(now=clock.now - timedelta(seconds=1)) == 0
    assert await delete_expired_devices(now=clock.now) == 1
    async with new_client(app) as other:
        await log_in(other, "ada@example.com")
    await User.delete().where(User.id == ada.id)
    assert await KnownDevice.count() == 0


async def test_so_many_are_known(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """
    Of more than so many browsers those seen longest ago are forgotten. Logins at once do not wait
    for each other, and what they leave beyond that the next one forgets.
    """
    login = Login(users, known_devices=KnownDevices(users, cap=3))
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), login), prefix="/auth")

    async def log_in_anew() -> int:
        async with new_client(app) as client:
            return (await log_in(client)).status_code

    assert await race(log_in_anew, 12) == [200] * 12
    assert await log_in_anew() == 200
    assert await KnownDevice.count() == 3


async def test_none_are_known(users: Users[User], ada: User) -> None:
    """`known_devices=False` sets no cookie and asks for none."""
    app = FastAPI()
    login = Login(users, known_devices=False)
    app.include_router(session_router(SessionAuth(users), login), prefix="/auth")
    async with new_client(app) as client:
        await log_in(client)
        assert list(client.cookies) == ["__Host-session"]
        assert (await log_in(client)).status_code == 200
    assert await KnownDevice.count() == 0


async def test_a_cookie_of_ones_own(users: Users[User], ada: User) -> None:
    """The cookie can be configured, for development without https."""
    cookie = Cookie.insecure_for_http_on_localhost("device")
    login = Login(users, known_devices=KnownDevices(users, cookie=cookie))
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), login), prefix="/auth")
    async with new_client(app) as client:
        await log_in(client)
        assert set(client.cookies) == {"__Host-session", "device"}


@pytest.mark.security(116)
async def test_a_login_is_told_with_its_session(
    client: httpx.AsyncClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`authn_login_success` is told in the transaction of the session, or not at all."""
    told: list[str] = []

    def refuse(event: AuthEvent) -> None:
        told.append(event.name)
        if event.name == "authn_login_success":
            raise RuntimeError

    stop = subscribe(refuse, when="before_commit")
    assert (await log_in(client)).status_code == 500
    stop()
    assert told == ["authn_login_success"]
    assert (await client.get("/me")).status_code == 401
    assert await KnownDevice.count() == 0


async def test_other_users(database: Any) -> None:
    """It works with a user table of one's own, and for no other than that of the login."""
    customers: Users[Customer] = Users(Customer)
    await customers.create("carol", PASSWORD)
    app = FastAPI()
    app.include_router(session_router(SessionAuth(customers)), prefix="/auth")
    async with new_client(app) as client:
        await log_in(client, "carol")
        await flood(app, "carol")
        assert (await log_in(client, "carol")).status_code == 200
    assert await auth_tables(Customer).known_device.count() == 1
    with pytest.raises(ConfigurationError, match="the user table of the login"):
        Login(customers, known_devices=cast("Any", KnownDevices()))


@pytest.mark.parametrize("options", [{"cap": 0}, {"lifetime": timedelta(hours=1)}])
def test_none_would_ever_be_known(options: Any) -> None:
    """Settings by which no browser is ever known are refused."""
    with pytest.raises(ConfigurationError):
        KnownDevices(**options)


@reaches_no_sql
def test_cookies_of_user_tables(users: Users[User]) -> None:
    """Each user table has a cookie of its own, so that one login does not forget the other."""
    assert KnownDevices(users).cookie.name == NAME
    assert KnownDevices(Users(Customer)).cookie.name == f"{NAME}-customer"
    assert KnownDevices(Users(Member)).cookie.name == f"{NAME}-member"
    assert KnownDevices(Users(Customer), cookie=Cookie(NAME)).cookie.name == NAME
