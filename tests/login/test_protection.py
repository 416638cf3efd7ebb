"""Guessing at logins: by address, by account, at once, and what it does to everybody else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AuthError,
    ClientInfo,
    ConfigurationError,
    JWTAuth,
    Login,
    LoginAttempt,
    LoginLimits,
    MemoryStore,
    PasswordFailures,
    PiccoloStore,
    Proof,
    RateLimit,
    RedisStore,
    Session,
    SessionAuth,
    User,
    Users,
    jwt_router,
    reauthentication_router,
    session_router,
    use_store,
)
from piccolo_api_fastapi.errors import InvalidCredentials, StoreUnavailable, TooManyRequests
from piccolo_api_fastapi.rate_limiting import limiter
from piccolo_api_fastapi.rate_limiting.stores.store import StoreDown
from piccolo_api_fastapi.testing import FrozenClock
from piccolo_api_fastapi.users.lookup import UserLookup
from piccolo_api_fastapi.users.passwords.hasher import PasswordHasher
from tests.conftest import (
    PASSWORD,
    REDIS_URL,
    SECRET,
    bearer,
    get_tokens,
    log_in,
    need_redis,
    reaches_no_sql,
)
from tests.models import Customer

STORES = ["memory", "redis", "piccolo"]
PATIENT = timedelta(seconds=30)


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, database: Any) -> AsyncIterator[str]:
    """Each store of limits in turn."""
    kept: Any = None
    if request.param == "memory":
        use_store(MemoryStore())
    elif request.param == "piccolo":
        use_store(PiccoloStore(timeout=PATIENT, clock=FrozenClock()))
    else:
        need_redis()
        prefix = f"test-{uuid4()}"
        kept = RedisStore(REDIS_URL, prefix=prefix, timeout=PATIENT, clock=FrozenClock())
        use_store(kept)
    yield request.param
    if kept is not None:
        await kept.close()


def at(app: FastAPI, address: str = "192.0.2.1") -> httpx.AsyncClient:
    """A client with this address."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="https://testserver")


def address_of(number: int) -> str:
    """One of many addresses."""
    return f"198.51.{number // 250}.{number % 250 + 1}"


async def statuses(app: FastAPI, tries: Any) -> Counter[int]:
    """What logins with a wrong password are answered: pairs of an address and a name."""
    answers: Counter[int] = Counter()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        for address, name in tries:
            transport.client = (address, 1)
            answers[(await log_in(client, name, "wrong")).status_code] += 1
    return answers


def many(store: str, database: Any) -> int:
    """A thousand tries where that is quick."""
    return 1000 if store == "memory" and database.engine_type == "postgres" else 100


async def test_one_address_at_one_account(app: FastAPI, ada: User, store: str) -> None:
    """30 wrong passwords from one address at one account: five are looked at (D-M6)."""
    assert await statuses(app, [("192.0.2.1", "ada")] * 30) == {401: 5, 429: 25}


@pytest.mark.slow
@pytest.mark.security(93)
@pytest.mark.parametrize("name", ["ada", "nobody"])
async def test_many_addresses_at_one_account(
    app: FastAPI, database: Any, ada: User, store: str, name: str
) -> None:
    """1,000 addresses at one account get as far as one, whether there is such a user or not."""
    tries = [(address_of(number), name) for number in range(many(store, database))]
    assert (await statuses(app, tries))[401] == 5


@pytest.mark.slow
@pytest.mark.security(93)
async def test_one_address_at_many_accounts(
    app: FastAPI, database: Any, ada: User, store: str
) -> None:
    """One address at 1,000 accounts gets 20 tries."""
    names = ["ada", *(f"user{number}" for number in range(many(store, database) - 1))]
    assert (await statuses(app, [("192.0.2.1", name) for name in names]))[401] == 20


@pytest.mark.security(93)
@pytest.mark.security(96)
async def test_known_and_unknown_alike(app: FastAPI, ada: User) -> None:
    """The answers to a whole series of guesses do not tell who has an account."""
    series: list[Any] = []
    for name in ("ada", "ADA@example.com", "nobody", "nobody@example.com"):
        async with at(app, address_of(len(series))) as client:
            answers = [await log_in(client, name, "wrong") for _ in range(8)]
        series.append(
            [(one.status_code, one.content, tuple(one.headers.items())) for one in answers]
        )
    assert series[0] == series[1] == series[2] == series[3]
    assert [status for status, _, _ in series[0]] == [401] * 5 + [429] * 3
    headers = dict(series[0][-1][2])
    assert headers["retry-after"] == "180"
    assert headers["ratelimit"] == '"5/15minutes";r=0;t=180'
    assert headers["ratelimit-policy"] == '"5/15minutes";q=5;w=900'
    assert b'"code":"too_many_requests"' in series[0][-1][1]


async def test_each_name_of_an_account(app: FastAPI, ada: User) -> None:
    """The username and the address of an account are counted apart, without a look at whose."""
    async with at(app) as client:
        for name in ("ada", "ada@example.com"):
            answers = [await log_in(client, name, "wrong") for _ in range(6)]
            assert [answer.status_code for answer in answers] == [401] * 5 + [429]


@pytest.mark.security(16)
@pytest.mark.security(99)
async def test_a_success_resets_its_own(app: FastAPI, users: Users[User], ada: User) -> None:
    """A right password gives back neither the failures of others nor those of the address."""
    await users.create("grace", PASSWORD)
    async with at(app) as client:
        for _ in range(4):
            assert (await log_in(client, "ada", "wrong")).status_code == 401
        for _ in range(15):
            await log_in(client, f"user{_}", "wrong")
        for _ in range(5):
            assert (await log_in(client, "grace")).status_code == 200
        assert (await log_in(client, "grace", "wrong")).status_code == 401  # the twentieth
        assert (await log_in(client, "grace", "wrong")).status_code == 429
    async with at(app, "192.0.2.2") as client:
        assert (await log_in(client, "ada", "wrong")).status_code == 401  # the fifth
        assert (await log_in(client, "ada", "wrong")).status_code == 429


async def test_right_ones_at_once(app: FastAPI, users: Users[User], store: str) -> None:
    """
    While an account is flooded, 24 others log in at once from elsewhere, and so does one user
    twelve times from one address, after four wrong tries.
    """
    encoded = await users.hasher.hash(PASSWORD)
    names = [f"user{number}" for number in range(24)]
    for name in [*names, "ada", "grace"]:
        await users.create(name, encoded=encoded)
    clients = [at(app, address_of(number)) for number in range(24)]
    office = at(app)
    for _ in range(4):
        assert (await log_in(office, "grace", "wrong")).status_code == 401
    flood = [log_in(at(app, "203.0.113.9"), "ada", "wrong") for _ in range(24)]
    others = [log_in(client, name) for client, name in zip(clients, names, strict=True)]
    twelve = [log_in(office, "grace") for _ in range(12)]
    answers = await asyncio.gather(*flood, *others, *twelve)
    assert {answer.status_code for answer in answers[24:]} == {200}
    assert Counter(answer.status_code for answer in answers[:24]) == {401: 5, 429: 19}


@pytest.mark.security(95)
async def test_wrong_ones_at_once(app: FastAPI, ada: User, store: str) -> None:
    """Of 24 guesses at once five are looked at."""
    async with at(app) as client:
        answers = await asyncio.gather(*(log_in(client, "ada", "wrong") for _ in range(24)))
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 19}


@pytest.mark.security(99)
async def test_a_limited_login_costs_nothing(
    app: FastAPI, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is limited has nothing hashed and nobody looked up."""
    async with at(app) as client:
        for _ in range(5):
            await log_in(client, "ada", "wrong")
        for kind in (PasswordHasher, UserLookup):
            monkeypatch.delattr(kind, "verify" if kind is PasswordHasher else "find")
        assert (await log_in(client)).status_code == 429
        form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
        assert (await client.post("/auth/token", data=form)).status_code == 429


@pytest.mark.security(15)
async def test_every_way_in_is_counted(app: FastAPI, ada: User) -> None:
    """The cookie and the token count together; so does whoever confirms a password."""
    async with at(app) as client:
        form = {"grant_type": "password", "username": "ada", "password": "wrong"}
        for _ in range(3):
            await log_in(client, "ada", "wrong")
        for _ in range(2):
            assert (await client.post("/auth/token", data=form)).status_code == 400
    async with at(app, "192.0.2.2") as stranger:
        assert (await stranger.post("/auth/token", data=form)).status_code == 429
        assert (await log_in(stranger)).status_code == 429


@pytest.mark.security(93)
@pytest.mark.parametrize("error", [TooManyRequests, StoreUnavailable])
async def test_whatever_a_hook_raises(
    users: Users[User], ada: User, error: type[AuthError]
) -> None:
    """A failure counts by address and by account, though a hook that is told of it raises."""

    def refuse(_: LoginAttempt) -> None:
        raise error

    session = SessionAuth(users)
    login = Login(users, on_failure=[refuse])
    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(reauthentication_router(login, session), prefix="/auth")
    async with at(app) as client:
        await log_in(client)
        for _ in range(3):
            assert (await log_in(client, "grace", "wrong")).status_code == error.status
        body = {"password": "wrong"}
        for _ in range(2):
            answer = await client.post("/auth/reauthenticate", json=body)
            assert answer.status_code == error.status
    limits = LoginLimits()
    assert limits.address is not None
    assert limits.account is not None
    assert (await limits.address.peek("192.0.2.1")).remaining == 15
    assert (await limits.account.peek("name grace")).remaining == 2
    [row] = await Session.select(Session.id)
    assert (await limits.account.peek(f"credential {row['id']}")).remaining == 3


@pytest.mark.security(93)
async def test_right_passwords(users: Users[User], ada: User) -> None:
    """So many logins succeed, by whichever router; wrong ones do not count, and see the same."""
    login = Login(users, limits=LoginLimits(success=RateLimit("3/hour", scope="success")))
    session = SessionAuth(users)
    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(JWTAuth(users, secret=SECRET), login), prefix="/auth")
    async with at(app) as known, at(app, "192.0.2.2") as other:
        for password in ("wrong", "wrong", PASSWORD, "wrong"):
            await log_in(known, password=password)
        await get_tokens(other, "ADA ")
        assert (await log_in(other)).status_code == 200
        other.cookies.clear()
        answers = [await log_in(other, password=password) for password in (PASSWORD, "wrong")]
        assert [answer.status_code for answer in answers] == [429, 429]
        assert len({answer.content for answer in answers}) == 1
        assert answers[0].headers["retry-after"] == "1200"
        form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
        assert (await other.post("/auth/token", data=form)).status_code == 429
        for expected in (200, 200, 200, 429):  # which strangers do not keep out
            assert (await log_in(known)).status_code == expected
        await users.create("grace", PASSWORD)
        assert (await log_in(other, "grace")).status_code == 200
    assert await Session.count() == 3


@pytest.mark.security(93)
async def test_a_name_like_that_of_another_table(users: Users[User], clock: FrozenClock) -> None:
    """Whoever takes the name of another user table into theirs uses up the limits of nobody."""
    customers = Users(Customer, clock=clock)
    limits = LoginLimits(success=RateLimit("3/hour", scope="success"))
    await users.create("customer ada", PASSWORD)
    await customers.create("ada", PASSWORD)
    for _ in range(3):
        await Login(users, limits=limits).start("customer ada", PASSWORD, ClientInfo())
    proof = await Login(customers, limits=limits).start("ada", PASSWORD, ClientInfo())
    assert isinstance(proof, Proof)


@pytest.mark.parametrize("limits", [None, LoginLimits(success=None)])
async def test_the_default_is_generous(
    users: Users[User], ada: User, limits: LoginLimits | None
) -> None:
    """By default 240 logins an hour succeed; without the limit nothing is counted."""
    login = Login(users, limits=limits)
    await login.start("ada", PASSWORD, ClientInfo())
    with pytest.raises(InvalidCredentials):
        await login.start("ada", "wrong", ClientInfo())
    by_default = LoginLimits().success
    assert by_default is not None
    assert (await by_default.peek("name ada")).remaining == (239 if limits is None else 240)


async def test_reauthentication(app: FastAPI, ada: User) -> None:
    """Whoever is logged in has five tries of their own, whatever others do at the login."""
    async with at(app) as client, at(app, "192.0.2.2") as stranger:
        await log_in(client)
        for _ in range(6):
            await log_in(stranger, "ada", "wrong")
        for _ in range(5):
            wrong = await client.post("/auth/reauthenticate", json={"password": "wrong"})
            assert wrong.status_code == 401
        limited = await client.post("/auth/reauthenticate", json={"password": PASSWORD})
        assert limited.status_code == 429


async def test_without_a_credential(users: Users[User], ada: User) -> None:
    """Where an application does not say with which credential, all of a user count as one."""
    login = Login(users)
    client = ClientInfo(ip="192.0.2.1", network="192.0.2.1")
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await login.confirm_password(ada, "wrong", client)
    with pytest.raises(TooManyRequests):
        await login.confirm_password(ada, PASSWORD, client)


@pytest.mark.security(93)
@pytest.mark.parametrize("kind", ["session", "jwt"])
@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"code": "000000"}])
async def test_a_stolen_credential(
    app: FastAPI, ada: User, kind: str, wrong: dict[str, str]
) -> None:
    """Guesses with one credential, until it is locked, keep out no other of the same user."""
    async with at(app) as owner, at(app, "192.0.2.2") as thief:
        headers: list[dict[str, str]] = []
        for client in (thief, owner):
            await log_in(client)
            if kind == "jwt":
                headers.append(bearer((await get_tokens(client))["access_token"]))
                client.cookies.clear()
            else:
                headers.append({})
        await thief.post("/auth/reauthenticate", json=wrong, headers=headers[0])
        await PasswordFailures.update({PasswordFailures.failed_count: 100}).where(
            PasswordFailures.failed_count == 1
        )
        for expected in [401] * 4 + [429] * 2:
            answer = await thief.post("/auth/reauthenticate", json=wrong, headers=headers[0])
            assert answer.status_code == expected
        body = {"password": PASSWORD}
        if "password" in wrong:
            limiter.LOCAL.clear()  # whatever the limits say
            answer = await thief.post("/auth/reauthenticate", json=body, headers=headers[0])
            assert answer.status_code == 401
        answer = await owner.post("/auth/reauthenticate", json=body, headers=headers[1])
        assert answer.status_code == 204


@reaches_no_sql
@pytest.mark.security(93)
@pytest.mark.parametrize(
    ("path", "status"),
    [("login/mfa", 401), ("login/mfa/send", 401), ("token/mfa", 400), ("token/mfa/send", 400)],
)
async def test_challenges(app: FastAPI, ada: User, path: str, status: int) -> None:
    """Wrong challenges count for the address, whatever is asked with them."""
    async with at(app) as client:
        body = {"challenge": "tkt_x", "code": "123456"}
        if path.endswith("send"):
            body = {"challenge": "tkt_x", "method": "totp"}
        answers = [await client.post(f"/auth/{path}", json=body) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [status] * 20 + [429]


async def test_no_address(app: FastAPI, ada: User) -> None:
    """Behind a Unix socket the account is limited all the same."""
    transport = httpx.ASGITransport(app=app, client=None)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        answers = [await log_in(client, "ada", "wrong") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


class Down:
    """A store that does not answer."""

    async def take(self, *_: Any, **__: Any) -> Any:
        """Fail."""
        raise StoreDown

    async def reset(self, *_: Any, **__: Any) -> None:
        """Fail."""
        raise StoreDown


@pytest.mark.security(97)
async def test_the_store_is_down(app: FastAPI, ada: User) -> None:
    """Nobody logs in without limits: a 503, with the time to come back."""
    use_store(Down())
    async with at(app) as client:
        answer = await log_in(client)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert answer.headers["retry-after"] == "1"


@pytest.mark.security(97)
async def test_the_database_counts_without_a_store(
    users: Users[User], ada: User, clock: FrozenClock
) -> None:
    """Where the application lets logins pass without a store, the database still counts."""
    use_store(Down())
    open_limits = LoginLimits(
        address=None, account=RateLimit("5/minute", scope="mine", on_error="allow")
    )
    app = FastAPI()
    login = Login(users, limits=open_limits)
    app.include_router(session_router(SessionAuth(users), login), prefix="/auth")
    async with at(app) as client:
        assert {(await log_in(client, "ada", "wrong")).status_code for _ in range(6)} == {401}
        assert (await log_in(client)).status_code == 401
        clock.advance(timedelta(seconds=2))
        assert (await log_in(client)).status_code == 200


async def test_replaced_by_name(users: Users[User], ada: User) -> None:
    """An application has limits of its own, or none."""
    account = RateLimit("1/hour", scope="mine")
    login = Login(users, limits=LoginLimits(address=None, account=account))
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), login), prefix="/auth")
    app.include_router(jwt_router(JWTAuth(users, secret=SECRET), login), prefix="/auth")
    async with at(app) as client:
        await get_tokens(client)
        answers = [await log_in(client, "ada", "wrong") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 429]


@pytest.mark.parametrize(
    "limit",
    [
        RateLimit("5/minute"),
        RateLimit(lambda _: "5/minute", scope="mine"),
        RateLimit("5/minute", scope="mine", key=lambda _: "all"),
        RateLimit("5/minute", scope="mine", cost=lambda _: 1),
    ],
)
def test_limits_that_would_do_something_else(limit: RateLimit) -> None:
    """A login says whom to count: a limit that says so itself is refused."""
    with pytest.raises(ConfigurationError, match="no key of their own"):
        LoginLimits(account=limit)
