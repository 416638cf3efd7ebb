"""Changes by people who are signed in: password, address, columns, the end."""

import itertools
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    AuthEvent,
    EmailChange,
    EmailStatus,
    EventRecord,
    Password,
    RefreshFamily,
    Session,
    SessionAuth,
    Ticket,
    User,
    Users,
    delete_expired_email_changes,
    record_events,
    subscribe,
)
from piccolo_api_fastapi.errors import Forbidden
from piccolo_api_fastapi.mail import (
    AccountClosed,
    AlreadyRegistered,
    ConfirmEmail,
    EmailChanged,
    EmailChangeRequested,
    LinkMessage,
    PasswordChanged,
    ResetPassword,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox, acting_as, assert_single_winner, race
from tests.accounts.conftest import COOKIE, NEW, MakeApp, names, register, verify
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client, reaches_no_sql


@pytest.fixture
async def ada(client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock) -> User:
    """A user with a verified address, who is signed in."""
    await register(client)
    await verify(client, outbox)
    await log_in(client)
    clock.advance(timedelta(minutes=10))
    [user] = await User.objects()
    return user


async def change_password(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """Change the password."""
    given = {"current_password": PASSWORD, "new_password": NEW, **body}
    given = {name: value for name, value in given.items() if value is not None}
    return await client.post("/auth/change-password", json=given)


@pytest.mark.security(20)
@pytest.mark.security(24)
async def test_password(client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox) -> None:
    """Every other way in ends, the session of the caller gets a new cookie (D-U7)."""
    tokens = await get_tokens(client)
    await client.post("/auth/forgot-password", json={"email": ada.email})
    link, old = outbox.token(ResetPassword), client.cookies[COOKIE]
    async with new_client(app) as other:
        await log_in(other)
        answer = await change_password(client)
        assert answer.status_code == 204, answer.text
        assert (await other.get("/auth/me")).status_code == 401
        other.cookies.clear()
        headers = {"Cookie": f"{COOKIE}={old}"}
        assert (await other.get("/auth/me", headers=headers)).status_code == 401
    assert (await client.get("/auth/me")).status_code == 200
    assert client.cookies[COOKIE] != old
    headers = bearer(tokens["access_token"])
    assert (await client.get("/auth/me", headers=headers)).status_code == 401
    assert await Session.count() == 1
    assert await RefreshFamily.count() == 0
    assert outbox.last(PasswordChanged).to == ada.email
    body = {"token": link, "password": "yet another battery"}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 401
    assert (await log_in(client, password=NEW)).status_code == 200


@pytest.mark.security(24)
async def test_password_by_token(client: httpx.AsyncClient, ada: User) -> None:
    """An app changes it likewise, and goes on with its tokens."""
    tokens = await get_tokens(client)
    headers = bearer(tokens["access_token"])
    body = {"current_password": PASSWORD, "new_password": NEW}
    answer = await client.post("/auth/change-password", json=body, headers=headers)
    assert answer.status_code == 204
    assert (await client.get("/auth/me", headers=headers)).status_code == 200
    assert (await client.get("/auth/me")).status_code == 401


async def test_step_up(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Without the password only who presented a factor in the last five minutes."""
    answer = await change_password(client, current_password=None)
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    assert 'max_age="300"' in answer.headers["www-authenticate"]
    await log_in(client)
    clock.advance(timedelta(minutes=4))
    assert (await change_password(client, current_password=None)).status_code == 204


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"current_password": "wrong"}, 401, "invalid_credentials"),
        ({"current_password": ""}, 401, "invalid_credentials"),
        ({"current_password": "x" * 200}, 401, "invalid_credentials"),
        ({"new_password": "short"}, 422, "weak_password"),
        ({"new_password": "x" * 200}, 422, "weak_password"),
        ({"new_password": 1}, 422, "validation_error"),
        ({"admin": True}, 422, "validation_error"),
    ],
)
async def test_wrong_password(
    client: httpx.AsyncClient, ada: User, body: dict[str, Any], status: int, code: str
) -> None:
    """What is wrong changes nothing (D-U3, D-U7)."""
    answer = await change_password(client, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await log_in(client)).status_code == 200


@reaches_no_sql
async def test_strangers(client: httpx.AsyncClient, database: Any) -> None:
    """Nobody who is not signed in gets anywhere (D-U7)."""
    for method, path in (
        ("POST", "change-password"),
        ("POST", "change-email"),
        ("GET", "me"),
        ("PATCH", "me"),
        ("DELETE", "me"),
    ):
        body: Any = None if method == "GET" else {}
        answer = await client.request(method, f"/auth/{path}", json=body)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"]


@reaches_no_sql
@pytest.mark.security(27)
async def test_other_sites(client: httpx.AsyncClient, ada: User) -> None:
    """The cookie does nothing for another site."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    body = {"current_password": PASSWORD, "new_password": NEW}
    answer = await client.post("/auth/change-password", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


async def change_email(
    client: httpx.AsyncClient, email: str = "lovelace@example.com", **body: Any
) -> httpx.Response:
    """Ask for another address."""
    given = {"current_password": PASSWORD, "email": email, **body}
    return await client.post("/auth/change-email", json=given)


async def confirm(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Follow the link to the new address."""
    return await client.post("/auth/change-email/confirm", json={"token": token})


def link_to(outbox: Outbox, kind: type[LinkMessage], number: int = -1) -> str:
    """The secret in one of the links of a kind that were sent."""
    links = [message for message in outbox.messages if isinstance(message, kind)]
    return links[number].link.partition("#token=")[2]


@pytest.mark.security(24)
@pytest.mark.security(90)
async def test_email(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """The new address confirms, the old one is told twice and works until then; others end."""
    answer = await change_email(client, "LOVELACE@example.com")
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    asked, told = outbox.messages[-2:]
    assert isinstance(asked, ConfirmEmail)
    assert isinstance(told, EmailChangeRequested)
    assert (asked.to, told.to, told.new) == (
        "lovelace@example.com",
        "ada@example.com",
        "lovelace@example.com",
    )
    async with new_client(app) as other:
        assert (await log_in(other, "ada@example.com")).status_code == 200
        assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
        assert (await other.get("/auth/me")).status_code == 401
    me = (await client.get("/auth/me")).json()
    assert (me["email"], me["email_verified"]) == ("lovelace@example.com", True)
    assert outbox.last(EmailChanged).to == "ada@example.com"
    assert (await log_in(client, "ada@example.com")).status_code == 401
    assert (await log_in(client, "lovelace@example.com")).status_code == 200
    assert "user_email_changed" in names(events)


@pytest.mark.security(24)
async def test_email_gives_a_new_cookie(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox
) -> None:
    """The session that confirms goes on under a new cookie, and the one before is dead."""
    await change_email(client)
    old = client.cookies[COOKIE]
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    assert client.cookies[COOKIE] != old
    assert (await client.get("/auth/me")).status_code == 200
    async with new_client(app) as thief:
        headers = {"Cookie": f"{COOKIE}={old}"}
        assert (await thief.get("/auth/me", headers=headers)).status_code == 401
    assert await Session.count() == 1


@pytest.mark.security(24)
async def test_email_by_token(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """An app confirms it likewise, and goes on with its tokens; the browser is signed out."""
    await change_email(client)
    headers = bearer((await get_tokens(client))["access_token"])
    body = {"token": link_to(outbox, ConfirmEmail)}
    answer = await client.post("/auth/change-email/confirm", json=body, headers=headers)
    assert answer.status_code == 204
    assert "set-cookie" not in answer.headers
    assert (await client.get("/auth/me", headers=headers)).status_code == 200
    assert (await client.get("/auth/me")).status_code == 401


@pytest.mark.security(24)
async def test_a_session_that_ends_meanwhile(
    client: httpx.AsyncClient, ada: User, outbox: Outbox
) -> None:
    """The session of the caller ends while they confirm: nothing changes, the link stays good."""
    await change_email(client)
    token = link_to(outbox, ConfirmEmail)

    async def end_sessions(event: AuthEvent) -> None:
        if event.name == "user_email_verified":
            await Session.delete(force=True)

    stop = subscribe(end_sessions, when="before_commit")
    answer = await confirm(client, token)
    stop()
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_session")
    [user] = await User.objects()
    assert user.email == "ada@example.com"
    assert (await client.get("/auth/me")).status_code == 200
    assert (await confirm(client, token)).status_code == 204


@pytest.mark.security(90)
async def test_two_changes(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """The link to the first address confirms nothing once a second was asked for."""
    await change_email(client, "first@example.com")
    answer = await change_email(client, "second@example.com")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    clock.advance(timedelta(minutes=1))
    await change_email(client, "second@example.com")
    assert (await confirm(client, link_to(outbox, ConfirmEmail, 0))).status_code == 401
    assert (await client.get("/auth/me")).json()["email"] == "ada@example.com"
    assert (await confirm(client, link_to(outbox, ConfirmEmail, 1))).status_code == 204
    told = [message for message in outbox.messages if isinstance(message, EmailChangeRequested)]
    assert [message.new for message in told] == ["first@example.com", "second@example.com"]


async def test_a_link_is_good_once(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """24 uses of one link at once: one winner, and no 500."""
    await change_email(client)
    token = link_to(outbox, ConfirmEmail)

    async def use() -> bool:
        answer = await client.post("/auth/change-email/confirm", json={"token": token})
        assert answer.status_code in (204, 401)
        return answer.status_code == 204

    await assert_single_winner(use)


@pytest.mark.usefixtures("unlimited")
async def test_one_address_for_24_people(app: FastAPI, users: Users[User], outbox: Outbox) -> None:
    """24 people confirm one address at once: one winner, the others are told, no 500."""
    accounts: Accounts[User] = app.state.accounts
    tokens = []
    for number in range(24):
        user = await users.create(f"user{number}", email=f"user{number}@example.com")
        await accounts.mailboxes.request_change(user, "shared@example.com")
        tokens.append(link_to(outbox, ConfirmEmail))
    turn = itertools.count()
    async with new_client(app) as client:
        answers: list[Any] = await race(lambda: confirm(client, tokens[next(turn)]))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [204] + [409] * 23
    assert await User.count().where(User.email == "shared@example.com") == 1


@pytest.mark.security(13)
async def test_a_taken_address(
    client: httpx.AsyncClient,
    users: Users[User],
    app: FastAPI,
    ada: User,
    outbox: Outbox,
    clock: FrozenClock,
) -> None:
    """
    The answer for an address that belongs to somebody is the same; its owner is told, and when
    that fails by the next request at once.
    """
    grace = await users.create("grace", PASSWORD, email="grace@example.com")
    accounts: Accounts[User] = app.state.accounts
    await accounts.mailboxes.mark_verified(grace.id, grace.email)
    answer = await change_email(client, "grace@example.com")
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    told = [message for message in outbox.messages if isinstance(message, AlreadyRegistered)]
    assert [message.to for message in told] == ["grace@example.com"]
    outbox.is_down = True
    clock.advance(timedelta(minutes=1))
    await change_email(client, "grace@example.com")
    outbox.is_down = False
    for _ in range(2):
        await accounts.mailboxes.tell_owner(grace)
    told = [message for message in outbox.messages if isinstance(message, AlreadyRegistered)]
    assert len(told) == 2
    assert not any(isinstance(message, ConfirmEmail) for message in outbox.messages)


async def test_a_squatted_address(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox
) -> None:
    """Somebody who registered an address and never verified it gives way to who proves it."""
    async with new_client(app) as squatter:
        body = {"email": "lovelace@example.com", "password": NEW}
        await squatter.post("/auth/register", json=body)
    await change_email(client)
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    squatting = await User.objects().where(User.id != ada.id).first()
    assert squatting is not None
    assert squatting.email == squatting.username
    assert squatting.email.endswith("@no-email.invalid")


@pytest.mark.parametrize("email", ["boss@example.com", "Boss@Example.com"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_an_address_that_nobody_registered(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox, email: str, when: str
) -> None:
    """
    A user whom an administrator made, or an older application, keeps the address, verified or
    not and however it is written, and is told. Nobody else is told that.
    """
    boss = User(username="boss@example.com", email=email, active=True, admin=True)
    if when == "before":
        await User.insert(boss)
    answer = await change_email(client, "boss@example.com")
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    if when == "before":
        told = [message for message in outbox.messages if isinstance(message, AlreadyRegistered)]
        assert [message.to for message in told] == [email]
        assert not any(isinstance(message, ConfirmEmail) for message in outbox.messages)
    else:
        await User.insert(boss)
        answer = await confirm(client, link_to(outbox, ConfirmEmail))
        assert (answer.status_code, answer.json()["code"]) == (409, "identity_taken")
    rows = await User.select(User.email, User.username).where(User.admin.eq(value=True))
    assert rows == [{"email": email, "username": "boss@example.com"}]


async def test_a_squatted_address_in_upper_case(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox
) -> None:
    """Whoever registered it gives way however it is written."""
    squatter = User(username="Boss@example.com", email="Boss@example.com", active=True)
    await User.insert(squatter)
    status: Any = {"user": squatter.id, "email": squatter.email, "is_registered": True}
    await EmailStatus.insert(EmailStatus(**status))
    await change_email(client, "boss@example.com")
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    [row] = await User.select(User.email, User.username).where(User.id == squatter.id)
    assert row["email"] == row["username"]
    assert row["email"].endswith("@no-email.invalid")


@pytest.mark.parametrize("address", ["lovelace@example.com", "grace@example.com"])
async def test_a_change_whose_mail_fails(
    client: httpx.AsyncClient, users: Users[User], ada: User, outbox: Outbox, address: str
) -> None:
    """It is asked for again at once, whether the address is somebody's or not."""
    await users.create("grace", PASSWORD, email="grace@example.com")
    outbox.is_down = True
    assert (await change_email(client, address)).status_code == 202
    outbox.is_down = False
    assert (await change_email(client, address)).status_code == 202
    assert (await change_email(client, address)).status_code == 429


async def test_a_change_and_a_stranger(
    client: httpx.AsyncClient, ada: User, outbox: Outbox
) -> None:
    """Somebody who registers the address of a user does not keep them from changing it."""
    await register(client, username="eve", password=NEW)
    assert outbox.last(AlreadyRegistered).to == ada.email
    assert (await change_email(client)).status_code == 202


async def test_its_own_address(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """Changing to the present address does nothing."""
    sent = len(outbox.messages)
    assert (await change_email(client, "ada@example.com")).status_code == 202
    assert len(outbox.messages) == sent


async def test_a_name_that_is_an_address(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """It changes with the address, so that nobody holds the old one by name."""
    body = {"email": "ada@example.com", "password": PASSWORD}
    await client.post("/auth/register", json=body)
    await verify(client, outbox)
    await log_in(client, "ada@example.com")
    answer = await change_email(client, f"{'x' * 60}@{'y' * 50}.example.com")
    assert answer.json()["detail"][0]["type"] == "username_too_long"
    await change_email(client)
    await confirm(client, link_to(outbox, ConfirmEmail))
    assert (await client.get("/auth/me")).json()["username"] == "lovelace@example.com"
    await client.post("/auth/register", json=body)
    await verify(client, outbox)
    assert await User.count() == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"current_password": "wrong"}, 401),
        ({"current_password": None}, 401),
        ({"email": "nonsense"}, 422),
        ({"email": None}, 422),
    ],
)
async def test_wrong_email(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, body: dict[str, Any], status: int
) -> None:
    """What is wrong sends nothing."""
    sent = len(outbox.messages)
    given = {"email": "lovelace@example.com", "current_password": PASSWORD, **body}
    answer = await client.post("/auth/change-email", json=given)
    assert answer.status_code == status
    assert len(outbox.messages) == sent


async def undo(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Follow the link to the old address."""
    return await client.post("/auth/change-email/undo", json={"token": token})


@pytest.mark.usefixtures("unlimited")
async def test_undo(
    client: httpx.AsyncClient,
    app: FastAPI,
    ada: User,
    outbox: Outbox,
    clock: FrozenClock,
    events: list[AuthEvent],
) -> None:
    """
    A thief changes the address, the password, and the address again. The owner takes the account
    back by the link of the first change, and nothing of the thief's is good any more.
    """
    for address in ("thief@example.com", "hideout@example.com"):
        await change_email(client, address)
        await confirm(client, link_to(outbox, ConfirmEmail))
        clock.advance(timedelta(minutes=2))
    assert (await change_password(client)).status_code == 204
    first, second = link_to(outbox, EmailChanged, 0), link_to(outbox, EmailChanged, 1)

    async def use() -> bool:
        answer = await undo(client, first)
        assert answer.status_code in (204, 401)
        return answer.status_code == 204

    await assert_single_winner(use)
    assert (await client.get("/auth/me")).status_code == 401
    for password in (PASSWORD, NEW):
        assert (await log_in(client, "ada", password)).status_code == 401
    assert (await undo(client, second)).status_code == 401
    message = outbox.last(ResetPassword)
    assert message.to == "ada@example.com"
    body = {"token": outbox.token(ResetPassword), "password": "the owner's battery"}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 204
    await log_in(client, "ada@example.com", "the owner's battery")
    assert (await client.get("/auth/me")).json()["email_verified"] is True
    assert {"user_email_change_undone", "user_email_undo_fail"} <= set(names(events))


async def test_disabled_meanwhile(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """
    Nobody moves the account of a user who was disabled. Whoever had it before a thief may take
    the address back, but not lift the ban.
    """
    await change_email(client)
    token = link_to(outbox, ConfirmEmail)
    await User.update({User.active: False}, force=True)
    assert (await confirm(client, token)).status_code == 401
    await User.update({User.active: True}, force=True)
    assert (await confirm(client, token)).status_code == 204
    await User.update({User.active: False}, force=True)
    sent = len(outbox.messages)
    assert (await undo(client, link_to(outbox, EmailChanged))).status_code == 204
    rows = await User.select(User.email, User.active)
    assert rows == [{"email": "ada@example.com", "active": False}]
    assert len(outbox.messages) == sent


async def test_undo_when_somebody_took_the_address(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox
) -> None:
    """An account that a thief made with the old address does not hinder, being unverified."""
    await change_email(client)
    await confirm(client, link_to(outbox, ConfirmEmail))
    token = link_to(outbox, EmailChanged)
    await register(client, username="thief", email="ada@example.com")
    assert (await undo(client, token)).status_code == 204
    owner = await User.objects().where(User.email == "ada@example.com").first()
    assert owner is not None
    assert owner.id == ada.id


async def test_seven_days(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """An undo is possible for a week; then it can be swept."""
    await change_email(client)
    await confirm(client, link_to(outbox, ConfirmEmail))
    clock.advance(timedelta(days=7))
    assert (await undo(client, link_to(outbox, EmailChanged))).status_code == 401
    assert (await undo(client, "nonsense")).status_code == 401
    assert await delete_expired_email_changes(now=clock.now) == 1
    assert await EmailChange.count() == 0


async def test_a_registered_address_undoes_nothing(
    make_app: MakeApp, outbox: Outbox, clock: FrozenClock
) -> None:
    """Nor is it told, before it was verified: nobody knows whose it is."""
    async with new_client(make_app(active_before_verified=True)) as client:
        await register(client)
        await log_in(client)
        clock.advance(timedelta(minutes=1))
        await change_email(client)
        assert outbox.last(EmailChangeRequested).to == "ada@example.com"
        assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
        assert await EmailChange.count() == 0
        assert outbox.last(EmailChangeRequested).to == "ada@example.com"


async def test_an_address_that_nobody_registered_undoes(
    client: httpx.AsyncClient, users: Users[User], outbox: Outbox
) -> None:
    """Whom an administrator made, or another application, is told, verified or not."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await users.create("grace", PASSWORD)
    await log_in(client)
    await change_email(client)
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    assert outbox.last(EmailChanged).to == "ada@example.com"
    assert (await undo(client, link_to(outbox, EmailChanged))).status_code == 204
    assert await User.exists().where(User.email == "ada@example.com")
    sent = len(outbox.messages)
    await log_in(client, "grace")
    await change_email(client, "grace@example.com")
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    assert len(outbox.messages) == sent + 1


async def test_me(client: httpx.AsyncClient, ada: User, events: list[AuthEvent]) -> None:
    """The columns of the allow-list can be seen and changed, each by itself."""
    answer = await client.patch("/auth/me", json={"first_name": "Ada"})
    assert answer.status_code == 200
    assert (answer.json()["first_name"], answer.json()["last_name"]) == ("Ada", "")
    answer = await client.patch("/auth/me", json={"last_name": None})
    assert (answer.json()["first_name"], answer.json()["last_name"]) == ("Ada", None)
    assert (await client.patch("/auth/me", json={})).json()["first_name"] == "Ada"
    answer = await client.patch("/auth/me", json={"first_name": "x" * 300})
    assert answer.status_code == 422
    assert "user_updated" in names(events)


@reaches_no_sql
async def test_no_columns(make_app: MakeApp, users: Users[User]) -> None:
    """Without an allow-list there is nothing to change."""
    async with new_client(make_app()) as client:
        assert (await client.patch("/auth/me", json={})).status_code == 405


async def close(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """Close the account."""
    return await client.request("DELETE", "/auth/me", json={"current_password": PASSWORD, **body})


async def test_close(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """What belongs to the account goes with it, events stay; the owner is told."""
    await get_tokens(client)
    end = record_events()
    assert (await close(client, current_password="wrong")).status_code == 401
    assert (await close(client, current_password=None)).status_code == 401
    assert (await close(client)).status_code == 204
    end()
    for table in (User, Password, Session, RefreshFamily, Ticket, EmailStatus):
        assert await table.count() == 0, table
    assert outbox.last(AccountClosed).to == "ada@example.com"
    rows = await EventRecord.select(EventRecord.name, EventRecord.user)
    assert {"name": "user_deleted", "user": str(ada.id)} in rows
    assert (await client.get("/auth/me")).status_code == 401
    assert (await log_in(client)).status_code == 401
    assert (await register(client)).status_code == 202


async def test_what_an_application_has_to_say(client: httpx.AsyncClient, ada: User) -> None:
    """A listener before the commit finds the user still there, and can refuse."""

    async def refuse(event: AuthEvent) -> None:
        if event.name == "user_deleted" and await User.exists().where(User.id == event.user):
            raise Forbidden

    end = subscribe(refuse, when="before_commit")
    assert (await close(client)).status_code == 403
    end()
    assert (await client.get("/auth/me")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "change-password", {"new_password": NEW}),
        ("POST", "change-email", {"email": "lovelace@example.com"}),
        ("PATCH", "me", {"first_name": "Ada"}),
        ("DELETE", "me", {}),
    ],
)
async def test_an_account_that_is_gone(
    client: httpx.AsyncClient,
    session: SessionAuth[User],
    outbox: Outbox,
    events: list[AuthEvent],
    method: str,
    path: str,
    body: dict[str, Any],
) -> None:
    """It was closed after the caller was found: 401, nothing is done and nothing told."""
    with acting_as(session, User(id=10**6, username="ada", email="ada@example.com")):
        answer = await client.request(method, f"/auth/{path}", json=body)
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"]
    assert names(events) == []
    assert len(outbox.messages) == 0


@pytest.mark.usefixtures("unlimited")
async def test_closed_once(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """24 who close an account at once: one does, one event, one mail; the others get a 401."""
    events.clear()
    answers: list[Any] = await race(lambda: close(client))
    assert sorted(answer.status_code for answer in answers) == [204] + [401] * 23
    assert names(events).count("user_deleted") == 1
    assert [type(message) for message in outbox.messages].count(AccountClosed) == 1


async def test_without_mail(make_app: MakeApp, session: SessionAuth[User]) -> None:
    """Changes that need no mail work without."""
    app = make_app(mail=None, base_url=None, schemes=[session])
    async with new_client(app) as client:
        await register(client)
        await log_in(client)
        assert (await client.get("/auth/me")).json()["email_verified"] is False
        assert (await change_password(client)).status_code == 204
        assert (await change_email(client)).status_code == 404
        assert (await close(client, current_password=NEW)).status_code == 204
