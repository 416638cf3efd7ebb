"""An account whose address was changed to somebody else's, who makes it their own."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import EmailChange, EmailCode, User, Users, XChaCha20Poly1305
from piccolo_api_fastapi.errors import InvalidCode, InvalidTicket
from piccolo_api_fastapi.mail import ConfirmEmail, EmailChanged, ResetPassword
from piccolo_api_fastapi.testing import FrozenClock, Outbox, race
from tests.accounts.conftest import (
    NEW,
    change_email,
    confirm,
    enter,
    link_to,
)
from tests.conftest import KEY, log_in

VICTIM = "victim@example.com"


@pytest.fixture
async def mallory(client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock) -> User:
    """Somebody who changed the address of an account to the victim's, who confirmed it."""
    user = await enter(client, outbox, clock)
    await change_email(client, VICTIM)
    client.cookies.clear()
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    return user


async def undo(client: httpx.AsyncClient, token: str) -> int:
    """Follow the link to the old address."""
    answer = await client.post("/auth/change-email/undo", json={"token": token})
    return answer.status_code


async def reset(client: httpx.AsyncClient, outbox: Outbox, email: str = VICTIM) -> None:
    """Choose a new password by a link."""
    await client.post("/auth/forgot-password", json={"email": email})
    body = {"token": link_to(outbox, ResetPassword), "password": NEW}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 204


async def verify_again(app: FastAPI, outbox: Outbox, user: User) -> None:
    """Follow a link that verifies the address once more."""
    verification = app.state.accounts.mailboxes.verification
    fresh = await app.state.accounts.users.get(user.id)
    message = await verification.issue(fresh, await verification.new_code())
    await verification.by_link(message.link.partition("#token=")[2], None)


@pytest.mark.security(86)
async def test_a_reset_ends_the_undo(
    client: httpx.AsyncClient, mallory: User, outbox: Outbox
) -> None:
    """Once the new owner resets the password, nobody takes back what they stored."""
    token = link_to(outbox, EmailChanged)
    await reset(client, outbox)
    assert await undo(client, token) == 401
    answer = await log_in(client, VICTIM, NEW)
    assert answer.json()["status"] == "signed_in"
    assert await EmailChange.count() == 0


@pytest.mark.security(86)
async def test_a_verification_ends_the_undo(
    app: FastAPI, client: httpx.AsyncClient, mallory: User, outbox: Outbox
) -> None:
    """So does a second verification of the new address."""
    await verify_again(app, outbox, mallory)
    assert await undo(client, link_to(outbox, EmailChanged)) == 401


@pytest.mark.security(86)
async def test_a_code_by_mail_ends_the_undo(
    client: httpx.AsyncClient, users: Users[User], mallory: User, outbox: Outbox
) -> None:
    """So does a code that was sent to the new address, but not a wrong one."""
    sent: list[str] = []

    async def send(_: Any, code: str) -> None:
        sent.append(code)

    factor = EmailCode(users, send=send, encryption=XChaCha20Poly1305(KEY))
    owner = await users.get(mallory.id)
    assert owner is not None
    await factor.send(owner)
    wrong = "000000" if sent[0] != "000000" else "111111"
    with pytest.raises(InvalidCode):
        await factor.verify(owner, wrong)
    assert await EmailChange.count() == 1
    await factor.verify(owner, sent[0])
    assert await undo(client, link_to(outbox, EmailChanged)) == 401


@pytest.mark.security(86)
async def test_the_change_itself_ends_nothing(
    client: httpx.AsyncClient, mallory: User, outbox: Outbox
) -> None:
    """Until then the old owner undoes it; whoever asks for a link only ends nothing either."""
    await client.post("/auth/forgot-password", json={"email": VICTIM})
    assert await undo(client, link_to(outbox, EmailChanged)) == 204


@pytest.mark.security(85)
async def test_undo_against_reset(
    app: FastAPI, client: httpx.AsyncClient, mallory: User, outbox: Outbox
) -> None:
    """Of 12 undos and 12 resets at once, one passes, and no other state is left."""
    await client.post("/auth/forgot-password", json={"email": VICTIM})
    accounts = app.state.accounts
    token, link = link_to(outbox, EmailChanged), link_to(outbox, ResetPassword)
    order = iter([True, False] * 12)

    async def use_either() -> User:
        if next(order):
            undone: User = await accounts.mailboxes.change.undo(token)
            return undone
        set_anew: User = await accounts.reset_password(link, NEW)
        return set_anew

    results = await race(use_either)
    assert all(isinstance(one, User | InvalidTicket) for one in results)
    assert sum(isinstance(one, User) for one in results) == 1
    [row] = await User.select(User.email)
    is_reset = any(isinstance(one, User) for one in results[1::2])
    assert row["email"] == (VICTIM if is_reset else "ada@example.com")
