"""What accounts tell of: successes and failures, and who asked from where."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import AuthEvent, User
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.conftest import NEW, MakeApp, names, register, verify
from tests.conftest import PASSWORD, log_in, new_client

pytestmark = pytest.mark.security(116)

AGENT = {"User-Agent": "Firefox"}


async def enter(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Register, verify and log in, by a browser that says what it is."""
    client.headers.update(AGENT)
    await register(client)
    await verify(client, outbox)
    await log_in(client)


async def test_whence(
    client: httpx.AsyncClient, outbox: Outbox, events: list[AuthEvent], clock: FrozenClock
) -> None:
    """All of them say from where, those of what is done after the answer as well."""
    await enter(client, outbox)
    clock.advance(timedelta(hours=1))
    await client.post("/auth/forgot-password", json={"email": "ada@example.com"})
    assert {
        "user_created",
        "user_email_verified",
        "authn_login_success",
        "authn_password_reset_requested",
    } <= set(names(events))
    for event in events:
        assert (event.data["ip"], event.data["user_agent"]) == ("127.0.0.1", "Firefox"), event


@pytest.mark.parametrize(
    ("method", "path", "body", "name", "error"),
    [
        ("POST", "change-password", {"new_password": "short"}, "authn_password_change_fail", None),
        ("POST", "change-email", {"email": "no address"}, "user_email_change_fail", None),
        ("POST", "change-email", {"email": "a@example.org"}, "user_email_change_requested", ""),
    ],
)
async def test_of_somebody(
    client: httpx.AsyncClient,
    outbox: Outbox,
    events: list[AuthEvent],
    method: str,
    path: str,
    body: dict[str, Any],
    name: str,
    error: str | None,
) -> None:
    """What somebody who is signed in tries is told of them, right or wrong."""
    await enter(client, outbox)
    events.clear()
    await client.request(method, f"/auth/{path}", json=body)
    told = next(event for event in events if event.name == name)
    ada = await User.objects().first()
    assert ada is not None
    assert told.user == ada.id
    if error is None:
        assert told.data["error"] in ("WeakPassword", "Unprocessable")
        assert told.outcome == "failure"


@pytest.mark.parametrize(
    "body", [{"password": "short"}, {"email": "no address"}, {"username": "\n"}, {}]
)
async def test_refused_registrations(
    client: httpx.AsyncClient, outbox: Outbox, events: list[AuthEvent], body: dict[str, Any]
) -> None:
    """A registration that is refused is told of, and so is one of what is taken."""
    await enter(client, outbox)
    events.clear()
    await register(client, **body)
    (told,) = (event for event in events if event.name == "user_register_fail")
    assert told.data["error"] in ("WeakPassword", "Unprocessable", "IdentityTaken")
    assert told.user is None


async def test_without_mail(make_app: MakeApp, events: list[AuthEvent]) -> None:
    """Also where it is answered at once."""
    async with new_client(make_app(mail=None, base_url=None)) as client:
        for password in ("short", PASSWORD, NEW):
            await register(client, password=password)
    assert names(events) == ["user_register_fail", "user_created", "user_register_fail"]


@pytest.mark.parametrize("active", [None, False])
async def test_forgotten_by_nobody(
    client: httpx.AsyncClient,
    outbox: Outbox,
    events: list[AuthEvent],
    active: bool | None,  # noqa: FBT001
) -> None:
    """Who asks for the password of nobody, or of somebody disabled, is told of."""
    if active is not None:
        await enter(client, outbox)
        await User.update({User.active: active}).where(User.username == "ada")
    events.clear()
    await client.post("/auth/forgot-password", json={"email": "ada@example.com"})
    (told,) = events
    assert told.name == "authn_password_reset_request_fail"
    assert (told.user is None) is (active is None)


async def test_weak_at_a_reset(
    client: httpx.AsyncClient, outbox: Outbox, events: list[AuthEvent], clock: FrozenClock
) -> None:
    """So is a new password that is refused when a link is followed."""
    await enter(client, outbox)
    clock.advance(timedelta(hours=1))
    await client.post("/auth/forgot-password", json={"email": "ada@example.com"})
    link = getattr(outbox.messages[-1], "link", "")
    body = {"token": link.partition("#token=")[2], "password": "short"}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 422
    assert (events[-1].name, events[-1].data["error"]) == (
        "authn_password_reset_fail",
        "WeakPassword",
    )


async def test_step_up(
    client: httpx.AsyncClient, outbox: Outbox, events: list[AuthEvent], clock: FrozenClock
) -> None:
    """A factor that was not presented lately is a refusal like others."""
    await enter(client, outbox)
    clock.advance(timedelta(hours=1))
    events.clear()
    assert (await client.request("DELETE", "/auth/me", json={})).status_code == 401
    (told,) = events
    assert told.name == "authz_fail"
    assert told.data["reason"] == "insufficient_user_authentication"
    assert told.user is not None
