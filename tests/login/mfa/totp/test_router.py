"""Enrolling, confirming, replacing and removing an authenticator app."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    AuthEvent,
    ConfigurationError,
    RecoveryCode,
    SessionAuth,
    TOTPSecret,
    User,
    mfa_router,
    subscribe,
)
from piccolo_api_fastapi.errors import NotFound, WrongConfirmation
from piccolo_api_fastapi.testing import FrozenClock, acting_as, assert_single_winner
from tests.conftest import bearer, get_tokens, log_in, new_client, reaches_no_sql

from .conftest import Phone, begin, challenge, confirm, enrol, second_step

MINUTE = timedelta(minutes=1)


@pytest.mark.security(72)
async def test_enrolment(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """A secret to scan, nothing asked until a code confirmed it, ten recovery codes once."""
    await log_in(client)
    assert (await client.get("/auth/mfa")).json() == {
        "totp_confirmed_at": None,
        "recovery_codes_left": 0,
    }
    phone = await begin(client, clock)
    assert (await log_in(new_client_of(client))).json()["status"] == "signed_in"
    answer = await confirm(client, phone.code())
    assert answer.status_code == 200
    assert len(set(answer.json()["recovery_codes"])) == 10
    state = (await client.get("/auth/mfa")).json()
    assert state["recovery_codes_left"] == 10
    assert state["totp_confirmed_at"] is not None
    assert (await log_in(new_client_of(client))).json()["status"] == "mfa_required"


def new_client_of(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Another client of the same application."""
    transport: Any = client._transport
    return new_client(transport.app)


@pytest.mark.security(72)
async def test_wrong_confirmation(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """A wrong code confirms nothing (nobody is enrolled without having shown one)."""
    await log_in(client)
    assert (await confirm(client, "123456")).status_code == 422
    phone = await begin(client, clock)
    for code in (phone.wrong(), "", "12345", "²"):
        answer = await confirm(client, code)
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_confirmation")
    assert (await client.get("/auth/mfa")).json()["totp_confirmed_at"] is None
    assert (await confirm(client, phone.code())).status_code == 200


@pytest.mark.security(72)
async def test_second_begin(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """The newest secret is the one that counts."""
    await log_in(client)
    first, second = await begin(client, clock), await begin(client, clock)
    assert (await confirm(client, first.code())).status_code == 422
    assert (await confirm(client, second.code())).status_code == 200
    assert await TOTPSecret.count() == 1


async def test_replacing(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """A new phone takes the place of the old one when it is confirmed, and not before."""
    old, codes = await enrol(client, clock)
    new = await begin(client, clock)
    other = new_client_of(client)
    clock.advance(MINUTE)
    assert (await second_step(other, await challenge(other), old.code())).status_code == 200
    answer = await confirm(client, new.code())
    assert answer.status_code == 200
    assert set(codes).isdisjoint(answer.json()["recovery_codes"])
    clock.advance(MINUTE)
    other = new_client_of(client)
    token = await challenge(other)
    assert (await second_step(other, token, old.code())).status_code == 401
    assert (await second_step(other, token, codes[0])).status_code == 401
    assert (await second_step(other, token, new.code())).status_code == 200


@pytest.mark.security(72)
async def test_one_confirmation_wins(
    client: httpx.AsyncClient, totp: TOTP, ada: User, clock: FrozenClock
) -> None:
    """Of 24 that confirm at once, one gets recovery codes, and only those work."""
    await log_in(client)
    phone = await begin(client, clock)
    code = phone.code()
    codes = await assert_single_winner(lambda: totp.confirm(ada, code))
    assert await RecoveryCode.count() == len(codes) == 10


async def test_a_begin_that_overtakes(
    totp: TOTP, ada: User, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A confirmation whose secret was replaced while it was checked confirms nothing."""
    phone = Phone((await totp.begin(ada)).uri, clock)
    decrypt = totp._secrets.decrypt

    async def slowly(*arguments: Any) -> Any:
        await totp.begin(ada)
        return await decrypt(*arguments)

    monkeypatch.setattr(totp._secrets, "decrypt", slowly)
    with pytest.raises(WrongConfirmation):
        await totp.confirm(ada, phone.code())
    assert not await totp.is_enrolled(ada)


@pytest.mark.security(24)
@pytest.mark.security(20)
@pytest.mark.security(56)
async def test_others_are_signed_out(
    app: FastAPI, client: httpx.AsyncClient, ada: User, grace: User, clock: FrozenClock
) -> None:
    """Enrolling ends the user's other sessions and apps; one's own gets a new cookie."""
    others = [new_client(app), new_client(app)]
    await log_in(others[0])
    await log_in(others[1], "grace")
    tokens = await get_tokens(client)
    await log_in(client)
    before = dict(client.cookies)
    phone = await begin(client, clock)
    assert (await confirm(client, phone.code())).status_code == 200
    assert (await client.get("/me")).status_code == 200
    assert dict(client.cookies) != before
    assert (await others[0].get("/me")).status_code == 401
    assert (await others[1].get("/me")).status_code == 200
    clean = new_client(app)
    replayed = {"Cookie": "; ".join(f"{name}={value}" for name, value in before.items())}
    assert (await clean.get("/me", headers=replayed)).status_code == 401
    access = bearer(tokens["access_token"])
    assert (await clean.get("/me", headers=access)).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await clean.post("/auth/token", data=form)).status_code == 400


@pytest.mark.security(75)
async def test_removing(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """With a fresh second factor it is removed, other sessions end, and somebody is told."""
    phone, _ = await enrol(client, clock)
    other = new_client(app)
    await second_step(other, await challenge(other), phone.code())
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    assert (await client.delete("/auth/mfa/totp")).status_code == 204
    stop()
    assert [event.name for event in events] == ["authn_mfa_removed"]
    assert events[0].user == ada.id
    assert (await client.get("/me")).status_code == 200
    assert (await other.get("/me")).status_code == 401
    assert await RecoveryCode.count() == 0
    assert (await log_in(other)).json()["status"] == "signed_in"
    assert (await client.delete("/auth/mfa/totp")).status_code == 404
    assert (await client.post("/auth/mfa/recovery-codes")).status_code == 404


async def test_removing_what_was_never_confirmed(totp: TOTP, ada: User) -> None:
    """An enrolment that was begun is no authenticator, and stays as it is."""
    await totp.begin(ada)
    with pytest.raises(NotFound):
        await totp.remove(ada)
    assert await TOTPSecret.count() == 1


@pytest.mark.security(79)
async def test_new_recovery_codes(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """With a fresh second factor there are ten new ones, and the old ones are dead."""
    _, old = await enrol(client, clock)
    answer = await client.post("/auth/mfa/recovery-codes")
    new = answer.json()["recovery_codes"]
    assert len(new) == 10
    other = new_client(app)
    token = await challenge(other)
    assert (await second_step(other, token, old[0])).status_code == 401
    assert (await second_step(other, token, new[0])).status_code == 200
    assert (await other.get("/auth/mfa")).json()["recovery_codes_left"] == 9


@pytest.mark.security(115)
async def test_secrets_at_rest(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the secret nor a recovery code is stored, logged or shown again."""
    await log_in(client)
    answer = await client.post("/auth/mfa/totp")
    secret = answer.json()["secret"]
    codes = (await confirm(client, Phone(answer.json()["otpauth_uri"], clock).code())).json()
    stored = str(await TOTPSecret.select()) + str(await RecoveryCode.select())
    shown = (await client.get("/auth/mfa")).text
    for hidden in (secret, *codes["recovery_codes"]):
        for text in (stored, caplog.text, shown):
            assert hidden not in text
            assert hidden.replace("-", "") not in text


@reaches_no_sql
def test_configuration(totp: TOTP, session: SessionAuth[User]) -> None:
    """A step-up that is never recent enough is refused."""
    with pytest.raises(ConfigurationError):
        mfa_router(totp, session, within=timedelta(0))


async def test_custom_length(
    app: FastAPI, totp: TOTP, session: SessionAuth[User], ada: User
) -> None:
    """`within=` is how recent it has to be."""
    short = FastAPI()
    short.include_router(mfa_router(totp, AnyOf(session), within=timedelta(seconds=30)))
    with acting_as(session, ada, factors={}):
        answer = await new_client(short).post("/mfa/totp")
    assert (answer.status_code, answer.json()["max_age"]) == (401, 30)
