"""Codes of authenticator apps, checked."""

from datetime import timedelta
from typing import Any

import pytest
from pyotp import totp as pyotp_totp

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    ConfigurationError,
    Login,
    PlainText,
    RecoveryCode,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
    auth_tables,
    subscribe,
)
from piccolo_api_fastapi.errors import (
    FactorDisabled,
    Forbidden,
    InvalidCode,
    TooManyRequests,
)
from piccolo_api_fastapi.login.mfa.totp import Enrolment
from piccolo_api_fastapi.testing import FrozenClock, assert_single_winner, race, totp_code
from tests.conftest import KEY
from tests.models import Customer

from .conftest import Phone, is_good

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
PERIOD = 30 * SECOND


async def counter() -> tuple[int, int]:
    """The failures that are counted, and until when to wait."""
    [row] = await TOTPSecret.select()
    return row["failed_count"], row["waits_until"]


@pytest.mark.security(68)
@pytest.mark.parametrize(("offset", "good"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
async def test_window(totp: TOTP, ada: User, phone: Phone, offset: int, good: int) -> None:
    """A clock may be a period off, either way, and no more."""
    assert bool(good) is await is_good(totp, ada, phone.code(offset))


@pytest.mark.security(68)
async def test_no_window(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """Without a window, only the code of this very period counts."""
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies", window=0)
    phone = Phone((await totp.begin(ada)).uri, clock)
    await totp.confirm(ada, phone.code())
    clock.advance(2 * MINUTE)
    assert not await is_good(totp, ada, phone.code(-1))
    assert not await is_good(totp, ada, phone.code(1))
    assert await is_good(totp, ada, phone.code())


@pytest.mark.security(66)
async def test_replay(totp: TOTP, ada: User, phone: Phone, clock: FrozenClock) -> None:
    """A code counts once: not again at once, nor in the next period, nor after another."""
    first, second = phone.code(), phone.code(1)
    assert await is_good(totp, ada, first)
    assert not await is_good(totp, ada, first)
    clock.advance(PERIOD)
    assert not await is_good(totp, ada, first)
    assert await is_good(totp, ada, second)
    assert not await is_good(totp, ada, first)


@pytest.mark.security(66)
async def test_older_codes(totp: TOTP, ada: User, phone: Phone) -> None:
    """A code of a later period uses up those before it: B, A, B, A, B is one login."""
    a, b = phone.code(-1), phone.code(1)
    results = [await is_good(totp, ada, code) for code in (b, a, b, a, b)]
    assert results == [True, False, False, False, False]


@pytest.mark.security(66)
async def test_the_code_that_confirmed(totp: TOTP, ada: User, clock: FrozenClock) -> None:
    """The code that confirmed the app is used up by it."""
    phone = Phone((await totp.begin(ada)).uri, clock)
    code = phone.code()
    await totp.confirm(ada, code)
    assert not await is_good(totp, ada, code)
    assert await is_good(totp, ada, phone.code(1))


@pytest.mark.security(67)
async def test_one_code_wins(totp: TOTP, ada: User, phone: Phone) -> None:
    """Of 24 that present one code at once, one is let in."""
    code = phone.code()
    assert await assert_single_winner(lambda: is_good(totp, ada, code))


@pytest.mark.security(69)
async def test_clock_steps_back(totp: TOTP, ada: User, phone: Phone, clock: FrozenClock) -> None:
    """A clock that steps back refuses what was used, and goes on when time has passed."""
    assert await is_good(totp, ada, phone.code())
    clock.advance(-5 * MINUTE)
    assert not await is_good(totp, ada, phone.code())
    clock.advance(5 * MINUTE)
    assert not await is_good(totp, ada, phone.code())
    clock.advance(PERIOD)
    assert await is_good(totp, ada, phone.code())


@pytest.mark.security(70)
@pytest.mark.security(99)
async def test_waiting(totp: TOTP, ada: User, phone: Phone, clock: FrozenClock) -> None:
    """Five are free; then one waits, twice as long each time, a quarter of an hour at most."""
    for _ in range(4):
        with pytest.raises(InvalidCode):
            await totp.verify(ada, phone.wrong())
    waits = []
    for _ in range(13):
        with pytest.raises(InvalidCode):
            await totp.verify(ada, phone.wrong())
        with pytest.raises(TooManyRequests) as refused:
            await totp.verify(ada, phone.code())  # not even looked at
        assert refused.value.headers is not None
        waits.append(int(refused.value.headers["Retry-After"]))
        clock.advance(waits[-1] * SECOND - timedelta(milliseconds=1))
        with pytest.raises(TooManyRequests):
            await totp.verify(ada, phone.code())
        clock.advance(timedelta(milliseconds=1))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    assert await is_good(totp, ada, phone.code())
    assert await counter() == (0, 0)


@pytest.mark.security(70)
async def test_guesses_at_once(totp: TOTP, ada: User, phone: Phone) -> None:
    """Of 200 guesses made at once, five are looked at."""
    wrong = phone.wrong()
    results = await race(lambda: totp.verify(ada, wrong), 200)
    assert sum(isinstance(result, InvalidCode) for result in results) == 5
    assert sum(isinstance(result, TooManyRequests) for result in results) == 195


@pytest.mark.security(70)
async def test_disabled(totp: TOTP, ada: User, phone: Phone, clock: FrozenClock) -> None:
    """After a hundred failures in a row it is disabled; an administrator can take it away."""
    for _ in range(100):
        with pytest.raises(InvalidCode):
            await totp.verify(ada, phone.wrong())
        clock.advance(15 * MINUTE)
    with pytest.raises(FactorDisabled):
        await totp.verify(ada, phone.code())
    assert (await counter())[0] == 100
    await totp.remove(ada)
    assert not await totp.is_enrolled(ada)


async def test_not_enrolled(totp: TOTP, ada: User) -> None:
    """Who has not confirmed an app has no code that is right."""
    with pytest.raises(InvalidCode):
        await totp.verify(ada, "123456")
    uri = (await totp.begin(ada)).uri
    with pytest.raises(InvalidCode):
        await totp.verify(ada, totp_code(uri, totp.users.clock()))


@pytest.mark.security(71)
@pytest.mark.parametrize("code", ["", "-1", "²", "12345", "1" * 10_000, "\x00", "\ud800", "abcdef"])
async def test_malformed(totp: TOTP, ada: User, phone: Phone, code: str) -> None:
    """What is no code is a wrong one (D-M10)."""
    with pytest.raises(InvalidCode):
        await totp.verify(ada, code)


@pytest.mark.security(71)
async def test_as_typed(totp: TOTP, ada: User, phone: Phone, clock: FrozenClock) -> None:
    """Spaces and wide digits are how people and phones write."""
    code = phone.code()
    assert await is_good(totp, ada, f" {code[:3]} {code[3:]}")
    clock.advance(PERIOD)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in phone.code())
    assert await is_good(totp, ada, wide)


@pytest.mark.parametrize(("digits", "period"), [(6, 30), (7, 60), (8, 15)])
async def test_settings(
    users: Users[User], totp: TOTP, ada: User, clock: FrozenClock, digits: int, period: int
) -> None:
    """An app goes on with the settings that it was enrolled with."""
    other = TOTP(users, encryption=totp.encryption, issuer="Movies", digits=digits, period=period)
    phone = Phone((await other.begin(ada)).uri, clock)
    assert isinstance(phone.app, pyotp_totp.TOTP)
    assert (phone.app.digits, phone.app.interval) == (digits, period)
    await other.confirm(ada, phone.code())
    clock.advance(5 * MINUTE)
    assert await is_good(totp, ada, phone.code())


@pytest.mark.parametrize(
    "settings",
    [
        {"issuer": ""},
        {"issuer": "a:b"},
        {"digits": 5},
        {"period": 1},
        {"window": -1},
        {"window": 11},
        {"algorithm": "MD5"},
        {"recovery_codes": 0},
        {"recovery_codes": 101},
    ],
)
def test_configuration(settings: dict[str, Any]) -> None:
    """Settings that no app knows, or that are no settings, are refused."""
    encryption = PlainText(i_know_that_nothing_is_encrypted=True)
    with pytest.raises(ConfigurationError):
        TOTP(**{"encryption": encryption, "issuer": "Movies", **settings})


async def test_custom_user(database: Any, clock: FrozenClock) -> None:
    """Users of another table, with another key, enrol all the same."""
    auth_tables(Customer)
    customers = Users(Customer, clock=clock)
    customer = await customers.create("ada", "correct horse battery")
    totp = TOTP(customers, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    enrolment = await totp.begin(customer)
    assert "Movies:ada?" in enrolment.uri
    codes = await totp.confirm(customer, totp_code(enrolment.uri, clock.now))
    await totp.recovery.verify(customer, codes[0])
    assert await totp.recovery.left(customer) == 9
    with pytest.raises(ConfigurationError):
        Login(Users(clock=clock), factors=[totp])


def test_repr() -> None:
    """What is shown of an enrolment has no secret."""
    assert "GEZD" not in repr(Enrolment("GEZD", "otpauth://totp/x?secret=GEZD"))


@pytest.mark.parametrize(
    "name", ["authn_mfa_enrolled", "authn_mfa_removed", "authn_recovery_codes_replaced"]
)
async def test_refused_by_a_listener(
    users: Users[User], ada: User, clock: FrozenClock, name: str
) -> None:
    """Events of changes are told in their transaction: what a listener raises undoes them."""
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    phone = Phone((await totp.begin(ada)).uri, clock)

    def refuse(event: AuthEvent) -> None:
        if event.name == name:
            raise Forbidden

    before: list[dict[str, Any]] = []
    end = subscribe(refuse, when="before_commit")
    try:
        with pytest.raises(Forbidden):  # noqa: PT012 - one of the three refuses
            await totp.confirm(ada, phone.code())
            before = await RecoveryCode.select()
            await totp.recovery.replace(ada)
            await totp.remove(ada)
    finally:
        end()
    is_enrolled = name != "authn_mfa_enrolled"
    assert await totp.is_enrolled(ada) is is_enrolled
    assert await RecoveryCode.count() == 10 * is_enrolled
    if name == "authn_recovery_codes_replaced":
        assert await RecoveryCode.select() == before
