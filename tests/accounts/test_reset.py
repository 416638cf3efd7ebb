"""Forgotten passwords."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import AuthEvent, RefreshFamily, Session, Ticket, User, Users
from piccolo_api_fastapi.mail import PasswordChanged, ResetPassword, VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox, assert_single_winner
from tests.accounts.conftest import NEW, names, register
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, reaches_no_sql

ADA = {"email": "ada@example.com"}


async def forgot(client: httpx.AsyncClient, email: str = "ada@example.com") -> httpx.Response:
    """Ask for a link."""
    return await client.post("/auth/forgot-password", json={"email": email})


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW) -> httpx.Response:
    """Set a new password."""
    return await client.post("/auth/reset-password", json={"token": token, "password": password})


@pytest.mark.security(24)
@pytest.mark.security(87)
async def test_reset(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """The link sets a password, ends every way in, verifies, signs nobody in, and tells (D-U7)."""
    await log_in(client)
    tokens = await get_tokens(client)
    assert (await forgot(client)).json() == {"status": "check_your_mail"}
    message = outbox.last(ResetPassword)
    assert (message.to, message.expires_at - message.at) == (ada.email, timedelta(minutes=30))
    answer = await reset(client, outbox.token(ResetPassword))
    assert answer.status_code == 204
    [cookie] = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-known-device=dev_")  # no way in: see KnownDevices
    assert outbox.last(PasswordChanged).to == ada.email
    assert (await client.get("/auth/me")).status_code == 401
    headers = bearer(tokens["access_token"])
    assert (await client.get("/auth/me", headers=headers)).status_code == 401
    assert await Session.count() == await RefreshFamily.count() == 0
    assert (await log_in(client)).status_code == 401
    assert (await log_in(client, password=NEW)).status_code == 200
    assert (await client.get("/auth/me")).json()["email_verified"] is True
    assert {"authn_password_reset_requested", "authn_password_reset"} <= set(names(events))


@pytest.mark.security(85)
@pytest.mark.usefixtures("unlimited")
async def test_a_link_is_good_once(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """24 uses of one link at once: one winner, no 500, and the password is the winner's."""
    await forgot(client)
    token, number = outbox.token(ResetPassword), iter(range(100))
    winners: list[str] = []

    async def use() -> bool:
        password = f"battery number {next(number)}"
        answer = await reset(client, token, password)
        assert answer.status_code in (204, 401)
        if answer.status_code == 204:
            winners.append(password)
        return answer.status_code == 204

    await assert_single_winner(use)
    assert (await log_in(client, password=winners[0])).status_code == 200
    assert (await reset(client, token)).json()["code"] == "invalid_ticket"


@pytest.mark.security(84)
async def test_thirty_minutes(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """The link works until 29:59 and not at 30:00; the table does not have its token."""
    await forgot(client)
    token = outbox.token(ResetPassword)
    assert token not in str(await Ticket.select())
    clock.advance(timedelta(minutes=30))
    assert (await reset(client, token)).status_code == 401
    assert (await log_in(client)).status_code == 200
    await forgot(client)
    clock.advance(timedelta(minutes=29, seconds=59))
    assert (await reset(client, outbox.token(ResetPassword))).status_code == 204
    assert (await log_in(client, password=NEW)).status_code == 200


@pytest.mark.security(86)
@pytest.mark.parametrize("newer", ["request", "password", "email", "disabled", "deleted"])
async def test_what_ends_a_link(
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    outbox: Outbox,
    clock: FrozenClock,
    newer: str,
) -> None:
    """A newer request, another password, another address, or an end of the account."""
    await forgot(client)
    token = outbox.token(ResetPassword)
    clock.advance(timedelta(minutes=1))
    if newer == "request":
        await forgot(client)
    elif newer == "password":
        await users.set_password(ada, "yet another battery")
    elif newer == "email":
        await User.update({User.email: "lovelace@example.com"}, force=True)
    elif newer == "disabled":
        await User.update({User.active: False}, force=True)
    else:
        await User.delete(force=True)
    answer = await reset(client, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")


async def test_a_weak_password(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """A password that is refused does not use the link up; ten tries do (D-U3)."""
    await forgot(client)
    token = outbox.token(ResetPassword)
    for _ in range(9):
        answer = await reset(client, token, "short")
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (
            422,
            "password_too_short",
        )
    assert (await reset(client, token)).status_code == 204


@pytest.mark.security(13)
async def test_one_answer(
    client: httpx.AsyncClient, users: Users[User], ada: User, outbox: Outbox
) -> None:
    """Known, unknown, disabled, without an address, by name, too soon: the same bytes."""
    await users.create("off", PASSWORD, email="off@example.com", active=False)
    await users.create("none", PASSWORD)
    addresses = ["ada@example.com", "nobody@example.com", "off@example.com", "ada@example.com"]
    answers = [await forgot(client, email) for email in addresses]
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {202}
    assert [message.to for message in outbox.messages] == ["ada@example.com"]
    assert (await forgot(client, "ada")).status_code == 422


async def test_before_verifying(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Whoever forgot the password before they verified sets one, and that verifies."""
    await register(client)
    assert outbox.last(VerifyEmail).to == "ada@example.com"
    await forgot(client)
    assert (await reset(client, outbox.token(ResetPassword))).status_code == 204
    assert (await log_in(client, password=NEW)).status_code == 200


@reaches_no_sql
@pytest.mark.parametrize("body", [{}, [], {"token": 1, "password": NEW}, {"token": "x"}])
async def test_malformed(client: httpx.AsyncClient, database: Any, body: Any) -> None:
    """Odd bodies are a 422 (D-U7)."""
    assert (await client.post("/auth/reset-password", json=body)).status_code == 422


async def test_deleted_meanwhile(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who is deleted between two statements is an unknown link, and no 500."""
    await forgot(client)

    async def nobody(*_: Any) -> None:
        await User.delete(force=True)

    monkeypatch.setattr(Users, "get", nobody)
    assert (await reset(client, outbox.token(ResetPassword))).status_code == 401
