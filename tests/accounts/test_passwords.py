"""Changes of the password by users who are signed in."""

from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request

from piccolo_api_fastapi import (
    Accounts,
    Identity,
    RefreshFamily,
    Session,
    User,
)
from piccolo_api_fastapi.mail import (
    PasswordChanged,
    ResetPassword,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.conftest import COOKIE, NEW, change_password, enter
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client, reaches_no_sql


@pytest.fixture
async def ada(client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock) -> User:
    """A user with a verified address, who is signed in."""
    return await enter(client, outbox, clock)


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


@pytest.mark.security(93)
async def test_guesses_with_another_session(
    client: httpx.AsyncClient, app: FastAPI, ada: User
) -> None:
    """Whoever guesses the password with another session does not keep the owner out."""
    async with new_client(app) as thief:
        await log_in(thief)
        for expected in [401] * 5 + [429]:
            answer = await change_password(thief, current_password="wrong")
            assert answer.status_code == expected
    answer = await change_password(client, current_password=PASSWORD)
    assert answer.status_code == 204


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


async def test_weak_password(client: httpx.AsyncClient, ada: User) -> None:
    """The error names the field of the new password, as it is in the body."""
    answer = await change_password(client, new_password="short")
    message = "Use at least 8 characters."
    assert answer.json()["detail"] == [
        {"loc": ["body", "new_password"], "msg": message, "type": "password_too_short"}
    ]


@reaches_no_sql
@pytest.mark.security(27)
async def test_other_sites(client: httpx.AsyncClient, ada: User) -> None:
    """The cookie does nothing for another site."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    body = {"current_password": PASSWORD, "new_password": NEW}
    answer = await client.post("/auth/change-password", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


async def test_a_route_of_the_application(
    client: httpx.AsyncClient, app: FastAPI, ada: User
) -> None:
    """`Accounts.prove` asks for the password on any other route, as the prebuilt ones do."""
    accounts: Accounts[User] = app.state.accounts

    async def export(
        password: str,
        caller: Annotated[Identity[User], Depends(accounts.guard.identity)],
        request: Request,
    ) -> str:
        await accounts.prove(caller, password, request)
        return caller.user.username

    app.add_api_route("/export", export)
    answer = await client.get("/export", params={"password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert (await client.get("/export", params={"password": PASSWORD})).json() == "ada"
