"""What ends with an enrolment, a removal, a new password and with the user."""

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AuthEvent,
    Notices,
    Passkey,
    Passkeys,
    Session,
    User,
    Users,
    subscribe,
)
from piccolo_api_fastapi.errors import InvalidCredentials, PasskeyRefused
from piccolo_api_fastapi.login.mfa.second_factor import Assertion
from piccolo_api_fastapi.mail import SecondFactorChanged
from piccolo_api_fastapi.testing import (
    Outbox,
    SoftwareAuthenticator,
)
from tests.conftest import bearer, get_tokens, log_in, new_client

from .conftest import ORIGIN, add, enter, second_step


@pytest.mark.security(136)
async def test_everything_else_ends(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, users: Users[User]
) -> None:
    """Adding and removing sign out all other sessions and apps, and renew the caller's cookie."""
    passkey = ""
    for change in ("add", "remove"):
        async with new_client(app) as other, new_client(app) as phone:
            if change == "add":
                await log_in(other)
                pair = await get_tokens(phone)
            else:
                await enter(other, key)
                pair = (await enter(phone, key, "/token/passkey")).json()
            headers = bearer(pair["access_token"])
            assert (await other.get("/me")).status_code == 200
            assert (await phone.get("/me", headers=headers)).status_code == 200
            before = browser.cookies["__Host-session"]
            if change == "add":
                passkey = (await add(browser, key)).json()["id"]
            else:
                assert (await browser.delete(f"/auth/passkeys/{passkey}")).status_code == 204
            assert (await other.get("/me")).status_code == 401
            assert (await phone.get("/me", headers=headers)).status_code == 401
            assert (await browser.get("/me")).status_code == 200
            assert browser.cookies["__Host-session"] != before
            async with new_client(app) as thief:
                thief.cookies.set("__Host-session", before)
                assert (await thief.get("/me")).status_code == 401
    assert await Session.count() == 1


@pytest.mark.security(136)
async def test_mail(
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    users: Users[User],
    events: list[AuthEvent],
) -> None:
    """The owner is told with the name that the passkey has."""
    outbox = Outbox()
    notices = Notices(users, mail=outbox)
    stop = subscribe(notices)
    passkey = (await add(browser, key, "Blue key")).json()["id"]
    await browser.delete(f"/auth/passkeys/{passkey}")
    stop()
    await notices.wait()
    mails = [one for one in outbox.messages if isinstance(one, SecondFactorChanged)]
    assert sorted(mail.change for mail in mails) == [
        "A passkey was added: Blue key.",
        "A passkey was removed: Blue key.",
    ]
    assert {mail.to for mail in mails} == {"ada@example.com"}
    told = [event for event in events if "passkey" in event.name]
    assert [event.name for event in told] == ["authn_passkey_added", "authn_passkey_removed"]
    assert {event.data["name"] for event in told} == {"Blue key"}


async def test_deleted_users(passkeys: Passkeys, ada: User) -> None:
    """An enrolment under way ends with the user, and none begins; nothing fails otherwise."""
    ceremony = await passkeys.begin(ada, None)
    made = SoftwareAuthenticator(ORIGIN).create(ceremony.options)
    checked = await passkeys.check(ada, Assertion(made, ceremony.challenge))
    await User.delete().where(User.id == ada.id)
    with pytest.raises(InvalidCredentials):
        await passkeys.enrol(ada, checked)
    with pytest.raises(InvalidCredentials):
        await passkeys.begin(ada, None)
    assert await Passkey.count() == 0


@pytest.mark.security(137)
async def test_a_password_changed_between(passkeys: Passkeys, ada: User) -> None:
    """After the check and before the row is written: the challenge has ended with the password."""
    ceremony = await passkeys.begin(ada, None)
    made = SoftwareAuthenticator(ORIGIN).create(ceremony.options)
    checked = await passkeys.check(ada, Assertion(made, ceremony.challenge))
    await passkeys.users.set_password(ada, "another horse battery")
    with pytest.raises(PasskeyRefused):
        await passkeys.enrol(ada, checked)
    assert await Passkey.count() == 0


@pytest.mark.security(137)
async def test_a_new_password(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    passkeys: Passkeys,
    ada: User,
) -> None:
    """It keeps passkeys: they log in, and are asked for after it."""
    await add(browser, key)
    await passkeys.users.set_password(ada, "another horse battery")
    assert (await browser.get("/me")).status_code == 401
    async with new_client(app) as client:
        assert (await enter(client, key)).status_code == 200
    async with new_client(app) as client:
        answer = await log_in(client, "ada", "another horse battery")
        assert answer.json()["status"] == "mfa_required"
        assert (await second_step(client, key, answer.json()["challenge"])).status_code == 200
        assert (await log_in(client)).status_code == 401
