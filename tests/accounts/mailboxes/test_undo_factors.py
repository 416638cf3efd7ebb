"""A thief sets up a second factor of their own: an undo takes it away, and all that came after."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    EmailChange,
    Notices,
    RecoveryCode,
    Session,
    SessionAuth,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
    subscribe,
)
from piccolo_api_fastapi.mail import (
    ConfirmEmail,
    EmailChanged,
    LinkMessage,
    ResetPassword,
    SecondFactorChanged,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox, race, totp_code
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


@pytest.fixture
async def notices(users: Users[User], outbox: Outbox) -> AsyncIterator[Notices]:
    """Mail about second factors."""
    notices = Notices(users, mail=outbox)
    stop = subscribe(notices)
    yield notices
    stop()
    await notices.wait()


def link_to(outbox: Outbox, kind: type[LinkMessage | SecondFactorChanged]) -> str:
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


async def enrol(thief: httpx.AsyncClient, clock: FrozenClock) -> None:
    """The thief sets up an app."""
    uri = (await thief.post("/auth/mfa/totp")).json()["otpauth_uri"]
    body = {"code": totp_code(uri, clock.now)}
    assert (await thief.post("/auth/mfa/totp/confirm", json=body)).status_code == 200


async def take_back(
    app: FastAPI, outbox: Outbox, kind: type[LinkMessage | SecondFactorChanged] = EmailChanged
) -> dict[str, Any]:
    """The owner undoes the change, chooses a password and logs in: what the login answers."""
    async with new_client(app) as owner:
        body = {"token": link_to(outbox, kind)}
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


@pytest.mark.security(79)
async def test_a_new_factor_is_undone(
    app: FastAPI, outbox: Outbox, notices: Notices, ada: User, clock: FrozenClock
) -> None:
    """The mail about an app that a thief set up has a link that gives the account back, once."""
    async with new_client(app) as thief:
        await log_in(thief)
        await enrol(thief, clock)
        await notices.wait()
        [mail] = [one for one in outbox.messages if isinstance(one, SecondFactorChanged)]
        assert mail.expires_at == clock.now + timedelta(days=7)
        assert f"\n\n{mail.link}\n\n" in mail.text()
        assert mail.link not in repr(mail)
        clock.advance(timedelta(days=6))
        assert (await take_back(app, outbox, SecondFactorChanged))["status"] == "signed_in"
        assert (await thief.get("/auth/me")).status_code == 401
        body = {"token": link_to(outbox, SecondFactorChanged)}
        assert (await thief.post("/auth/change-email/undo", json=body)).status_code == 401
    assert await TOTPSecret.count() == await RecoveryCode.count() == 0
    async with new_client(app) as other:
        assert (await log_in(other, password=PASSWORD)).status_code == 401


@pytest.mark.security(79)
async def test_all_that_came_after_is_undone(
    app: FastAPI, outbox: Outbox, notices: Notices, ada: User, clock: FrozenClock
) -> None:
    """A thief who changes the address as well loses both by the link of the factor."""
    async with new_client(app) as thief:
        await log_in(thief)
        await enrol(thief, clock)
        await notices.wait()
        clock.advance(timedelta(minutes=2))
        await change_email(app, thief, outbox, ada)
        assert (await take_back(app, outbox, SecondFactorChanged))["status"] == "signed_in"
        body = {"token": link_to(outbox, EmailChanged)}
        assert (await thief.post("/auth/change-email/undo", json=body)).status_code == 401
    [row] = await User.select(User.email)
    assert row == {"email": "ada@example.com"}


@pytest.mark.security(79)
async def test_new_recovery_codes_are_undone(
    app: FastAPI, outbox: Outbox, notices: Notices, totp: TOTP, ada: User, clock: FrozenClock
) -> None:
    """Codes of a thief end; the owner's app, which is older, stays. A removal has no link."""
    uri = (await totp.begin(ada)).uri
    await totp.confirm(ada, totp_code(uri, clock.now))
    await notices.wait()
    clock.advance(timedelta(hours=1))
    await totp.recovery.replace(ada)
    await notices.wait()
    assert (await take_back(app, outbox, SecondFactorChanged))["status"] == "mfa_required"
    assert await RecoveryCode.count() == 0
    await totp.remove(ada)
    await notices.wait()
    mail = outbox.last(SecondFactorChanged)
    assert (mail.link, mail.expires_at) == ("", None)
    assert "change your password at once" in mail.text()


async def test_the_link_is_sent_again(
    app: FastAPI, outbox: Outbox, notices: Notices, totp: TOTP, ada: User, clock: FrozenClock
) -> None:
    """Mail that failed gets another link to the same undo, and none once it is undone."""
    outbox.is_down = True
    await totp.confirm(ada, totp_code((await totp.begin(ada)).uri, clock.now))
    await notices.wait()
    outbox.is_down = False
    clock.advance(timedelta(minutes=5))
    await app.state.accounts.mailboxes.send.retry(ada.id)
    assert (await take_back(app, outbox, SecondFactorChanged))["status"] == "signed_in"
    await app.state.accounts.mailboxes.send.wait()
    outbox.is_down = True
    await totp.confirm(ada, totp_code((await totp.begin(ada)).uri, clock.now))
    await notices.wait()
    outbox.is_down = False
    await EmailChange.delete(force=True)
    clock.advance(timedelta(minutes=5))
    await notices._send.retry(ada.id)
    assert outbox.last(SecondFactorChanged).link == ""


async def test_an_address_that_nobody_verified(
    app: FastAPI, outbox: Outbox, notices: Notices, totp: TOTP, clock: FrozenClock
) -> None:
    """It may belong to somebody else: mail to it has no link. Neither has that to no address."""
    body = {"username": "eve", "email": "eve@example.com", "password": PASSWORD}
    async with new_client(app) as client:
        assert (await client.post("/auth/register", json=body)).status_code == 202
    eve = await totp.users.find("eve")
    assert eve is not None
    await totp.confirm(eve, totp_code((await totp.begin(eve)).uri, clock.now))
    await notices.wait()
    assert outbox.last(SecondFactorChanged).link == ""
    nobody = await totp.users.create("nobody", PASSWORD)
    assert await app.state.accounts.mailboxes.change.undo_link(nobody, clock.now) is None


@pytest.mark.security(79)
async def test_one_undo(
    app: FastAPI, outbox: Outbox, notices: Notices, totp: TOTP, ada: User, clock: FrozenClock
) -> None:
    """Of 24 uses of the link at once, one takes the account back."""
    await totp.confirm(ada, totp_code((await totp.begin(ada)).uri, clock.now))
    await notices.wait()
    token = link_to(outbox, SecondFactorChanged)
    results = await race(lambda: app.state.accounts.mailboxes.change.undo(token))
    assert sum(isinstance(one, User) for one in results) == 1


async def reset(client: httpx.AsyncClient, outbox: Outbox, email: str) -> None:
    """Choose a new password by a link."""
    await client.post("/auth/forgot-password", json={"email": email})
    body = {"token": link_to(outbox, ResetPassword), "password": NEW}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 204


@pytest.mark.security(79)
async def test_a_reset_comes_first(
    app: FastAPI, outbox: Outbox, notices: Notices, ada: User, clock: FrozenClock
) -> None:
    """An owner who resets the password still removes the app by the link to the same mailbox."""
    async with new_client(app) as thief, new_client(app) as owner:
        await log_in(thief)
        await enrol(thief, clock)
        await notices.wait()
        await reset(owner, outbox, "ada@example.com")
        clock.advance(timedelta(minutes=2))
        assert (await log_in(owner, password=NEW)).json()["status"] == "mfa_required"
        assert (await take_back(app, outbox, SecondFactorChanged))["status"] == "signed_in"


@pytest.mark.security(86)
async def test_the_link_of_somebody_else_before(
    app: FastAPI, outbox: Outbox, notices: Notices, ada: User, clock: FrozenClock
) -> None:
    """Nor does the one who gave an account away get it back by a link about a factor."""
    async with new_client(app) as mallory, new_client(app) as victim:
        await log_in(mallory)
        await enrol(mallory, clock)
        await notices.wait()
        clock.advance(timedelta(minutes=2))
        await change_email(app, mallory, outbox, ada)
        await reset(victim, outbox, "thief@example.com")
        for kind in (SecondFactorChanged, EmailChanged):
            body = {"token": link_to(outbox, kind)}
            answer = await mallory.post("/auth/change-email/undo", json=body)
            assert answer.status_code == 401
