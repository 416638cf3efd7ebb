"""A login with the right password before the address is verified sends the link again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AccountLimits,
    Accounts,
    ConfigurationError,
    EmailStatus,
    JWTAuth,
    RateLimit,
    SessionAuth,
    User,
    Users,
    session_router,
)
from piccolo_api_fastapi.mail import VerifyEmail, VerifyEmailFirst
from piccolo_api_fastapi.mail.delivery import Delivery
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.conftest import MakeApp, link_to, register
from tests.conftest import PASSWORD, log_in, new_client, reaches_no_sql

MINUTE = timedelta(minutes=1)


@pytest.fixture
def app(make_app: MakeApp) -> FastAPI:
    """The application, made anew: only then do its accounts hear of refused logins."""
    return make_app()


@pytest.fixture
async def client(
    app: FastAPI, users: Users[User], clock: FrozenClock
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it, ten minutes after ada registered; grace is active."""
    await users.create("grace", PASSWORD, email="grace@example.com")
    async with new_client(app) as client:
        await register(client)
        clock.advance(10 * MINUTE)
        yield client


async def settle(app: FastAPI) -> None:
    """Wait for what is done in the background."""
    await app.state.accounts.mailboxes.send.wait()


def sent(outbox: Outbox) -> int:
    """The number of links that logins sent."""
    return sum(isinstance(message, VerifyEmailFirst) for message in outbox.messages)


async def test_the_link_comes_again(
    app: FastAPI, client: httpx.AsyncClient, outbox: Outbox
) -> None:
    """The answer is that to a wrong password, and the mail has a link that verifies."""
    answer = await log_in(client)
    await settle(app)
    wrong = await log_in(client, "grace", "wrong horse battery")
    assert answer.status_code == wrong.status_code == 401
    assert answer.content == wrong.content
    assert answer.json()["code"] == "invalid_credentials"
    message = outbox.last(VerifyEmailFirst)
    assert (message.to, message.username) == ("ada@example.com", "")
    assert message.link in message.text()
    token = outbox.token(VerifyEmailFirst)
    assert (await client.post("/auth/verify-email", json={"token": token})).status_code == 200
    assert (await log_in(client)).status_code == 200


async def test_who_verifies_meanwhile(
    client: httpx.AsyncClient,
    app: FastAPI,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever verifies while the link is about to be sent gets none: it would be of no use."""
    addresses = app.state.accounts.mailboxes.addresses
    waits, token = addresses.waits, outbox.token(VerifyEmail)

    async def verify_afterwards(user: User) -> bool:
        waited: bool = await waits(user)
        answer = await client.post("/auth/verify-email", json={"token": token})
        assert (waited, answer.status_code) == (True, 200)
        return waited

    monkeypatch.setattr(addresses, "waits", verify_afterwards)
    assert (await log_in(client)).status_code == 401
    await settle(app)
    assert sent(outbox) == 0


async def test_the_code_of_the_registration(
    app: FastAPI, client: httpx.AsyncClient, clock: FrozenClock, outbox: Outbox
) -> None:
    """The new link replaces the old one; the code of the registration stays."""
    await log_in(client)
    await settle(app)
    old = link_to(outbox, VerifyEmail)
    assert (await client.post("/auth/verify-email", json={"token": old})).status_code == 401
    body = {"email": "ada@example.com", "code": outbox.messages[0].code}  # type: ignore[attr-defined]
    assert (await client.post("/auth/verify-email", json=body)).status_code == 200


@pytest.mark.security(11)
@pytest.mark.parametrize("tells", [True, False])
async def test_who_gets_none(
    make_app: MakeApp, users: Users[User], outbox: Outbox, clock: FrozenClock, *, tells: bool
) -> None:
    """A wrong password, an unknown, disabled or locked-out user: no mail, and one answer."""
    app = make_app(tells_unverified=tells)
    grace = await users.create("grace", PASSWORD, email="grace@example.com")
    await User.update({User.active: False}).where(User.id == grace.id)
    async with new_client(app) as client:
        await register(client)
        clock.advance(10 * MINUTE)
        answers = []
        for name, password in (
            ("ada", "wrong horse battery"),
            ("grace", PASSWORD),
            ("nobody", PASSWORD),
        ):
            answers.append(await log_in(client, name, password))
            await settle(app)
        assert {answer.json()["code"] for answer in answers} == {"invalid_credentials"}
        assert len({(answer.content, *answer.headers.items()) for answer in answers}) == 1
        ada = await User.objects().get(User.username == "ada")
        assert ada is not None
        for _ in range(6):
            with pytest.raises(Exception, match="incorrect"):
                await users.verify("ada", "wrong horse battery")
        answer = await log_in(client)
        await settle(app)
        assert answer.json()["code"] == "invalid_credentials"
        assert sent(outbox) == 0


@pytest.mark.parametrize("path", ["login", "token"])
async def test_telling(make_app: MakeApp, outbox: Outbox, clock: FrozenClock, *, path: str) -> None:
    """With `tells_unverified=True` the right password, and it alone, is a 403."""
    app = make_app(tells_unverified=True)
    body = {"username": "ada", "password": PASSWORD}
    request: dict[str, Any] = {"json": body}
    if path == "token":
        request = {"data": {"grant_type": "password", **body}}
    async with new_client(app) as client:
        await register(client)
        clock.advance(10 * MINUTE)
        answer = await client.post(f"/auth/{path}", **request)
        await settle(app)
        assert (answer.status_code, answer.json()["code"]) == (403, "email_not_verified")
        assert path == "login" or answer.json()["error"] == "email_not_verified"
        assert sent(outbox) == 1
        assert (await log_in(client, "ada", "wrong horse battery")).status_code == 401
        token = outbox.token(VerifyEmailFirst)
        await client.post("/auth/verify-email", json={"token": token})
        clock.advance(15 * MINUTE)
        assert (await client.post(f"/auth/{path}", **request)).status_code == 200


@pytest.mark.security(9)
async def test_nothing_tells(
    app: FastAPI,
    client: httpx.AsyncClient,
    statements: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until the answer both run the same statements; after it both work in the background."""
    works: list[tuple[Any, ...]] = []
    monkeypatch.setattr(Delivery, "beside", lambda _, *work: works.append(work))
    runs = []
    for name, password in (("ada", PASSWORD), ("grace", "wrong horse battery")):
        statements.clear()
        await log_in(client, name, password)
        runs.append(list(statements))
    assert runs[0] == runs[1]
    [(later, right, ada), (also_later, wrong, nobody)] = works
    assert (later, right, ada.username, nobody) == (also_later, wrong, "ada", None)
    amounts = []
    for _, work, user in works:
        statements.clear()
        await work(user)
        amounts.append(len(statements))
    assert amounts[1] >= amounts[0] - 2


@pytest.mark.usefixtures("unlimited")
async def test_the_pace(
    app: FastAPI, client: httpx.AsyncClient, clock: FrozenClock, outbox: Outbox
) -> None:
    """One message a minute, together with those that are asked for."""
    await log_in(client)
    await log_in(client)
    await settle(app)
    assert sent(outbox) == 1
    clock.advance(MINUTE)
    await client.post("/auth/verify-email/request", json={"email": "ada@example.com"})
    await log_in(client)
    await settle(app)
    assert sent(outbox) == 1
    clock.advance(15 * MINUTE)
    outbox.is_down = True
    await log_in(client)
    await settle(app)
    outbox.is_down = False
    await log_in(client)
    await settle(app)
    assert sent(outbox) == 2


async def test_the_limit_of_a_mailbox(
    app: FastAPI, client: httpx.AsyncClient, clock: FrozenClock, outbox: Outbox
) -> None:
    """Five an hour to a mailbox, together with those that are asked for."""
    for _ in range(5):
        await client.post("/auth/verify-email/request", json={"email": "ADA@example.com"})
    clock.advance(15 * MINUTE)  # so that only the limit refuses the next one
    await log_in(client)
    await settle(app)
    assert sent(outbox) == 0
    async with new_client(app) as other:
        await register(other, username="bob", email="bob@example.com")
        clock.advance(MINUTE)
        await log_in(other, "bob")
        await settle(app)
    assert sent(outbox) == 1


@pytest.mark.parametrize("limit", [None, RateLimit("5/hour", key=lambda _: None)])
async def test_other_limits(
    make_app: MakeApp,
    clock: FrozenClock,
    outbox: Outbox,
    limit: RateLimit | None,
) -> None:
    """Without a limit, or with one that depends on a request, the pace alone counts."""
    app = make_app(limits=AccountLimits(mail_by_account=limit))
    async with new_client(app) as client:
        await register(client)
        clock.advance(10 * MINUTE)
        await log_in(client)
        await settle(app)
    assert sent(outbox) == 1


async def test_who_is_active_before(make_app: MakeApp, outbox: Outbox, clock: FrozenClock) -> None:
    """Users who may sign in before they verify are not asked to."""
    app = make_app(active_before_verified=True, tells_unverified=True)
    async with new_client(app) as client:
        await register(client)
        clock.advance(10 * MINUTE)
        assert (await log_in(client)).status_code == 200
        [user] = await User.objects()
        await User.update({User.active: False}).where(User.id == user.id)
        assert (await log_in(client)).status_code == 401
    assert sent(outbox) == 0


async def test_without_accounts(users: Users[User], session: SessionAuth[User]) -> None:
    """A login without accounts, or with accounts without mail, answers as ever."""
    await users.create("ada", PASSWORD, email="ada@example.com", active=False)
    Accounts(users, schemes=[session])
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    async with new_client(app) as client:
        assert (await log_in(client)).status_code == 401
    assert await EmailStatus.count() == 0


@reaches_no_sql
async def test_configuration(users: Users[User], jwt: JWTAuth[User]) -> None:
    """Nobody can be told to verify an address where none is verified."""
    with pytest.raises(ConfigurationError, match="tells_unverified"):
        Accounts(users, schemes=[jwt], tells_unverified=True)


@reaches_no_sql
async def test_openapi(app: FastAPI) -> None:
    """The 403 is documented with its example, for both kinds of login."""
    document = app.openapi()
    for path in ("/auth/login", "/auth/token"):
        reference = document["paths"][path]["post"]["responses"]["403"]["$ref"]
        response = document["components"]["responses"][reference.rpartition("/")[2]]
        [content] = response["content"].values()
        assert "email_not_verified" in content["examples"]
