"""The limits of the routes that need no login."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AccountLimits,
    Accounts,
    Captcha,
    KnownDevice,
    PiccoloStore,
    RateLimit,
    User,
    Users,
    accounts_router,
    use_store,
)
from piccolo_api_fastapi.mail import ResetPassword
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.conftest import BASE_URL, MakeApp, register
from tests.conftest import PASSWORD, bearer, get_tokens, log_in

HEADERS = ("ratelimit", "ratelimit-policy")


def at(app: FastAPI, number: int) -> httpx.AsyncClient:
    """A client with an address of its own."""
    transport = httpx.ASGITransport(app=app, client=(f"198.51.100.{number}", 1))
    return httpx.AsyncClient(transport=transport, base_url="https://testserver")


async def ask(app: FastAPI, number: int, path: str, **body: Any) -> int:
    """Ask from an address; what is answered."""
    async with at(app, number) as client:
        return (await client.post(f"/auth/{path}", json=body)).status_code


@pytest.fixture(autouse=True)
def a_store(database: Any) -> None:
    """Count in the database."""
    use_store(PiccoloStore(timeout=timedelta(seconds=5), clock=FrozenClock()))


@pytest.mark.security(93)
@pytest.mark.security(96)
async def test_registrations(app: FastAPI) -> None:
    """Ten an hour from one address; the answer says so when there are no more, and not before."""
    async with at(app, 1) as client:
        answers = [
            await register(client, username=f"user{n}", email=f"user{n}@example.com")
            for n in range(11)
        ]
    assert [answer.status_code for answer in answers] == [202] * 10 + [429]
    assert not any(name in answer.headers for answer in answers[:9] for name in HEADERS)
    assert answers[-1].headers["retry-after"] == "360"
    assert answers[-1].headers["ratelimit"] == '"10/hour";r=0;t=360'
    assert answers[-1].headers["ratelimit-policy"] == '"10/hour";q=10;w=3600'
    assert answers[-1].json()["code"] == "too_many_requests"
    assert (
        await ask(app, 2, "register", username="b", email="b@example.com", password=PASSWORD) == 202
    )


async def test_requests_that_register_nobody(app: FastAPI) -> None:
    """A request to register counts for its address, whatever is wrong with it."""
    got = [await ask(app, 1, "register", email="b@example.com", password="x") for _ in range(11)]
    assert got == [422] * 10 + [429]


@pytest.mark.security(93)
@pytest.mark.parametrize("path", ["forgot-password", "verify-email/request"])
async def test_mail_to_one_mailbox(app: FastAPI, ada: User, path: str) -> None:
    """Five an hour, from wherever and however it is written, whether it is anybody's or not."""
    for email in ("ada@example.com", "nobody@example.com"):
        written = [email, email.upper(), email.title()] * 2
        got = [await ask(app, n, path, email=one) for n, one in enumerate(written)]
        assert got == [202] * 5 + [429]


MAILBOX = [
    "ada@bücher.example",
    "ada@xn--bcher-kva.example",
    "ADA@BÜCHER.example",
    "ada@bücher\N{IDEOGRAPHIC FULL STOP}example",
    "ada@b\N{VARIATION SELECTOR-16}ücher.example",
    "ada@bu\N{COMBINING DIAERESIS}cher.example",
]
"""One mailbox, in different words."""


@pytest.mark.security(93)
@pytest.mark.parametrize("path", ["register", "verify-email/request", "forgot-password"])
async def test_one_mailbox_in_other_words(
    app: FastAPI, ada: User, outbox: Outbox, path: str
) -> None:
    """A mailbox is counted as one in whatever way it is written: five mails, not fifty."""
    body = {"username": "ada", "password": PASSWORD} if path == "register" else {}
    got = [await ask(app, n, path, email=email, **body) for n, email in enumerate(MAILBOX)]
    assert got == [202] * 5 + [429]
    assert len(outbox.messages) == (5 if path == "register" else 0)


@pytest.mark.security(93)
async def test_wrong_codes_for_one_mailbox_in_other_words(app: FastAPI) -> None:
    """So are wrong codes, and addresses that are none."""
    tries = [(n, MAILBOX[n % len(MAILBOX)]) for n in range(11)]
    got = [await ask(app, n, "verify-email", email=email, code="123456") for n, email in tries]
    assert got == [401] * 10 + [429]
    got = [await ask(app, n, "verify-email", email="nobody", code="123456") for n in range(11)]
    assert got == [422] * 10 + [429]
    assert await ask(app, 1, "verify-email", email=1, code="123456") == 422


@pytest.mark.security(94)
async def test_a_flood_keeps_no_owner_out(
    app: FastAPI, users: Users[User], ada: User, outbox: Outbox
) -> None:
    """Mail that others ask for, and that nobody gets, does not use up the reset of an owner."""
    await app.state.accounts.mailboxes.verification.mark_verified(ada.id, ada.email)
    assert [await ask(app, 1, "verify-email/request", email=ada.email) for _ in range(6)] == [
        *[202] * 5,
        429,
    ]
    bodies: list[dict[str, Any]] = [{}, {"password": "x"}, {"password": PASSWORD, "admin": True}]
    for body in bodies * 2:
        assert await ask(app, 2, "register", email=ada.email, **body) == 422
    for number in range(5):
        answer = await ask(app, 3, "register", email=ada.email, password=PASSWORD)
        assert answer == 202, number
    assert await ask(app, 4, "forgot-password", email=ada.email, more=1) == 422
    assert [await ask(app, 9, "forgot-password", email=ada.email) for _ in range(5)] == [202] * 5
    outbox.last(ResetPassword)


@pytest.mark.security(93)
async def test_refusals_that_nobody_reads(app: FastAPI, ada: User) -> None:
    """A refused request costs a mailbox nothing, even before its response is read."""
    owner: list[int] = []

    async def stalling(scope: Any, receive: Any, send: Any) -> None:
        async def send_late(message: Any) -> None:
            if message["type"] == "http.response.start":
                owner.extend(
                    [await ask(app, 9, "forgot-password", email=ada.email) for _ in range(5)]
                )
            await send(message)

        await app(scope, receive, send_late)

    whole: Any = stalling
    assert await ask(whole, 1, "forgot-password", email=ada.email, more=1) == 422
    assert owner == [202] * 5


@pytest.mark.security(93)
@pytest.mark.parametrize("path", ["register", "verify-email/request", "forgot-password"])
async def test_what_is_refused_costs_a_mailbox_nothing(app: FastAPI, path: str) -> None:
    """After any number of requests that were no good its owner has all of theirs."""
    body = {"email": "ada@example.com", **({"password": PASSWORD} if path == "register" else {})}
    for number in range(6):
        assert await ask(app, number, path, **body, nonsense=1) == 422
    assert [await ask(app, number, path, **body) for number in range(6)] == [202] * 5 + [429]


@pytest.mark.parametrize("path", ["register", "forgot-password"])
async def test_the_captcha_comes_first(users: Users[User], outbox: Outbox, path: str) -> None:
    """Who solves no CAPTCHA is limited by address, and costs no mailbox anything."""
    captcha = Captcha(lambda response, _: response == "good")
    limits = AccountLimits(
        register_by_address=RateLimit("6/hour", scope="registrations"),
        mail_by_address=RateLimit("6/hour", scope="mails"),
    )
    accounts = Accounts(users, mail=outbox, base_url=BASE_URL, limits=limits)
    app = FastAPI()
    app.include_router(accounts_router(accounts, captcha=captcha), prefix="/auth")
    body = {"email": "ada@example.com", **({"password": PASSWORD} if path == "register" else {})}
    assert [await ask(app, 1, path, **body) for _ in range(7)] == [403] * 6 + [429]
    async with at(app, 2) as client:
        client.headers["Captcha-Response"] = "good"
        answers = [await client.post(f"/auth/{path}", json=body) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]


@pytest.mark.security(93)
async def test_mail_asked_for_from_one_address(app: FastAPI, ada: User, outbox: Outbox) -> None:
    """Twenty an hour, whoever's mailboxes they are."""
    got = [
        await ask(app, 1, "forgot-password", email=f"user{number}@example.com")
        for number in range(21)
    ]
    assert got == [202] * 20 + [429]
    assert await ask(app, 2, "forgot-password", email="ada@example.com") == 202
    outbox.last(ResetPassword)


@pytest.mark.security(93)
@pytest.mark.parametrize(
    "path", ["verify-email", "reset-password", "change-email/confirm", "change-email/undo"]
)
async def test_wrong_links(app: FastAPI, ada: User, path: str) -> None:
    """Twenty from one address, and one address does not stop another."""
    more = {"password": "another horse battery"} if path == "reset-password" else {}
    got = [await ask(app, 1, path, token="nonsense", **more) for _ in range(21)]
    assert got == [401] * 20 + [429]
    assert await ask(app, 2, path, token="nonsense", **more) == 401


@pytest.mark.security(93)
async def test_wrong_codes(app: FastAPI, ada: User) -> None:
    """Ten for one mailbox, from wherever, whether it is anybody's or not."""
    for email in ("ada@example.com", "nobody@example.com"):
        got = [await ask(app, n, "verify-email", email=email, code="123456") for n in range(11)]
        assert got == [401] * 10 + [429]


async def test_a_password_to_change_something(app: FastAPI, ada: User) -> None:
    """Whoever is logged in has five tries at their own password, whatever it is for."""
    async with at(app, 1) as client:
        await log_in(client)
        body = {"current_password": "wrong", "new_password": "another horse battery"}
        for _ in range(5):
            assert (await client.post("/auth/change-password", json=body)).status_code == 401
        answer = await client.request("DELETE", "/auth/me", json={"current_password": PASSWORD})
        assert answer.status_code == 429


@pytest.mark.security(94)
async def test_a_reset_makes_the_browser_known(app: FastAPI, ada: User, outbox: Outbox) -> None:
    """The owner of a flooded account gets in after a reset by mail, in that browser."""
    async with at(app, 1) as client, at(app, 2) as stranger:
        await client.post("/auth/forgot-password", json={"email": "ada@example.com"})
        new = "another horse battery"
        body = {"token": outbox.token(ResetPassword), "password": new}
        assert (await client.post("/auth/reset-password", json=body)).status_code == 204
        answers = [await log_in(stranger, "ada", "wrong") for _ in range(6)]
        assert answers[-1].status_code == 429
        assert (await log_in(client, "ada", new)).status_code == 200
        assert (await log_in(stranger, "ada", new)).status_code == 429


@pytest.mark.security(94)
async def test_a_new_password_keeps_the_browser_known(app: FastAPI, ada: User) -> None:
    """Of those that were known only the one in which the password was changed still is."""
    new = "another horse battery"
    async with at(app, 1) as client, at(app, 2) as thief, at(app, 3) as stranger:
        await log_in(client)
        await log_in(thief)
        body = {"current_password": PASSWORD, "new_password": new}
        assert (await client.post("/auth/change-password", json=body)).status_code == 204
        assert await KnownDevice.count() == 1
        answers = [await log_in(stranger, "ada", "wrong") for _ in range(6)]
        assert answers[-1].status_code == 429
        assert (await log_in(thief, "ada", new)).status_code == 429
        assert (await log_in(client, "ada", new)).status_code == 200


async def test_an_app_is_known_by_no_cookie(app: FastAPI, ada: User) -> None:
    """Who changes a password with an access token gets no cookie."""
    async with at(app, 1) as client:
        headers = bearer((await get_tokens(client))["access_token"])
        body = {"current_password": PASSWORD, "new_password": "another horse battery"}
        answer = await client.post("/auth/change-password", json=body, headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (204, False)
        assert await KnownDevice.count() == 0


async def test_replaced_by_name(make_app: MakeApp) -> None:
    """An application has limits of its own, or none."""
    everybody = RateLimit("1/hour", key=lambda _: "all", scope="register")
    limits = AccountLimits(register_by_address=everybody, verify_by_address=None)
    app = make_app(limits=limits)
    body = {"email": "b@example.com", "password": PASSWORD}
    assert [await ask(app, n, "register", username="b", **body) for n in range(2)] == [202, 429]
    assert {await ask(app, 1, "verify-email", token="nonsense") for _ in range(22)} == {401}
