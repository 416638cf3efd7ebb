"""A thief sets up a second factor of their own: the undo of a change of address takes it away."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    RecoveryCode,
    Session,
    SessionAuth,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
)
from piccolo_api_fastapi.mail import ConfirmEmail, EmailChanged, LinkMessage, ResetPassword
from piccolo_api_fastapi.testing import FrozenClock, Outbox, totp_code
from tests.accounts.conftest import NEW, build_with_factors
from tests.conftest import KEY, PASSWORD, log_in, new_client


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """Authenticator apps."""
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


@pytest.fixture
def app(
    users: Users[User], session: SessionAuth[User], outbox: Outbox, totp: TOTP, ada: User
) -> FastAPI:
    """An application with accounts and second factors."""
    return build_with_factors(users, session, totp, mail=outbox)


def link_to(outbox: Outbox, kind: type[LinkMessage]) -> str:
    """The secret in the last link of a kind."""
    links = [message for message in outbox.messages if isinstance(message, kind)]
    return links[-1].link.partition("#token=")[2]


async def change_email(app: FastAPI, thief: httpx.AsyncClient, outbox: Outbox, ada: User) -> None:
    """The thief, who is signed in, changes the verified address of the owner."""
    await app.state.accounts.mailboxes.verification.mark_verified(ada.id, ada.email)
    body = {"current_password": PASSWORD, "email": "thief@example.com"}
    assert (await thief.post("/auth/change-email", json=body)).status_code == 202
    body = {"token": link_to(outbox, ConfirmEmail)}
    assert (await thief.post("/auth/change-email/confirm", json=body)).status_code == 204


async def take_back(app: FastAPI, outbox: Outbox) -> dict[str, Any]:
    """The owner undoes the change, chooses a password and logs in: what the login answers."""
    async with new_client(app) as owner:
        body = {"token": link_to(outbox, EmailChanged)}
        assert (await owner.post("/auth/change-email/undo", json=body)).status_code == 204
        body = {"token": link_to(outbox, ResetPassword), "password": NEW}
        assert (await owner.post("/auth/reset-password", json=body)).status_code == 204
        answer = await log_in(owner, "ada@example.com", NEW)
        assert answer.status_code == 200
        return dict(answer.json())


@pytest.mark.security(79)
async def test_the_app_of_a_thief(
    app: FastAPI, outbox: Outbox, ada: User, clock: FrozenClock, events: list[AuthEvent]
) -> None:
    """Set up after the change, it would lock the owner out: it ends, with its recovery codes."""
    async with new_client(app) as thief:
        await log_in(thief)
        await change_email(app, thief, outbox, ada)
        clock.advance(timedelta(minutes=2))
        uri = (await thief.post("/auth/mfa/totp")).json()["otpauth_uri"]
        code = totp_code(uri, clock.now)
        answer = await thief.post("/auth/mfa/totp/confirm", json={"code": code})
        assert answer.status_code == 200, answer.text
        async with new_client(app) as owner:
            assert (await log_in(owner)).json()["status"] == "mfa_required"
        assert (await take_back(app, outbox))["status"] == "signed_in"
        assert (await thief.get("/auth/me")).status_code == 401
    assert await TOTPSecret.count() == await RecoveryCode.count() == 0
    [undone] = [event for event in events if event.name == "user_email_change_undone"]
    assert undone.data["ended_factors"] is True


@pytest.mark.security(79)
async def test_an_enrolment_under_way(
    app: FastAPI, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """Begun before the undo and confirmed after it, it comes too late."""
    async with new_client(app) as thief:
        await log_in(thief)
        await change_email(app, thief, outbox, ada)
        uri = (await thief.post("/auth/mfa/totp")).json()["otpauth_uri"]
        assert (await take_back(app, outbox))["status"] == "signed_in"
        code = totp_code(uri, clock.now)
        answer = await thief.post("/auth/mfa/totp/confirm", json={"code": code})
        assert answer.status_code == 401
    async with new_client(app) as owner:
        assert (await log_in(owner, password=NEW)).json()["status"] == "signed_in"


@pytest.mark.security(79)
async def test_the_app_of_the_owner(
    app: FastAPI,
    outbox: Outbox,
    totp: TOTP,
    ada: User,
    clock: FrozenClock,
    events: list[AuthEvent],
) -> None:
    """
    Set up before the change, it stays: whoever reads the old mailbox does not get around it.
    Recovery codes that a thief made since are no good.
    """
    async with new_client(app) as thief:
        await log_in(thief)
        uri = (await totp.begin(ada)).uri
        [row] = await Session.select(Session.id)
        await totp.confirm(ada, totp_code(uri, clock.now), keep=row["id"])
        clock.advance(timedelta(hours=1))
        await change_email(app, thief, outbox, ada)
        await totp.recovery.replace(ada)
        assert (await take_back(app, outbox))["status"] == "mfa_required"
    assert await TOTPSecret.count() == 1
    assert await RecoveryCode.count() == 0
    [undone] = [event for event in events if event.name == "user_email_change_undone"]
    assert undone.data["ended_factors"] is True
