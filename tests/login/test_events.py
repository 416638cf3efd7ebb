"""The events of logins: one each, which tell the operator more than the response tells."""

import httpx
import pytest

from piccolo_api_fastapi import (
    AuthEvent,
    ClientInfo,
    Login,
    LoginAttempt,
    PasswordFailures,
    User,
    Users,
    subscribe,
)
from piccolo_api_fastapi.errors import InvalidCredentials
from tests.conftest import PASSWORD, log_in


async def test_events(client: httpx.AsyncClient, ada: User) -> None:
    """Success and failure are one event each, without the password."""
    events: list[AuthEvent] = []
    end = subscribe(events.append)
    await log_in(client, "ada", "wr0ng-pass")
    await log_in(client)
    end()
    assert [event.name for event in events] == ["authn_login_fail", "authn_login_success"]
    assert events[1].user == ada.id
    assert "wr0ng-pass" not in repr(events)


@pytest.mark.security(11)
@pytest.mark.security(116)
async def test_who_is_guessed_at(client: httpx.AsyncClient, users: Users[User], ada: User) -> None:
    """The event of a wrong password has the user, if there is one; hook and answer have not."""
    off = await users.create("off", PASSWORD, active=False)
    none = await users.create_service("none")
    await PasswordFailures.delete(force=True)
    attempts: list[LoginAttempt] = []
    events: list[AuthEvent] = []
    end = subscribe(events.append)
    expected = {
        "ada": ada.id,
        "ADA@example.com ": ada.id,
        "off": off.id,
        "none": none.id,
        "nobody": None,
        "nobody@example.com": None,
        "": None,
        "x" * 300: None,
    }
    answers = [await log_in(client, identifier, "wrong") for identifier in expected]
    await PasswordFailures.update({PasswordFailures.failed_count: 100}, force=True)
    answers.append(await log_in(client, "ada"))  # which is locked
    form = {"grant_type": "password", "username": "ada", "password": "wrong"}
    assert (await client.post("/auth/token", data=form)).status_code == 400
    login = Login(users, on_failure=[attempts.append])
    with pytest.raises(InvalidCredentials):
        await login.start("ada", "wrong", ClientInfo())
    end()
    found = [event.user for event in events if event.name == "authn_login_fail"]
    assert found == [*expected.values(), ada.id, ada.id, ada.id]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert [attempt.user for attempt in attempts] == [None]
    with pytest.raises(InvalidCredentials) as refused:
        await users.verify("nobody", "wrong")
    assert refused.value.user is None
