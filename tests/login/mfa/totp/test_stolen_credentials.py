"""Guesses at codes with stolen sessions and apps: bounded, and the owner is not kept out."""

from datetime import timedelta
from itertools import cycle
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import (
    TOTP,
    ClientInfo,
    Login,
    LoginLimits,
    PasswordFailures,
    SecondFactor,
    TOTPSecret,
    User,
    Users,
)
from piccolo_api_fastapi.errors import FactorDisabled, InvalidCode, SignInAgain, TooManyRequests
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import bearer, new_client

from .conftest import Phone, challenge, enrol, password_grant, second_step

SECOND = timedelta(seconds=1)
UNKNOWN = "A" * 24
"""Has the format of a recovery code, and is none."""


async def sign_in(app: FastAPI, code: str, kind: str) -> httpx.AsyncClient:
    """A client that is signed in by a password and a code."""
    client = new_client(app)
    if kind == "session":
        assert (await second_step(client, await challenge(client), code)).status_code == 200
        return client
    body = {"challenge": (await password_grant(client)).json()["challenge"], "code": code}
    tokens = (await client.post("/auth/token/mfa", json=body)).json()
    client.headers.update(bearer(tokens["access_token"]))
    return client


async def present(client: httpx.AsyncClient, code: str) -> tuple[int, str]:
    """Present a code: the status, and the code of the error."""
    answer = await client.post("/auth/reauthenticate", json={"code": code})
    return answer.status_code, answer.json()["code"] if answer.content else ""


@pytest.mark.usefixtures("unlimited")
@pytest.mark.security(70)
@pytest.mark.security(94)
@pytest.mark.parametrize("kind", ["session", "jwt"])
@pytest.mark.parametrize("guess", ["digits", UNKNOWN])
async def test_the_owner_is_not_kept_out(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock, kind: str, guess: str
) -> None:
    """A thief has four tries with a credential, whenever; the owner steps up and logs in."""
    phone, codes = await enrol(client, clock)
    thief, owner = [await sign_in(app, code, kind) for code in codes[:2]]
    wrong = phone.wrong() if guess == "digits" else guess
    answers = []
    for _ in range(8):
        answers.append(await present(thief, wrong))
        clock.advance(20 * SECOND)
    assert answers == [(401, "invalid_code")] * 4 + [(403, "sign_in_again")] * 4
    assert await present(thief, phone.code()) == (403, "sign_in_again")
    assert await present(thief, codes[2]) == (403, "sign_in_again")
    [row] = await TOTPSecret.select()
    assert (row["failed_count"], row["signed_in_count"], row["signed_in_until"]) == (0, 4, 0)

    assert (await present(owner, phone.code()))[0] == 204
    clock.advance(30 * SECOND)
    assert (await present(await sign_in(app, phone.code(), kind), codes[3]))[0] == 204
    assert (await present(thief, wrong))[0] == 403


@pytest.fixture
def bare(users: Users[User], totp: TOTP) -> Login[User]:
    """A login whose only limits are those in the database."""
    return Login(users, factors=[totp], limits=LoginLimits(None, None, None))


@pytest.mark.security(70)
async def test_one_credential_at_once(
    bare: Login[User], totp: TOTP, ada: User, phone: Phone, clock: FrozenClock
) -> None:
    """Of 24 guesses at once four are looked at; neither the password nor a login counts them."""
    wrong, stolen = phone.wrong(), uuid4()
    results = await race(
        lambda: bare.present(ada, wrong, None, ClientInfo(), credential=stolen), 24
    )
    assert sum(isinstance(result, InvalidCode) for result in results) == 4
    assert sum(isinstance(result, SignInAgain) for result in results) == 20
    await totp.users.verify("ada", "correct horse battery")
    await totp.verify(ada, phone.code())


@pytest.mark.security(70)
async def test_many_credentials_at_once(
    bare: Login[User], totp: TOTP, ada: User, phone: Phone, clock: FrozenClock
) -> None:
    """Of 200 guesses over 40 credentials five are looked at; then all wait, and no login does."""
    wrong, turn = phone.wrong(), cycle([uuid4() for _ in range(40)])
    results = await race(
        lambda: bare.present(ada, wrong, None, ClientInfo(), credential=next(turn)), 200
    )
    assert sum(isinstance(result, InvalidCode) for result in results) == 5
    assert sum(isinstance(result, TooManyRequests | SignInAgain) for result in results) == 195
    fresh: dict[str, Any] = {"credential": uuid4()}
    for _ in range(5):  # what is not looked at costs no try
        with pytest.raises(TooManyRequests):
            await bare.present(ada, phone.code(), None, ClientInfo(), **fresh)
    clock.advance(SECOND)
    assert await bare.present(ada, phone.code(), None, ClientInfo(), **fresh) == "totp"
    counts = await PasswordFailures.select(PasswordFailures.failed_count)
    assert sum(row["failed_count"] for row in counts) == 5


@pytest.mark.security(70)
async def test_all_together(
    bare: Login[User], totp: TOTP, ada: User, phone: Phone, clock: FrozenClock
) -> None:
    """Stolen credentials have 50 tries in a row together; half of the hundred are for logins."""

    async def guess() -> None:
        clock.advance(timedelta(minutes=15))
        await bare.present(ada, phone.wrong(), None, ClientInfo(), credential=uuid4())

    for _ in range(50):
        with pytest.raises(InvalidCode):
            await guess()
    with pytest.raises(FactorDisabled):
        await guess()
    await TOTPSecret.update({TOTPSecret.failed_count: 49}, force=True)
    await totp.verify(ada, phone.code())
    with pytest.raises(InvalidCode):  # which forgives all of them
        await guess()


@pytest.mark.security(70)
@pytest.mark.parametrize(("by_logins", "signed_in"), [(100, 0), (70, 30), (50, 50)])
async def test_no_more_than_a_hundred(
    totp: TOTP, ada: User, phone: Phone, by_logins: int, signed_in: int
) -> None:
    """After a hundred failures in a row, whosesoever, no code is looked at."""
    counts: dict[Any, Any] = {
        TOTPSecret.failed_count: by_logins,
        TOTPSecret.signed_in_count: signed_in,
    }
    await TOTPSecret.update(counts, force=True)
    for verify in (totp.verify, totp.verify_again):
        with pytest.raises(FactorDisabled):
            await verify(ada, phone.code())


@pytest.mark.security(70)
async def test_a_right_code_forgives(
    bare: Login[User], ada: User, phone: Phone, clock: FrozenClock
) -> None:
    """Who mistypes has all tries again after the right code."""
    mine: dict[str, Any] = {"credential": uuid4()}
    for _ in range(3):
        for _ in range(3):
            with pytest.raises(InvalidCode):
                await bare.present(ada, phone.wrong(), None, ClientInfo(), **mine)
        assert await bare.present(ada, phone.code(), None, ClientInfo(), **mine) == "totp"
        clock.advance(30 * SECOND)
    assert await PasswordFailures.count() == 0


async def test_a_factor_of_ones_own(users: Users[User], ada: User) -> None:
    """A factor that does not tell the two apart is asked by `verify`, four times a credential."""
    seen: list[str] = []

    class Beeper(SecondFactor):
        name = "beeper"

        async def is_enrolled(self, user: BaseUser) -> bool:
            return user.username == "ada"

        def accepts(self, code: str) -> bool:
            return code == "1"

        async def verify(self, user: BaseUser, code: str) -> None:
            seen.append(f"{user.username} {code}")
            raise InvalidCode

    factor = Beeper()
    factor.users = users
    login = Login(users, factors=[factor])
    for _ in range(4):
        with pytest.raises(InvalidCode):
            await login.present(ada, "1", None, ClientInfo(), credential="mine")
    with pytest.raises(SignInAgain):
        await login.present(ada, "1", None, ClientInfo(), credential="mine")
    assert seen == ["ada 1"] * 4


@pytest.mark.security(70)
async def test_without_a_credential(bare: Login[User], ada: User, phone: Phone) -> None:
    """Where an application does not say with which credential, wrong codes count as at a login."""
    for _ in range(5):
        with pytest.raises(InvalidCode):
            await bare.present(ada, phone.wrong(), None, ClientInfo())
    [row] = await TOTPSecret.select()
    assert (row["failed_count"], row["signed_in_count"]) == (5, 0)
