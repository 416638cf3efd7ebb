"""Links: one press in the browser that asked for it."""

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, Session, Ticket, User
from piccolo_api_fastapi.mail import SignInByEmail
from piccolo_api_fastapi.testing import Outbox
from tests.accounts.conftest import MakeApp, names
from tests.accounts.email_login.conftest import (
    ADA,
    COOKIE,
    ask,
    code,
    is_refused,
    link,
    press,
    type_code,
)
from tests.conftest import new_client


async def test_the_same_browser(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """The link signs in as a password does, and clears the cookie."""
    answer = await ask(client)
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    message = outbox.last(SignInByEmail)
    assert message.to == ADA
    assert message.link.startswith("https://app.example.com/login-by-email#token=tkt_")
    answer = await press(client, link(outbox))
    assert answer.json() == {
        "status": "signed_in",
        "user": {"id": ada.id, "username": "ada", "email": ADA},
    }
    assert COOKIE not in client.cookies
    assert (await client.get("/auth/me")).json()["email_verified"] is True
    [login] = [event for event in events if event.name == "authn_login_success"]
    assert (login.user, login.data["factor"]) == (ada.id, "email_link")
    assert {"authn_email_login_requested", "user_email_verified"} <= set(names(events))


async def test_a_verified_address_is_verified_once(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """The second log-in verifies nothing, and signs nobody out."""
    for number in (1, 2):
        async with new_client(client._transport.app) as browser:  # type: ignore[attr-defined]
            await ask(browser)
            assert (await press(browser, link(outbox))).status_code == 200
            assert await Session.count() == number
        await Ticket.delete(force=True)
    assert names(events).count("user_email_verified") == 1


@pytest.mark.security(168)
async def test_another_browser(app: FastAPI, ada: User, outbox: Outbox) -> None:
    """It signs in nobody there, however often it is pressed, and leaves the code valid."""
    async with new_client(app) as asking, new_client(app) as other:
        await ask(asking)
        for _ in range(3):
            answer = await press(other, link(outbox))
            assert (answer.status_code, answer.json()) == (200, {"status": "confirm_code"})
            assert answer.headers.get_list("set-cookie") == []
        assert (await other.get("/auth/me")).status_code == 401
        assert is_refused(await type_code(other, code(outbox)))
        assert await Session.count() == 0
        assert (await type_code(asking, code(outbox))).json()["status"] == "signed_in"
        assert is_refused(await press(other, link(outbox)))


@pytest.mark.security(168)
async def test_a_browser_that_asked_for_something_else(
    app: FastAPI, ada: User, grace: User, outbox: Outbox
) -> None:
    """A thief who asked for their own log-in can't use the link or the code of somebody else."""
    async with new_client(app) as owner, new_client(app) as thief:
        await ask(thief, "grace@example.com")
        await ask(owner)
        assert (await press(thief, link(outbox))).json() == {"status": "confirm_code"}
        assert is_refused(await type_code(thief, code(outbox)))
        assert await Session.count() == 0


@pytest.mark.security(168)
@pytest.mark.parametrize("cookie", ["", "login_", "x" * 5000, "%C3%A9", "a; __Host-email-login=b"])
async def test_odd_cookies(app: FastAPI, ada: User, outbox: Outbox, cookie: str) -> None:
    """A browser whose cookie is malformed, or there twice, did not ask."""
    async with new_client(app) as asking, new_client(app) as other:
        await ask(asking)
        other.headers["cookie"] = f"{COOKIE}={cookie}"
        assert (await press(other, link(outbox))).json() == {"status": "confirm_code"}
        assert is_refused(await type_code(other, code(outbox)))


@pytest.mark.security(168)
@pytest.mark.parametrize("planted", [f"{COOKIE} =", f"{COOKIE}=login_x; a="])
async def test_planted_cookies(app: FastAPI, ada: User, outbox: Outbox, planted: str) -> None:
    """A browser that sends several cookies, or one that only looks like it, did not ask."""
    async with new_client(app) as asking, new_client(app) as other:
        await ask(asking)
        token = asking.cookies[COOKIE]
        other.headers["cookie"] = f"{COOKIE}={token}; {planted}{token}"
        assert (await press(other, link(outbox))).json() == {"status": "confirm_code"}


async def test_other_browsers_if_allowed(make_app: MakeApp, ada: User, outbox: Outbox) -> None:
    """`allows_other_browsers=True` signs them in."""
    app = make_app(allows_other_browsers=True)
    async with new_client(app) as asking, new_client(app) as other:
        await ask(asking)
        assert (await press(other, link(outbox))).json()["status"] == "signed_in"
        assert (await other.get("/auth/me")).status_code == 200
        assert is_refused(await type_code(asking, code(outbox)))


@pytest.mark.security(167)
@pytest.mark.parametrize("method", ["HEAD", "GET", "OPTIONS", "PUT"])
async def test_scanners(app: FastAPI, ada: User, outbox: Outbox, method: str) -> None:
    """What follows or prefetches links changes no row: no route answers but to the press."""
    async with new_client(app) as client:
        await ask(client)
        before = await Ticket.select().order_by(Ticket.id)
        token = link(outbox)
        for path in ("/login-by-email", "/auth/login/email/link", "/auth/login/email"):
            for prefetch in ({}, {"Sec-Purpose": "prefetch"}):
                answer = await client.request(
                    method, path, params={"token": token}, headers=prefetch
                )
                assert answer.status_code in (404, 405)
        assert await Ticket.select().order_by(Ticket.id) == before
        assert await Session.count() == 0
        assert (await press(client, token)).json()["status"] == "signed_in"


@pytest.mark.parametrize("token", ["", "tkt_" + "A" * 51, "x" * 5000])
async def test_wrong_secrets(
    client: httpx.AsyncClient, database: object, token: str, events: list[AuthEvent]
) -> None:
    """They are refused, and told."""
    assert is_refused(await press(client, token))
    [event] = events
    assert (event.name, event.data["error"]) == ("authn_email_login_fail", "InvalidTicket")


async def test_other_purposes(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """A link to sign in is valid for nothing else, and no other link signs in."""
    await ask(client)
    answer = await client.post("/auth/verify-email", json={"token": link(outbox)})
    assert is_refused(answer)
    await client.post("/auth/forgot-password", json={"email": ADA})
    other = outbox.messages[-1].link.partition("=")[2]  # type: ignore[attr-defined]
    assert is_refused(await press(client, other))


async def test_ten_presses(app: FastAPI, ada: User, outbox: Outbox) -> None:
    """A link that was pressed ten times elsewhere is invalid; the code is not."""
    async with new_client(app) as asking, new_client(app) as other:
        await ask(asking)
        answers = [await press(other, link(outbox)) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [401]
        assert (await type_code(asking, code(outbox))).status_code == 200


@pytest.mark.security(168)
async def test_cross_site(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """Another site can neither ask nor press."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    for path, body in (
        ("", {"email": ADA}),
        ("/link", {"token": "x"}),
        ("/code", {"email": ADA, "code": "123456"}),
    ):
        answer = await client.post(f"/auth/login/email{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert outbox.messages == []
