"""Browsers in which the user logged in before: strangers do not keep them out."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AccountLimits,
    Accounts,
    EmailStatus,
    KnownDevice,
    Login,
    Session,
    SessionAuth,
    User,
    Users,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.conftest import BASE_URL, MakeApp
from tests.accounts.email_login.conftest import (
    ADA,
    COOKIE,
    ask,
    ask_by_app,
    code,
    is_refused,
    link,
    press,
    type_code,
    wrong,
)
from tests.accounts.email_login.test_requests import head_of
from tests.conftest import PASSWORD, log_in, new_client

DEVICE = "__Host-known-device"


async def know(client: httpx.AsyncClient, username: str = "ada") -> None:
    """Sign in and out by password: what stays is the cookie of the browser."""
    assert (await log_in(client, username)).status_code == 200
    await client.post("/auth/logout")
    assert DEVICE in client.cookies


async def use(client: httpx.AsyncClient, kind: str, secret: str) -> httpx.Response:
    """Press a link, or type a code."""
    return await (press if kind == "link" else type_code)(client, secret)


@pytest.mark.parametrize("kind", ["link", "code"])
async def test_a_stranger_uses_up_the_limit(
    app: FastAPI, ada: User, outbox: Outbox, kind: str
) -> None:
    """The owner asks within the same minute, is sent mail of their own, and signs in by it."""
    async with new_client(app) as owner, new_client(app) as stranger:
        await know(owner)
        answers = [await ask(stranger) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429]
        answer = await ask(owner)
        assert (answer.status_code, head_of(answer)) == (202, head_of(answers[0]))
        assert answer.content == answers[0].content
        assert len(outbox.messages) == 2
        secret = link(outbox) if kind == "link" else code(outbox)
        answer = await use(owner, kind, secret)
        assert answer.json()["status"] == "signed_in"


@pytest.mark.parametrize("kind", ["link", "code"])
@pytest.mark.parametrize("by_app", [False, True])
async def test_a_stranger_asks_later(
    app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock, kind: str, *, by_app: bool
) -> None:
    """That ends nothing of the owner's; nor does the stranger's browser get in by their mail."""
    async with new_client(app) as owner, new_client(app) as stranger:
        await know(owner)
        await ask(owner)
        secret = link(outbox) if kind == "link" else code(outbox)
        clock.advance(timedelta(minutes=1))
        await (ask_by_app(stranger) if by_app else ask(stranger))
        assert len(outbox.messages) == 2
        answer = await use(stranger, kind, secret)
        assert answer.json() == {"status": "confirm_code"} or is_refused(answer)
        answer = await use(owner, kind, secret)
        assert answer.json()["status"] == "signed_in"
        assert await Session.count() == 1


async def test_five_an_hour(app: FastAPI, users: Users[User], ada: User) -> None:
    """All known browsers of a user have one count, and browsers of other users have none."""
    await users.create("grace", PASSWORD, email="grace@example.com")
    async with new_client(app) as first, new_client(app) as second, new_client(app) as other:
        for client, name in ((first, "ada"), (second, "ada"), (other, "grace")):
            await know(client, name)
        statuses = [(await ask(client, ADA)).status_code for client in [first, second] * 3]
        assert statuses == [202] * 5 + [429]
        statuses = [(await ask(other, ADA.upper())).status_code for _ in range(6)]
        assert statuses == [202] * 5 + [429]


async def test_once_a_minute(app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock) -> None:
    """The second request of a browser sends nothing, and the mail of the first stays valid."""
    async with new_client(app) as owner:
        await know(owner)
        await ask(owner)
        clock.advance(timedelta(seconds=59))
        await ask(owner)
        assert len(outbox.messages) == 1
        assert (await type_code(owner, code(outbox))).status_code == 200


@pytest.mark.parametrize("kind", ["link", "code"])
async def test_two_known_browsers(
    app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock, kind: str
) -> None:
    """They have one log-in at a time: the newer request ends the older one."""
    async with new_client(app) as first, new_client(app) as second:
        await know(first)
        await know(second)
        await ask(first)
        older = link(outbox) if kind == "link" else code(outbox)
        clock.advance(timedelta(seconds=59))
        await ask(second)
        assert len(outbox.messages) == 1
        clock.advance(timedelta(seconds=1))
        await ask(second)
        assert is_refused(await use(first, kind, older))
        newer = link(outbox) if kind == "link" else code(outbox)
        assert (await use(second, kind, newer)).json()["status"] == "signed_in"


@pytest.mark.parametrize("kind", ["link", "code"])
@pytest.mark.parametrize("first", ["known", "unknown"])
async def test_a_newer_request(
    app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock, first: str, kind: str
) -> None:
    """It ends the older one of its browser, also if the browser became known or unknown."""
    async with new_client(app) as client, new_client(app) as signing_in:
        await know(signing_in)
        device = signing_in.cookies[DEVICE]
        if first == "known":
            client.cookies.set(DEVICE, device, domain="testserver.local")
        await ask(client)
        token = client.cookies[COOKIE]
        older = link(outbox) if kind == "link" else code(outbox)
        clock.advance(timedelta(minutes=1))
        client.cookies.clear()
        client.cookies.set(COOKIE, token, domain="testserver.local")
        if first == "unknown":
            client.cookies.set(DEVICE, device, domain="testserver.local")
        await ask(client)
        assert len(outbox.messages) == 2
        assert is_refused(await use(client, kind, older))
        newer = link(outbox) if kind == "link" else code(outbox)
        assert (await use(client, kind, newer)).json()["status"] == "signed_in"


async def test_guesses(app: FastAPI, ada: User, outbox: Outbox) -> None:
    """Five wrong codes end the mail of a known browser, too, and count for the user."""
    async with new_client(app) as owner:
        await know(owner)
        await ask(owner)
        for _ in range(5):
            assert is_refused(await type_code(owner, wrong(code(outbox))))
        assert is_refused(await type_code(owner, code(outbox)))
        [status] = await EmailStatus.objects()
        assert status.failed_count == 5


async def test_forgotten_browsers(app: FastAPI, ada: User) -> None:
    """A browser that is not known any more counts like that of a stranger."""
    async with new_client(app) as owner, new_client(app) as stranger:
        await know(owner)
        await KnownDevice.delete(force=True)
        assert [(await ask(stranger)).status_code for _ in range(5)] == [202] * 5
        assert (await ask(owner)).status_code == 429


async def test_without_the_limit(
    users: Users[User],
    session: SessionAuth[User],
    make_app: MakeApp,
    ada: User,
    outbox: Outbox,
    clock: FrozenClock,
) -> None:
    """Without the limit, or without known browsers, both still ask and sign in."""
    limits = AccountLimits(login_by_account=None)
    accounts = Accounts(users, mail=outbox, base_url=BASE_URL, schemes=[session], limits=limits)
    async with new_client(make_app(accounts=accounts)) as owner:
        await know(owner)
        await ask(owner)
        assert (await press(owner, link(outbox))).json()["status"] == "signed_in"
    clock.advance(timedelta(minutes=1))
    login = Login(users, known_devices=False)
    async with new_client(make_app(login=login)) as stranger:
        await ask(stranger)
        assert (await press(stranger, link(outbox))).json()["status"] == "signed_in"


@pytest.mark.parametrize("body", [{}, {"email": 7}, {"email": "ada"}, {"email": "\u0000@"}])
async def test_malformed_bodies(app: FastAPI, ada: User, body: dict[str, object]) -> None:
    """They are refused from a known browser as from others."""
    async with new_client(app) as owner:
        await know(owner)
        assert (await owner.post("/auth/login/email", json=body)).status_code == 422
