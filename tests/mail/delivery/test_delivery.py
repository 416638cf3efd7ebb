"""Mail that fails is sent later, by whoever notices that its owner is there."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    AuthEvent,
    ConfigurationError,
    EmailChange,
    EmailStatus,
    JWTAuth,
    Login,
    MailLifetimes,
    Message,
    Notices,
    SessionAuth,
    UnsentMail,
    User,
    Users,
    accounts_router,
    delete_expired_unsent_mail,
    install,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.mail import (
    AccountClosed,
    AlreadyRegistered,
    ConfirmEmail,
    EmailChanged,
    EmailChangeRequested,
    NewSignIn,
    PasswordChanged,
    ResetPassword,
    SecondFactorChanged,
    UsernameTaken,
    VerifyEmail,
)
from piccolo_api_fastapi.mail.delivery import Delivery
from piccolo_api_fastapi.mail.delivery.queries import INTERVAL, MAXIMUM_AGE
from piccolo_api_fastapi.mail.delivery.tables import MAXIMUM_ATTEMPTS
from piccolo_api_fastapi.testing import FrozenClock, Outbox, race
from tests.conftest import PASSWORD, log_in, new_client

NEW = "another horse battery"


@pytest.fixture
def outbox() -> Outbox:
    """What was sent."""
    return Outbox()


@pytest.fixture
async def ada(ada: User, clock: FrozenClock) -> User:
    """An ordinary user with a verified address."""
    status: Any = {"user": ada.id, "email": ada.email, "verified_at": clock.now}
    await EmailStatus.insert(EmailStatus(**status))
    return ada


@pytest.fixture
def delivery(users: Users[User], outbox: Outbox) -> Delivery:
    """Sends to the outbox."""
    return Delivery(outbox, users)


def told(ada: User, clock: FrozenClock) -> list[Message]:
    """One message of each kind that tells of something and has no link."""
    to: Any = {"to": ada.email, "username": "ada", "user": ada.id, "at": clock.now}
    return [
        PasswordChanged(**to),
        EmailChangeRequested(**to, new="lovelace@example.com"),
        NewSignIn(**to, ip=None, user_agent="Firefox"),
        SecondFactorChanged(**to, change="An authenticator app was set up."),
    ]


async def test_again(
    delivery: Delivery, outbox: Outbox, ada: User, grace: User, clock: FrozenClock
) -> None:
    """What tells of something and failed is sent as it was, once, when mail works again."""
    outbox.is_down = True
    messages = told(ada, clock)
    for message in messages:
        assert not await delivery(message)
    outbox.is_down = False
    clock.advance(timedelta(hours=1))
    await delivery.retry(grace.id)
    assert list(outbox.messages) == []
    await delivery.retry(ada.id)
    await delivery.retry(ada.id)
    assert sorted(outbox.messages, key=repr) == sorted(messages, key=repr)
    assert await UnsentMail.count() == 0


async def test_a_stranger(
    delivery: Delivery, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """An address that is not verified gets no name: a stranger may have chosen it."""
    await EmailStatus.update({EmailStatus.verified_at: None}, force=True)
    await delivery(told(ada, clock)[0])
    assert outbox.last(PasswordChanged).username == ""
    assert outbox.last(PasswordChanged).text().startswith("Hello,\n")


async def test_with_the_next(
    delivery: Delivery, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """The next mail that goes out to the same person takes along what failed before."""
    first, second, *_ = told(ada, clock)
    outbox.is_down = True
    await delivery(first)
    outbox.is_down = False
    assert await delivery(second)
    assert [first, second] == sorted(outbox.messages, key=repr, reverse=True)


@pytest.mark.security(11)
async def test_guesses_send_nothing(
    users: Users[User], outbox: Outbox, ada: User, clock: FrozenClock, statements: list[str]
) -> None:
    """A wrong password of an account that exists does no work after the answer."""
    notices = Notices(users, mail=outbox)
    statements.clear()
    for name in ("authn_login_fail", "authn_login_fail_max", "authn_login_lock"):
        notices(AuthEvent(name, clock.now, ada.id, {"failures": 5, "reason": "maxretries"}))
    await notices.wait()
    assert statements == []
    notices(AuthEvent("authn_token_created", clock.now, ada.id))
    await notices.wait()
    assert len(statements) == 1


async def test_what_is_not_kept(
    delivery: Delivery, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """People ask again for a link or an account; a closed account has nobody to do anything."""
    outbox.is_down = True
    to: Any = {"to": ada.email, "username": "ada", "at": clock.now}
    link: Any = {"link": "https://app.example.com/x#token=s3cret", "expires_at": clock.now}
    for message in (
        VerifyEmail(**to, **link, user=ada.id, code="123456", code_expires_at=clock.now),
        ResetPassword(**to, **link, user=ada.id),
        ConfirmEmail(**to, **link, user=ada.id),
        EmailChanged(**to, **link, user=ada.id, new="lovelace@example.com"),
        AlreadyRegistered(**to, user=ada.id),
        AccountClosed(**to, user=ada.id),
        UsernameTaken(**to, user=None),
        PasswordChanged(**to, user=ada.id + 1),
    ):
        assert not await delivery(message)
    assert await UnsentMail.count() == 0
    outbox.is_down = False
    assert await delivery(UsernameTaken(**to, user=None))


async def test_one_of_many(
    delivery: Delivery, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """Of 24 who try again at once, one sends."""
    outbox.is_down = True
    await delivery(told(ada, clock)[0])
    outbox.is_down = False
    await race(lambda: delivery.retry(ada.id))
    assert len(outbox.messages) == 1


async def test_bounds(
    delivery: Delivery, outbox: Outbox, ada: User, clock: FrozenClock, database: Any
) -> None:
    """There are ten attempts, five minutes apart, and none after a week."""
    heard: list[AuthEvent] = []
    stop = subscribe(heard.append)
    outbox.is_down = True
    await delivery(told(ada, clock)[0])
    for _ in range(2 * MAXIMUM_ATTEMPTS):
        await delivery.retry(ada.id)
        await delivery.retry(ada.id)
        clock.advance(INTERVAL)
    stop()
    attempts = [event.data["attempts"] for event in heard if event.name == "sys_mail_fail"]
    assert attempts == list(range(1, MAXIMUM_ATTEMPTS + 1))
    assert await delete_expired_unsent_mail(now=clock.now) == 1
    await delivery(told(ada, clock)[1])
    assert await delete_expired_unsent_mail(now=clock.now) == 0
    outbox.is_down = False
    clock.advance(MAXIMUM_AGE)
    await delivery.retry(ada.id)
    assert list(outbox.messages) == []
    assert await delete_expired_unsent_mail(now=clock.now) == 1


async def test_it_goes_with_the_account(
    delivery: Delivery, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """Nothing is kept of a user who is gone."""
    outbox.is_down = True
    await delivery(told(ada, clock)[0])
    await User.delete().where(User.id == ada.id)
    assert await UnsentMail.count() == 0
    await delivery.retry(ada.id)


async def test_a_user_who_goes_meanwhile(
    users: Users[User], outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """An account that is closed after the claim is in nobody's way."""

    class Closing(Users[User]):
        async def get(self, key: Any) -> User | None:
            if outbox.is_down:
                return await super().get(key)
            await User.delete().where(User.id == key)
            return None

    delivery = Delivery(outbox, Closing(clock=clock))
    outbox.is_down = True
    await delivery(told(ada, clock)[0])
    outbox.is_down = False
    await delivery.retry(ada.id)
    assert outbox.last(PasswordChanged).username == ""


@pytest.fixture
async def accounts(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> Accounts[User]:
    """Accounts with mail."""
    mail: Any = {"mail": outbox, "base_url": "https://app.example.com"}
    return Accounts(users, schemes=[session, jwt], **mail)


@pytest.fixture
def app(users: Users[User], session: SessionAuth[User], accounts: Accounts[User]) -> FastAPI:
    """The application."""
    app = FastAPI()
    install(app)
    app.include_router(session_router(session, Login(users)), prefix="/auth")
    app.include_router(accounts_router(accounts), prefix="/auth")
    return app


async def change_password(client: httpx.AsyncClient) -> None:
    """Change the password."""
    body = {"current_password": PASSWORD, "new_password": NEW}
    answer = await client.post("/auth/change-password", json=body)
    assert answer.status_code == 204


async def test_on_the_next_request(app: FastAPI, outbox: Outbox, ada: User) -> None:
    """A notice that failed goes out when its owner looks at their account."""
    async with new_client(app) as client:
        await log_in(client)
        outbox.is_down = True
        await change_password(client)
        outbox.is_down = False
        assert (await client.get("/auth/me")).status_code == 200
        assert outbox.last(PasswordChanged).to == ada.email
        await client.get("/auth/me")
    assert len(outbox.messages) == 1


async def test_at_the_next_login(
    app: FastAPI, accounts: Accounts[User], outbox: Outbox, ada: User
) -> None:
    """As a listener, it goes out whatever its owner does, be it a failure."""
    stop = subscribe(accounts.retry_mail)
    async with new_client(app) as client:
        await log_in(client)
        outbox.is_down = True
        await change_password(client)
        await accounts.mailboxes.send.wait()
        outbox.is_down = False
        await UnsentMail.update({UnsentMail.next_attempt_at: UnsentMail.at}, force=True)
        assert (await log_in(client, password=NEW)).status_code == 200
        await accounts.mailboxes.send.wait()
    stop()
    assert outbox.last(PasswordChanged).to == ada.email


async def test_notices(
    app: FastAPI, users: Users[User], outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """A sign-in that could not be told is told when its owner does something."""
    notices = Notices(users, mail=outbox)
    stop = subscribe(notices)
    async with new_client(app) as client:
        for agent in ("Firefox", "Chrome"):
            outbox.is_down = agent == "Chrome"
            client.headers["User-Agent"] = agent
            await log_in(client)
            await notices.wait()
        clock.advance(INTERVAL)
        outbox.is_down = False
        await client.post("/auth/logout")
        await notices.wait()
    stop()
    assert outbox.last(NewSignIn).user_agent == "Chrome"
    assert outbox.last(NewSignIn).at < clock.now


def link_of(outbox: Outbox) -> str:
    """The secret in the link that confirms a change of address."""
    [asked] = [message for message in outbox.messages if isinstance(message, ConfirmEmail)]
    return asked.link.partition("#token=")[2]


async def test_undo(
    app: FastAPI, accounts: Accounts[User], outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """
    The owner of an address that a thief changed was not told, since mail failed: they are told
    when the thief looks around, with a link of its own. No link was kept.
    """
    await accounts.mailboxes.verification.mark_verified(ada.id, ada.email)
    async with new_client(app) as thief:
        await log_in(thief)
        body = {"current_password": PASSWORD, "email": "thief@example.com"}
        await thief.post("/auth/change-email", json=body)
        outbox.is_down = True
        body = {"token": link_of(outbox)}
        assert (await thief.post("/auth/change-email/confirm", json=body)).status_code == 204
        [row] = await UnsentMail.select()
        assert (row["kind"], row["recipient"]) == ("EmailChanged", "ada@example.com")
        assert row["data"] == '{"new": "thief@example.com"}'
        await thief.get("/auth/me")
        assert await UnsentMail.select(UnsentMail.attempts) == [{"attempts": 2}]
        clock.advance(INTERVAL)
        outbox.is_down = False
        await thief.get("/auth/me")
        message = outbox.last(EmailChanged)
        assert (message.to, message.new) == ("ada@example.com", "thief@example.com")
        assert message.expires_at == row["at"] + timedelta(days=7)
        undo = {"token": outbox.token(EmailChanged)}
        assert (await thief.post("/auth/change-email/undo", json=undo)).status_code == 204
        assert (await thief.get("/auth/me")).status_code == 401
    assert await EmailChange.count().where(EmailChange.undone_at.is_null()) == 0
    [user] = await User.objects().where(User.id == ada.id)
    assert user.email == "ada@example.com"


async def test_a_server_that_died_before_the_notice(
    app: FastAPI,
    accounts: Accounts[User],
    outbox: Outbox,
    ada: User,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What tells the owner of a change is kept with the change, and sent when somebody is there."""

    async def die(*_: Any) -> None:
        """Nothing comes after the answer."""

    monkeypatch.setattr(Delivery, "send_kept", die)
    async with new_client(app) as thief:
        await log_in(thief)
        body = {"current_password": PASSWORD, "email": "thief@example.com"}
        await thief.post("/auth/change-email", json=body)
        body = {"token": link_of(outbox)}
        assert (await thief.post("/auth/change-email/confirm", json=body)).status_code == 204
        await thief.get("/auth/me")
        assert await UnsentMail.count() == 1  # for whoever makes the first attempt
        clock.advance(INTERVAL)
        await thief.get("/auth/me")
        assert await UnsentMail.count() == 0
        assert outbox.last(EmailChanged).to == "ada@example.com"
        undo = {"token": outbox.token(EmailChanged)}
        assert (await thief.post("/auth/change-email/undo", json=undo)).status_code == 204


async def test_what_is_kept_is_forgotten(
    delivery: Delivery, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """Once it is sent; and what failed before goes along."""
    first, second, *_ = told(ada, clock)
    outbox.is_down = True
    await delivery(first)
    outbox.is_down = False
    await delivery.send_kept(await delivery.keep(second))
    assert {first, second} == set(outbox.messages)
    assert await UnsentMail.count() == 0


async def test_nothing_left_to_undo(
    app: FastAPI, accounts: Accounts[User], outbox: Outbox, ada: User
) -> None:
    """A change that can't be undone any more is told nobody."""
    await accounts.mailboxes.verification.mark_verified(ada.id, ada.email)
    async with new_client(app) as client:
        await log_in(client)
        body = {"current_password": PASSWORD, "email": "lovelace@example.com"}
        await client.post("/auth/change-email", json=body)
        outbox.is_down = True
        body = {"token": link_of(outbox)}
        await client.post("/auth/change-email/confirm", json=body)
        await EmailChange.delete(force=True)
        outbox.is_down = False
        await client.get("/auth/me")
    assert await UnsentMail.count() == 0
    assert not any(isinstance(message, EmailChanged) for message in outbox.messages)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long mail waited, in seconds. Nothing waits for it here."""
    waited: list[float] = []

    async def sleep(delay: float) -> None:
        waited.append(delay)

    monkeypatch.setattr("piccolo_api_fastapi.mail.delivery.service.asyncio.sleep", sleep)
    return waited


@pytest.mark.security(13)
@pytest.mark.parametrize("is_active", [False, True])
async def test_a_random_moment(
    users: Users[User], outbox: Outbox, waits: list[float], *, is_active: bool
) -> None:
    """Mail that strangers can ask for waits; an account does not, if it can be used at once."""
    app = FastAPI()
    lifetimes = MailLifetimes(spread=timedelta(seconds=3))
    accounts = Accounts(
        users,
        mail=outbox.__call__,
        base_url="https://app.example.com",
        lifetimes=lifetimes,
        active_before_verified=is_active,
    )
    app.include_router(accounts_router(accounts))
    async with new_client(app) as client:
        body = {"email": "ada@example.com", "password": PASSWORD}
        assert (await client.post("/register", json=body)).status_code == 202
        assert len(waits) == 1 - is_active
        for path in ("/forgot-password", "/verify-email/request"):
            assert (await client.post(path, json={"email": "bob@example.com"})).status_code == 202
    assert len(waits) == 3 - is_active
    assert all(0 < wait < 3 for wait in waits)
    assert len(set(waits)) == len(waits)
    outbox.last(VerifyEmail)


@pytest.mark.security(13)
@pytest.mark.parametrize("tells", [False, True])
async def test_a_random_moment_after_a_refused_login(
    users: Users[User], outbox: Outbox, waits: list[float], *, tells: bool
) -> None:
    """So does the link that a login sends again, and what is done in its place for others."""
    app = FastAPI()
    accounts = Accounts(
        users,
        mail=outbox.__call__,
        base_url="https://app.example.com",
        lifetimes=MailLifetimes(spread=timedelta(seconds=3)),
        tells_unverified=tells,
    )
    app.include_router(accounts_router(accounts))
    app.include_router(session_router(SessionAuth(users)))
    async with new_client(app) as client:
        body = {"email": "ada@example.com", "password": PASSWORD}
        await client.post("/register", json=body)
        waits.clear()
        for name in ("ada@example.com", "bob@example.com"):
            await client.post("/login", json={"username": name, "password": PASSWORD})
            await accounts.mailboxes.send.wait()
    assert len(waits) == (1 if tells else 2)  # what is told needs no disguise
    assert all(0 < wait < 3 for wait in waits)


async def test_waiting_for_what_has_just_ended() -> None:
    """Work whose task has ended, but was not cleared away yet, does not hold the event loop."""
    notices = Notices(Users(), mail=Outbox())
    ended = asyncio.Event()

    async def work() -> None:
        ended.set()

    notices._send.beside(work)
    await ended.wait()
    await notices.wait()


@pytest.mark.parametrize("spread", [timedelta(seconds=-1), timedelta(minutes=2)])
def test_spreads_that_are_refused(spread: timedelta) -> None:
    """Nobody waits longer than a minute for mail."""
    with pytest.raises(ConfigurationError, match="spread must be"):
        MailLifetimes(spread=spread)
