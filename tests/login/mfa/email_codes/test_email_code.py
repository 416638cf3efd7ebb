"""Codes sent by e-mail."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AuthEvent,
    ConfigurationError,
    EmailCode,
    Login,
    PlainText,
    SentCode,
    SessionAuth,
    User,
    Users,
    XChaCha20Poly1305,
    generate_key,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import (
    FactorDisabled,
    InvalidCode,
    SecretUnreadable,
    TooManyRequests,
    Unavailable,
)
from piccolo_api_fastapi.mail import ResetPassword, SignInCode
from piccolo_api_fastapi.testing import FrozenClock, assert_single_winner, race, totp_code
from piccolo_api_fastapi.testing import Outbox as Mailbox
from tests.conftest import log_in, new_client

MINUTE = timedelta(minutes=1)


class Outbox:
    """Takes codes instead of a mail server; may be out of order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.is_down = False

    async def __call__(self, user: Any, code: str) -> None:
        """Send."""
        if self.is_down:
            raise ConnectionError("554 no thanks")
        self.sent.append((user.username, code))

    @property
    def code(self) -> str:
        """The last one."""
        return self.sent[-1][1]


@pytest.fixture
def outbox() -> Outbox:
    """What was sent."""
    return Outbox()


@pytest.fixture
def factor(users: Users[User], outbox: Outbox) -> EmailCode:
    """The factor, with its defaults."""
    return EmailCode(users, send=outbox, encryption=XChaCha20Poly1305(generate_key()))


def wrong(code: str) -> str:
    """Another code."""
    return "000000" if code != "000000" else "000001"


async def test_login(
    users: Users[User], factor: EmailCode, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """The only factor is sent at once; the code finishes the login, and can be sent again."""
    app = FastAPI()
    router = session_router(SessionAuth(users), Login(users, factors=[factor]))
    app.include_router(router, prefix="/auth")
    client = new_client(app)
    body = (await log_in(client)).json()
    assert (body["status"], body["methods"]) == ("mfa_required", ["email_code"])
    assert [name for name, _ in outbox.sent] == ["ada"]
    assert outbox.code not in str(await SentCode.select())
    again = {"challenge": body["challenge"], "method": "email_code"}
    assert (await client.post("/auth/login/mfa/send", json=again)).status_code == 204
    assert len(outbox.sent) == 1  # a moment ago
    first = outbox.code
    clock.advance(MINUTE)
    assert (await client.post("/auth/login/mfa/send", json=again)).status_code == 204
    assert len(outbox.sent) == 2
    step = {"challenge": body["challenge"], "code": outbox.code}
    if first != outbox.code:
        dead = await client.post("/auth/login/mfa", json=step | {"code": first})
        assert dead.status_code == 401
    assert (await client.post("/auth/login/mfa", json=step)).json()["status"] == "signed_in"


async def test_it_is_one_of_several(
    users: Users[User], factor: EmailCode, totp: TOTP, outbox: Outbox, ada: User
) -> None:
    """Beside an app it is offered, and sent when it is asked for."""
    login = Login(users, factors=[totp, factor])
    uri = (await totp.begin(ada)).uri
    assert [one.name for one in await login.enrolled(ada)] == ["email_code"]
    await totp.confirm(ada, totp_code(uri, users.clock()))
    names = [one.name for one in await login.enrolled(ada)]
    assert names == ["totp", "recovery_code", "email_code"]
    assert outbox.sent == []


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """Authenticators."""
    return TOTP(users, encryption=XChaCha20Poly1305(generate_key()), issuer="Movies")


async def test_who_has_it(users: Users[User], outbox: Outbox, ada: User, grace: User) -> None:
    """Those with an address, or those of them to whom it applies."""
    nobody = await users.create("nobody")
    encryption = PlainText(i_know_that_nothing_is_encrypted=True)
    everybody = EmailCode(users, send=outbox, encryption=encryption)
    admins = EmailCode(
        users, send=outbox, encryption=encryption, applies_to=lambda user: user.admin
    )
    for factor, expected in ((everybody, [True, True, False]), (admins, [False, True, False])):
        assert [await factor.is_enrolled(user) for user in (ada, grace, nobody)] == expected


async def test_once(factor: EmailCode, outbox: Outbox, ada: User) -> None:
    """Of 24 that present one code at once, one is let in, and none after."""
    await factor.send(ada)

    async def use() -> bool:
        await factor.verify(ada, outbox.code)
        return True

    assert await assert_single_winner(use)
    with pytest.raises((InvalidCode, TooManyRequests)):
        await factor.verify(ada, outbox.code)


async def test_sent_once(factor: EmailCode, outbox: Outbox, ada: User) -> None:
    """Of 24 that ask at once, one is sent a code, the one that is good."""
    await race(lambda: factor.send(ada))
    assert len(outbox.sent) == 1
    await factor.verify(ada, outbox.code)


async def test_expiry(factor: EmailCode, outbox: Outbox, ada: User, clock: FrozenClock) -> None:
    """It is good for ten minutes."""
    await factor.send(ada)
    clock.advance(10 * MINUTE)
    with pytest.raises(InvalidCode):
        await factor.verify(ada, outbox.code)
    await factor.send(ada)
    clock.advance(10 * MINUTE - timedelta(seconds=1))
    await factor.verify(ada, outbox.code)


@pytest.mark.security(70)
async def test_guesses(factor: EmailCode, outbox: Outbox, ada: User, clock: FrozenClock) -> None:
    """Guesses are counted over all codes that are sent; at a hundred it is disabled."""
    await factor.send(ada)
    results = await race(lambda: factor.verify(ada, wrong(outbox.code)), 50)
    assert sum(isinstance(result, InvalidCode) for result in results) == 5
    clock.advance(MINUTE)
    await factor.send(ada)
    await SentCode.update({SentCode.failed_count: 99}, force=True)
    with pytest.raises(InvalidCode):
        await factor.verify(ada, wrong(outbox.code))
    clock.advance(15 * MINUTE)
    await factor.send(ada)
    with pytest.raises(FactorDisabled):
        await factor.verify(ada, outbox.code)
    await factor.reset(ada)
    await factor.verify(ada, outbox.code)


@pytest.mark.security(70)
async def test_guesses_of_who_is_signed_in(
    factor: EmailCode, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """They leave the tries of a login alone, and are forgiven by the right code."""
    await factor.send(ada)
    results = await race(lambda: factor.verify_again(ada, wrong(outbox.code)))
    assert sum(isinstance(result, InvalidCode) for result in results) == 5
    [row] = await SentCode.select()
    assert (row["failed_count"], row["signed_in_count"]) == (0, 5)
    await factor.verify(ada, outbox.code)
    [row] = await SentCode.select()
    assert (row["signed_in_count"], row["signed_in_until"]) == (0, 0)


async def test_another_address(
    users: Users[User], factor: EmailCode, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """A code that was sent to an earlier address is not valid."""
    await factor.send(ada)
    await User.update({User.email: "new@example.com"}).where(User.id == ada.id)
    moved = await users.get(ada.id)
    assert moved is not None
    with pytest.raises(InvalidCode):
        await factor.verify(moved, outbox.code)
    clock.advance(MINUTE)
    await factor.send(moved)
    await factor.verify(moved, outbox.code)


@pytest.mark.parametrize("is_down", [False, True])
async def test_disabled_until_the_mailbox_is_proved(
    users: Users[User],
    factor: EmailCode,
    outbox: Outbox,
    ada: User,
    clock: FrozenClock,
    *,
    is_down: bool,
) -> None:
    """Who reads the mailbox resets the count; a new password, or signing out, does not."""
    await factor.send(ada)
    every: dict[Any, Any] = {SentCode.failed_count: 50, SentCode.signed_in_count: 50}
    await SentCode.update(every, force=True)
    if is_down:
        outbox.is_down = True
        clock.advance(MINUTE)
        with pytest.raises(Unavailable):
            await factor.send(ada)
        outbox.is_down = False
    await users.set_password(ada, "another horse battery")
    await users.end_credentials(ada, everything=True)
    await factor.send(ada)
    with pytest.raises(FactorDisabled):
        await factor.verify(ada, outbox.code)
    async with transaction(User):
        await users.lock(ada.id)
        await users.prove_mailbox(ada.id, ada.email)
    await factor.send(ada)
    await factor.verify(ada, outbox.code)


async def test_a_reset_by_mail(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """A user whose codes an attacker has disabled resets the password by mail, and logs in."""
    mail = Mailbox()
    encryption = XChaCha20Poly1305(generate_key())
    factor = EmailCode(users, mail=mail, encryption=encryption)
    accounts = Accounts(users, mail=mail, base_url="https://app.example.com")
    await factor.send(ada)
    await SentCode.update({SentCode.failed_count: 100}, force=True)
    await accounts.request_reset(ada.email)
    await accounts.reset_password(mail.token(ResetPassword), "another horse battery")
    await factor.send(ada)
    await factor.verify(ada, mail.last(SignInCode).code)
    [row] = await SentCode.select()
    assert row["failed_count"] == 0


@pytest.mark.parametrize("code", ["", "12345", "²", "\x00", "\ud800", "1" * 10_000])
async def test_malformed(factor: EmailCode, outbox: Outbox, ada: User, code: str) -> None:
    """What is no code is a wrong one, also when none was sent."""
    with pytest.raises(InvalidCode):
        await factor.verify(ada, code)
    await factor.send(ada)
    with pytest.raises(InvalidCode):
        await factor.verify(ada, code)
    assert not factor.accepts(code)


async def test_mail_is_down(
    factor: EmailCode, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """What can't be sent is a 503 and an event without the code, and may be asked for again."""
    outbox.is_down = True
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    with pytest.raises(Unavailable):
        await factor.send(ada)
    stop()
    assert [(event.name, event.data) for event in events] == [
        ("authn_code_not_sent", {"factor": "email_code", "error": "ConnectionError"})
    ]
    outbox.is_down = False
    await factor.send(ada)
    await factor.verify(ada, outbox.code)


@pytest.mark.security(114)
async def test_unknown_key(
    users: Users[User], factor: EmailCode, outbox: Outbox, ada: User
) -> None:
    """A code under a key that is gone is a 503 and an event, never a wrong code."""
    await factor.send(ada)
    other = EmailCode(users, send=outbox, encryption=XChaCha20Poly1305(generate_key()))
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    with pytest.raises(SecretUnreadable):
        await other.verify(ada, outbox.code)
    stop()
    assert [event.name for event in events] == ["authn_secret_unreadable"]
    [row] = await SentCode.select()
    assert row["failed_count"] == 0


SETTINGS: Sequence[dict[str, Any]] = (
    {"digits": 5},
    {"digits": 9},
    {"interval": timedelta(0)},
    {"interval": 11 * MINUTE},
)


@pytest.mark.parametrize("settings", SETTINGS)
def test_configuration(outbox: Outbox, settings: dict[str, Any]) -> None:
    """Settings that make no sense are refused."""
    encryption = PlainText(i_know_that_nothing_is_encrypted=True)
    with pytest.raises(ConfigurationError):
        EmailCode(send=outbox, encryption=encryption, **settings)
    assert EmailCode(send=outbox, encryption=encryption).users.table is User
