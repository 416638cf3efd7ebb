"""Accounts whose address other code stored in another spelling."""

from datetime import timedelta

import httpx
import pytest
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import EmailChange, EmailStatus, User, Users
from piccolo_api_fastapi.mail import (
    AlreadyRegistered,
    ConfirmEmail,
    EmailChanged,
    ResetPassword,
    VerifyEmail,
)
from piccolo_api_fastapi.piccolo_app import fold_users
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from piccolo_api_fastapi.users.tables import MARKER
from tests.accounts.conftest import NEW, change_email, confirm, link_to, register, verify
from tests.conftest import log_in

STORED = "Jürgen.MÜLLER@xn--exmple-cua.com"
NORMAL = "jürgen.müller@exämple.com"


@pytest.fixture(params=["before", "later"])
async def juergen(request: pytest.FixtureRequest, users: Users[User]) -> User:
    """A row of other code; written before `fold_users` or later."""
    row = BaseUser(username="Jürgen", email=STORED, password=MARKER, active=True)  # type: ignore[no-untyped-call]
    await BaseUser.insert(row)
    if request.param == "before":
        await fold_users()
    user = await users.find("jürgen")
    assert user is not None
    return user


async def reset(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Set a password by a link to the address."""
    await client.post("/auth/forgot-password", json={"email": NORMAL})
    assert outbox.last(ResetPassword).to == STORED
    body = {"token": outbox.token(ResetPassword), "password": NEW}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 204


@pytest.mark.security(14)
async def test_a_mailbox_has_one_owner(
    client: httpx.AsyncClient, juergen: User, outbox: Outbox
) -> None:
    """Nobody registers the address again, and mail goes to the stored one."""
    assert (await register(client, username="eve", email=NORMAL)).status_code == 202
    assert outbox.last(AlreadyRegistered).to == STORED
    assert await User.count() == 1


@pytest.mark.security(14)
async def test_reset_and_verification(
    client: httpx.AsyncClient, juergen: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """Resets and verifications work in every spelling, and prove the address."""
    await client.post("/auth/verify-email/request", json={"email": NORMAL.upper()})
    assert outbox.last(VerifyEmail).to == STORED
    assert (await verify(client, outbox)).status_code == 200
    await reset(client, outbox)
    for typed in (STORED, NORMAL, NORMAL.upper(), "JÜRGEN"):
        assert (await log_in(client, typed, NEW)).status_code == 200
    me = (await client.get("/auth/me")).json()
    assert (me["email"], me["email_verified"]) == (STORED, True)


@pytest.mark.security(14)
async def test_another_change(
    client: httpx.AsyncClient,
    users: Users[User],
    juergen: User,
    outbox: Outbox,
    clock: FrozenClock,
) -> None:
    """Another user can't change to the address, also if the row came meanwhile."""
    await users.create("eve", NEW, email="eve@example.com")
    await log_in(client, "eve", NEW)
    await change_email(client, NORMAL, current_password=NEW)
    [told] = [one for one in outbox.messages if isinstance(one, AlreadyRegistered)]
    assert told.to == STORED
    assert not any(isinstance(one, ConfirmEmail) for one in outbox.messages)
    clock.advance(timedelta(minutes=2))
    await User.update({User.email: "elsewhere@example.com"}).where(User.id == juergen.id)
    await change_email(client, NORMAL, current_password=NEW)
    await User.update({User.email: STORED}).where(User.id == juergen.id)
    answer = await confirm(client, link_to(outbox, ConfirmEmail))
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_taken")


@pytest.mark.security(14)
async def test_own_change(
    client: httpx.AsyncClient, juergen: User, users: Users[User], outbox: Outbox
) -> None:
    """
    A change can be undone, also after the mailbox was proved again. A change of the spelling
    sends no mail to the "earlier" mailbox.
    """
    await reset(client, outbox)
    await log_in(client, NORMAL, NEW)
    await change_email(client, "new@example.com", current_password=NEW)
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    assert outbox.last(EmailChanged).to == STORED
    await users.prove_mailbox(juergen.id, NORMAL)
    assert await EmailChange.count() == 1
    body = {"token": link_to(outbox, EmailChanged)}
    assert (await client.post("/auth/change-email/undo", json=body)).status_code == 204
    user = await users.find(NORMAL)
    assert user is not None
    assert (user.id, user.email) == (juergen.id, STORED)
    await users.prove_mailbox(juergen.id, "other@example.com")
    assert await EmailChange.count() == 0


@pytest.mark.security(14)
async def test_own_spelling(
    client: httpx.AsyncClient, juergen: User, users: Users[User], outbox: Outbox
) -> None:
    """A user whose address is not verified may change to its normal form, without a notice."""
    await users.set_password(juergen, NEW)
    await log_in(client, "jürgen", NEW)
    await change_email(client, NORMAL, current_password=NEW)
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    assert not any(isinstance(message, EmailChanged) for message in outbox.messages)
    [status] = await EmailStatus.select()
    assert (status["email"], status["verified_at"] is None) == (NORMAL, False)
    assert (await client.get("/auth/me")).json()["email"] == NORMAL
