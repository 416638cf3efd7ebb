"""Codes: typed where the log-in began, and hard to guess."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import EmailStatus, RefreshFamily, Session, User
from piccolo_api_fastapi.mail import SignInByEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox, race
from piccolo_api_fastapi.users.passwords.hasher import PasswordHasher
from tests.accounts.email_login.conftest import (
    ADA,
    ask,
    ask_by_app,
    code,
    is_refused,
    link,
    press,
    type_code,
    type_in_app,
    wrong,
)
from tests.conftest import bearer, log_in, new_client


def hashes_compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes of codes that are compared with what is typed, from now on."""
    compared: list[str] = []
    check = PasswordHasher.verify

    async def count(self: PasswordHasher, encoded: str | None, password: str) -> None:
        if encoded is not None and password.isdecimal():
            compared.append(encoded)
        await check(self, encoded, password)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    return compared


async def test_a_code(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """Six digits, typed with a space, for the address in any spelling."""
    await ask(client)
    digits = code(outbox)
    assert len(digits) == 6
    answer = await type_code(client, f" {digits[:3]} {digits[3:]}", "ADA@Example.com")
    assert answer.json()["status"] == "signed_in"
    assert (await client.get("/auth/me")).json()["username"] == "ada"


async def test_an_app(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """An app gets a token for the cookie, no link, and tokens for the code."""
    login = await ask_by_app(client)
    assert len(client.cookies) == 0
    message = outbox.last(SignInByEmail)
    assert message.link == ""
    assert "http" not in message.text()
    answer = await type_in_app(client, login, message.code, scope="account", client_id="app")
    tokens = answer.json()
    assert (answer.status_code, tokens["token_type"], tokens["scope"]) == (
        200,
        "Bearer",
        "account",
    )
    me = await client.get("/auth/me", headers=bearer(tokens["access_token"]))
    assert me.json()["username"] == "ada"
    [family] = await RefreshFamily.objects()
    assert "email_code_login" in family.factors


@pytest.mark.security(168)
@pytest.mark.parametrize("login", ["other", "", "x" * 5000])
async def test_another_app(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, grace: User, login: str
) -> None:
    """The code is refused to an app that did not ask for it, in the form of RFC 6749."""
    if login == "other":
        login = await ask_by_app(client, "grace@example.com")
    await ask_by_app(client)
    answer = await type_in_app(client, login, code(outbox))
    assert is_refused(answer)
    assert answer.json()["error"] == "invalid_grant"


async def test_odd_requests_of_apps(client: httpx.AsyncClient, ada: User) -> None:
    """Malformed ones are an `invalid_request`; an unknown scope is refused."""
    for body in ({"email": "ada"}, {"email": f"{ADA}\r\nBcc: x@example.com"}, {}):
        answer = await client.post("/auth/token/email", json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await client.post("/auth/token/email/link", json={"token": "x"})).status_code == 404


async def test_a_disabled_scope(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """A scope that the user does not have is not granted."""
    login = await ask_by_app(client)
    answer = await type_in_app(client, login, code(outbox), scope="admin")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.security(171)
@pytest.mark.usefixtures("unlimited")
async def test_five_guesses(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """The right code is refused after five wrong ones; the link still signs the owner in."""
    await ask(client)
    for _ in range(5):
        assert is_refused(await type_code(client, wrong(code(outbox))))
    assert is_refused(await type_code(client, code(outbox)))
    assert (await press(client, link(outbox))).json()["status"] == "signed_in"
    [status] = await EmailStatus.objects()
    assert (status.failed_count, status.waits_until) == (0, 0)


@pytest.mark.security(171)
@pytest.mark.usefixtures("unlimited")
async def test_guesses_at_once(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 24 guesses at once, five are compared with the code."""
    await ask(client)
    guess, compared = wrong(code(outbox)), hashes_compared(monkeypatch)

    async def use() -> bool:
        return is_refused(await type_code(client, guess))

    assert await race(use, 24) == [True] * 24
    assert len(compared) == 5


@pytest.mark.slow
@pytest.mark.security(171)
@pytest.mark.usefixtures("unlimited")
async def test_guesses_over_all_codes(
    app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Five hundred guesses, from new browsers at new codes: the hashes that were compared are counted
    for the address, and no more than a hundred in a row. The password still signs in.
    """
    compared = hashes_compared(monkeypatch)
    for _ in range(100):
        async with new_client(app) as thief:
            await ask(thief)
            guess = wrong(code(outbox))
            for _ in range(5):
                assert is_refused(await type_code(thief, guess))
        clock.advance(timedelta(minutes=16))
    assert len(compared) == 100
    async with new_client(app) as owner:
        assert (await log_in(owner)).json()["status"] == "signed_in"


async def test_guesses_at_unknown_addresses_are_counted(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, statements: list[str]
) -> None:
    """A wrong code is counted with the same statements if the address has no account."""
    costs = []
    for email in (ADA, "nobody@example.com"):
        await ask(client, email)
        digits = wrong(code(outbox))
        statements.clear()
        assert (await type_code(client, digits, email)).status_code == 401
        costs.append([text.split()[0] for text in statements])
    assert costs[0] == costs[1][:2] == ["UPDATE", "UPDATE"]


@pytest.mark.security(171)
@pytest.mark.usefixtures("unlimited")
async def test_guesses_wait(app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock) -> None:
    """After five wrong codes the next one has to wait, for whatever code, right or wrong."""
    async with new_client(app) as client:
        await ask(client)
        for _ in range(5):
            await type_code(client, wrong(code(outbox)))
        await EmailStatus.update(
            {EmailStatus.waits_until: int(clock().timestamp() * 1000) + 120_000}, force=True
        )
        clock.advance(timedelta(minutes=1))
        await ask(client)
        assert is_refused(await type_code(client, code(outbox)))
        clock.advance(timedelta(minutes=1))
        assert (await type_code(client, code(outbox))).status_code == 200


@pytest.mark.security(171)
@pytest.mark.usefixtures("unlimited")
async def test_strangers_use_up_nothing(app: FastAPI, ada: User, outbox: Outbox) -> None:
    """Guesses in a browser that did not ask count neither for the code nor for the user."""
    async with new_client(app) as owner, new_client(app) as stranger:
        await ask(owner)
        for _ in range(10):
            assert is_refused(await type_code(stranger, code(outbox)))
        [status] = await EmailStatus.objects()
        assert status.failed_count == 0
        assert (await type_code(owner, code(outbox))).status_code == 200


@pytest.mark.security(171)
async def test_limits(client: httpx.AsyncClient, ada: User) -> None:
    """Wrong codes are limited by the address of the client, whomever they are for."""
    answers = [
        await type_code(client, "123456", f"user{number}@example.com") for number in range(21)
    ]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert (await press(client, "x")).status_code == 429


@pytest.mark.parametrize("typed", ["12345", "１２３４５６", "-12345", "x" * 5000, "123456789"])
async def test_odd_codes(client: httpx.AsyncClient, ada: User, outbox: Outbox, typed: str) -> None:
    """They are refused, and not counted."""
    await ask(client)
    assert is_refused(await type_code(client, typed))
    [status] = await EmailStatus.objects()
    assert status.failed_count == 0


@pytest.mark.parametrize(
    "body",
    [{}, {"email": ADA}, {"code": "123456"}, {"email": "ada", "code": "123456"}],
)
async def test_malformed(client: httpx.AsyncClient, database: object, body: object) -> None:
    """They are a 422."""
    assert (await client.post("/auth/login/email/code", json=body)).status_code == 422
    assert await Session.count() == 0
