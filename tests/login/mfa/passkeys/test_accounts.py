"""Passkeys of an account that is taken over by its owner, or taken back from a thief."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    AuthEvent,
    JWTAuth,
    Login,
    Notices,
    Passkey,
    Passkeys,
    RecoveryCode,
    SessionAuth,
    User,
    Users,
    accounts_router,
    subscribe,
)
from piccolo_api_fastapi.mail import (
    ConfirmEmail,
    EmailChanged,
    ResetPassword,
    SecondFactorChanged,
    VerifyEmail,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox, SoftwareAuthenticator
from tests.accounts.conftest import BASE_URL, NEW, link_to, register
from tests.conftest import PASSWORD, log_in, new_client

from .conftest import ORIGIN, SITE, add, application, begin, enter


@pytest.fixture
def outbox() -> Outbox:
    """What was mailed."""
    return Outbox()


@pytest.fixture
def app(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> FastAPI:
    """An application with accounts, in which people may log in before they verify."""
    login = Login(users, factors=[Passkeys(users, **SITE)])
    app = application.__wrapped__(session, jwt, login)
    accounts = Accounts(
        users,
        base_url=BASE_URL,
        schemes=[session, jwt],
        login=login,
        mail=outbox,
        active_before_verified=True,
    )
    app.state.accounts = accounts
    app.include_router(accounts_router(accounts), prefix="/auth")
    return app


@pytest.fixture
async def notices(users: Users[User], outbox: Outbox) -> AsyncIterator[Notices]:
    """Mail about second factors."""
    notices = Notices(users, mail=outbox)
    stop = subscribe(notices)
    yield notices
    stop()
    await notices.wait()


async def verify(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Follow the link of the last mail."""
    body = {"token": outbox.token(VerifyEmail)}
    assert (await client.post("/auth/verify-email", json=body)).status_code == 200


async def reset(client: httpx.AsyncClient, outbox: Outbox, email: str | None = None) -> None:
    """Choose a password by a link, which was sent or is asked for."""
    if email is not None:
        answer = await client.post("/auth/forgot-password", json={"email": email})
        assert answer.status_code == 202
    body = {"token": link_to(outbox, ResetPassword), "password": NEW}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 204


async def change_email(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """The thief, who is signed in, changes the address."""
    body = {"current_password": PASSWORD, "email": "thief@example.com"}
    assert (await client.post("/auth/change-email", json=body)).status_code == 202
    body = {"token": link_to(outbox, ConfirmEmail)}
    assert (await client.post("/auth/change-email/confirm", json=body)).status_code == 204


@pytest.mark.security(137)
@pytest.mark.parametrize("way", ["contest", "reset"])
async def test_a_stranger_registered(
    app: FastAPI, outbox: Outbox, clock: FrozenClock, key: SoftwareAuthenticator, way: str
) -> None:
    """What they added to the account ends when the owner of the mailbox takes it over."""
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief")
        await log_in(thief, "thief")
        assert (await add(thief, key)).status_code == 201
        under_way = await begin(thief, "/login/passkey")
        clock.advance(timedelta(minutes=2))
        if way == "contest":
            await register(owner, username="ada", password=NEW)
            body = {"email": "ada@example.com"}
            await owner.post("/auth/verify-email/request", json=body)
            await verify(owner, outbox)
            await reset(owner, outbox)
        else:
            await reset(owner, outbox, "ada@example.com")
        assert await Passkey.count() == await RecoveryCode.count() == 0
        credential = key.get(under_way["options"])
        body_ = {"challenge": under_way["challenge"], "credential": credential}
        assert (await thief.post("/auth/login/passkey", json=body_)).status_code == 401
        assert (await enter(thief, key)).status_code == 401
        answer = await log_in(owner, "ada@example.com", NEW)
        assert answer.json()["status"] == "signed_in"


@pytest.mark.security(137)
async def test_an_owner_who_resets(
    app: FastAPI, outbox: Outbox, clock: FrozenClock, key: SoftwareAuthenticator
) -> None:
    """Once the address is verified, a reset keeps passkeys, and the log-in asks for one."""
    async with new_client(app) as owner:
        await register(owner)
        await verify(owner, outbox)
        await log_in(owner)
        assert (await add(owner, key)).status_code == 201
        clock.advance(timedelta(minutes=2))
        await reset(owner, outbox, "ada@example.com")
        assert (await log_in(owner, "ada", NEW)).json()["status"] == "mfa_required"
        assert (await enter(owner, key)).status_code == 200


@pytest.mark.security(137)
async def test_a_change_of_address_undone(
    app: FastAPI,
    outbox: Outbox,
    clock: FrozenClock,
    key: SoftwareAuthenticator,
    events: list[AuthEvent],
) -> None:
    """What was added since ends; what the owner had before stays."""
    async with new_client(app) as owner, new_client(app) as thief:
        await register(owner)
        await verify(owner, outbox)
        await log_in(owner)
        await add(owner, key)
        clock.advance(timedelta(minutes=10))
        await enter(thief, key)
        await change_email(thief, outbox)
        clock.advance(timedelta(minutes=2))
        stolen = SoftwareAuthenticator(ORIGIN)
        assert (await add(thief, stolen)).status_code == 201
        assert await Passkey.count() == 2
        body = {"token": link_to(outbox, EmailChanged)}
        assert (await owner.post("/auth/change-email/undo", json=body)).status_code == 204
        await reset(owner, outbox)
        assert await Passkey.count() == 1
        assert (await thief.get("/me")).status_code == 401
        assert (await enter(thief, stolen)).status_code == 401
        assert (await enter(owner, key)).status_code == 200
        assert (await owner.get("/me")).json() == "ada"
    [undone] = [event for event in events if event.name == "user_email_change_undone"]
    assert undone.data["ended_factors"] is True


@pytest.mark.security(136)
@pytest.mark.security(137)
async def test_a_new_passkey_undone(
    app: FastAPI, outbox: Outbox, notices: Notices, clock: FrozenClock
) -> None:
    """The mail about a passkey of a thief has its name, and a link that gives the account back."""
    stolen = SoftwareAuthenticator(ORIGIN)
    async with new_client(app) as owner, new_client(app) as thief:
        await register(owner)
        await verify(owner, outbox)
        await log_in(thief)
        await add(thief, stolen, "Not mine")
        await notices.wait()
        mail = outbox.last(SecondFactorChanged)
        assert "A passkey was added: Not mine." in mail.text()
        assert mail.link in mail.text()
        assert mail.expires_at == clock.now + timedelta(days=7)
        body = {"token": mail.link.partition("#token=")[2]}
        assert (await owner.post("/auth/change-email/undo", json=body)).status_code == 204
        await reset(owner, outbox)
        assert await Passkey.count() == await RecoveryCode.count() == 0
        assert (await enter(thief, stolen)).status_code == 401
        assert (await log_in(owner, "ada", NEW)).json()["status"] == "signed_in"


@pytest.mark.security(130)
@pytest.mark.security(136)
async def test_mail_about_a_copy(
    app: FastAPI, outbox: Outbox, notices: Notices, key: SoftwareAuthenticator
) -> None:
    """The owner is told, without a link: nothing was added."""
    async with new_client(app) as owner:
        await register(owner)
        await verify(owner, outbox)
        await log_in(owner)
        await add(owner, key, "Blue key")
        await enter(owner, key)
        assert (await enter(owner, key, sign_count=1)).status_code == 401
    await notices.wait()
    mail = outbox.last(SecondFactorChanged)
    assert "Blue key" in mail.change
    assert mail.link == ""
