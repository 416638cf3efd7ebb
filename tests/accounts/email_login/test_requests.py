"""Requests: the same answer for all, and mail that only the application shapes."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AccountLimits,
    Accounts,
    AuthEvent,
    ClientInfo,
    EmailLogin,
    EmailStatus,
    JWTAuth,
    Login,
    LoginLimits,
    PasswordHasher,
    SessionAuth,
    Ticket,
    User,
    Users,
    email_login_router,
    session_router,
)
from piccolo_api_fastapi.mail import SignInByEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.conftest import BASE_URL, MakeApp, names
from tests.accounts.email_login.conftest import (
    ADA,
    COOKIE,
    FIREFOX,
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
from tests.accounts.test_registration import answering, followed
from tests.conftest import PASSWORD, new_client
from tests.timing import add_users, asks_of, told_apart


def head_of(answer: httpx.Response) -> list[tuple[str, str]]:
    """The headers of an answer, without the value of the cookie."""
    token = answer.headers.get("set-cookie", "").partition("=")[2].partition(";")[0]
    return [(name, value.replace(token, "…")) for name, value in answer.headers.items()]


@pytest.mark.security(170)
async def test_one_answer(
    app: FastAPI, users: Users[User], ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """Known, unknown, disabled, unverified, throttled: the same bytes and headers."""
    off = await users.create("off", PASSWORD, email="off@example.com", active=False)
    asked = [ADA, "nobody@example.com", "off@example.com", ADA, "new@example.com"]
    async with new_client(app) as client:
        await client.post(
            "/auth/register",
            json={"username": "new", "email": "new@example.com", "password": PASSWORD},
        )
    answers = []
    for email in asked:
        async with new_client(app) as client:
            answers.append(await ask(client, email))
            assert client.cookies[COOKIE].startswith("login_")
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert all(head_of(answer) == head_of(answers[0]) for answer in answers)
    sent = [one.to for one in outbox.messages if isinstance(one, SignInByEmail)]
    assert sent == [ADA, "new@example.com"]
    refused = [event for event in events if event.name == "authn_email_login_request_fail"]
    assert [event.user for event in refused] == [None, off.id]
    cookie = answers[0].headers["set-cookie"]
    assert cookie.endswith("; Max-Age=900; Path=/; SameSite=Lax; HttpOnly; Secure")
    assert answers[0].headers["cache-control"] == "no-store"


@pytest.mark.security(170)
async def test_one_answer_to_apps(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """Likewise, but for the token."""
    bodies = [
        (await client.post("/auth/token/email", json={"email": email})).json()
        for email in (ADA, "nobody@example.com", ADA)
    ]
    assert len({body.pop("login") for body in bodies}) == 3
    assert bodies == [{"status": "check_your_mail", "expires_in": 900}] * 3
    assert len(outbox.messages) == 1


async def test_once_a_minute(app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock) -> None:
    """
    The second request sends nothing. In the same browser, the mail of the first stays valid;
    another browser neither gets mail nor ends it.
    """
    async with new_client(app) as client, new_client(app) as other:
        await ask(client)
        await ask(client)
        await ask(other)
        assert len(outbox.messages) == 1
        assert is_refused(await type_code(other, code(outbox)))
        clock.advance(timedelta(seconds=59))
        await ask(client)
        assert len(outbox.messages) == 1
        assert (await press(client, link(outbox))).json()["status"] == "signed_in"
        clock.advance(timedelta(seconds=1))
        await ask(client)
        assert len(outbox.messages) == 2


async def test_five_an_hour(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Mail to one mailbox is limited, known or not, however it is written."""
    for email in (ADA, "nobody@example.com"):
        answers = [await ask(client, email) for _ in range(5)] + [await ask(client, email.upper())]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429]


async def test_mail_that_could_not_be_sent(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """The next request sends another at once."""
    outbox.is_down = True
    assert (await ask(client)).status_code == 202
    assert "sys_mail_fail" in names(events)
    outbox.is_down = False
    await ask(client)
    assert (await type_code(client, code(outbox))).status_code == 200


async def test_the_user_is_locked(
    client: httpx.AsyncClient, ada: User, statements: list[str]
) -> None:
    """The user is locked before a log-in is stored: a new password is stored before or after."""
    await ask(client)
    first = {
        start: next(n for n, text in enumerate(statements) if text.startswith(start))
        for start in ('UPDATE "piccolo_user"', 'INSERT INTO "auth_ticket"')
    }
    assert list(first.values()) == sorted(first.values())


async def test_without_limits(
    make_app: MakeApp,
    users: Users[User],
    session: SessionAuth[User],
    ada: User,
    outbox: Outbox,
) -> None:
    """Each limit can be removed."""
    login = Login(users, limits=LoginLimits(address=None))
    limits = AccountLimits(mail_by_address=None, login_by_account=None)
    accounts = Accounts(users, mail=outbox, base_url=BASE_URL, schemes=[session], limits=limits)
    async with new_client(make_app(accounts=accounts, login=login)) as client:
        assert {(await ask(client)).status_code for _ in range(25)} == {202}
        assert {(await press(client, "x")).status_code for _ in range(25)} == {401}


@pytest.mark.security(176)
async def test_the_mail(app: FastAPI, ada: User, outbox: Outbox, clock: FrozenClock) -> None:
    """Neither `Host`, nor `next`, nor names shape the mail; an unverified user is not named."""
    async with new_client(app) as client:
        answer = await client.post(
            "/auth/login/email?next=https://evil.example",
            json={"email": ADA},
            headers={
                "Host": "evil.example",
                "X-Forwarded-Host": "evil.example",
                "User-Agent": "Your parcel waits at https://evil.example",
            },
        )
        assert answer.status_code == 202
        text = outbox.last(SignInByEmail).text() + repr(outbox.last(SignInByEmail))
        assert "evil" not in text
        assert "ada," not in text
        assert "an unknown browser" in text
        body = {"email": ADA, "next": "https://evil.example"}
        assert (await client.post("/auth/login/email", json=body)).status_code == 422


@pytest.mark.security(176)
@pytest.mark.parametrize(
    "email",
    [
        "ada@example.com\r\nBcc: x@example.com",
        "ada@example.com\n",
        "\rada@example.com",
        "ada\r\n@example.com",
        "ada",
        "",
    ],
)
async def test_odd_addresses(client: httpx.AsyncClient, outbox: Outbox, email: str) -> None:
    """A line break in an address is a 422."""
    assert (await ask(client, email)).status_code == 422
    assert (await type_code(client, "123456", email)).status_code == 422
    assert outbox.messages == []


@pytest.mark.security(178)
async def test_what_the_mail_says(
    client: httpx.AsyncClient, users: Users[User], ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """The browser, the place and the time of the request, and that nobody asks for the code."""
    await ask(client, **{"User-Agent": FIREFOX})
    message = outbox.last(SignInByEmail)
    text = message.text()
    for said in (
        message.link,
        message.code,
        "Firefox, Linux",
        "127.0.0.1",
        f"{clock():%Y-%m-%d %H:%M} UTC",
        f"{clock() + timedelta(minutes=15):%Y-%m-%d %H:%M} UTC",
        "tell nobody the code. Nobody from us asks for it",
    ):
        assert said in text
    assert message.code not in message.subject


@pytest.mark.security(178)
async def test_secrets_are_nowhere_else(
    app: FastAPI,
    ada: User,
    outbox: Outbox,
    events: list[AuthEvent],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No link, code or cookie in rows, events, logs, URLs or the message's `repr`."""
    caplog.set_level(logging.DEBUG)
    async with new_client(app) as client:
        await ask(client)
        secrets = [link(outbox), code(outbox), client.cookies[COOKIE]]
        await type_code(client, code(outbox))
        login = await ask_by_app(client, "grace@example.com")
        await type_in_app(client, login, "123456")
    stored = str(await Ticket.select()) + str(await EmailStatus.select())
    told = stored + str(events) + caplog.text + repr(outbox.messages)
    assert [secret for secret in [*secrets, login] if secret in told] == []
    parameters = [
        parameter
        for path, item in app.openapi()["paths"].items()
        if "email" in path
        for entry in item.values()
        for parameter in entry.get("parameters", [])
        if parameter["in"] in ("path", "query")
    ]
    assert parameters == []


@pytest.mark.slow
@pytest.mark.timeout(900)  # a third look on a busy machine
@pytest.mark.security(170)
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("sign_up", [False, True])
async def test_one_time(users: Users[User], *, sign_up: bool) -> None:
    """
    Known and unknown addresses are answered in the same time: 100 of each, in turn, and more
    where chance, or a difference, moves that.
    """
    session, login = SessionAuth(users), Login(users)
    accounts = Accounts(users, mail=Outbox(), base_url=BASE_URL, schemes=[session])
    app = FastAPI()
    email_login = EmailLogin(accounts, sign_up=sign_up)
    app.include_router(email_login_router(email_login, login, session), prefix="/auth")
    await users.create("ada", email=ADA)
    known = answering(app, "/auth/login/email", {"email": ADA})
    strangers = [{"email": f"bob{n}@example.com"} for n in range(asks_of(100))]
    unknown = answering(app, "/auth/login/email", *strangers)
    await known()
    await unknown()
    assert 0.4 <= await told_apart(known, unknown) <= 0.6


@pytest.mark.slow
@pytest.mark.timeout(900)  # a third look on a busy machine
@pytest.mark.security(170)
@pytest.mark.usefixtures("unlimited")
async def test_one_time_of_what_follows(users: Users[User]) -> None:
    """
    Nor does the next request take longer: 25 pairs, with hashes that cost what they do outside of
    tests, and more where chance, or a difference, moves that.
    """
    slow = Users(hasher=PasswordHasher(), clock=users.clock)
    session, login = SessionAuth(slow), Login(slow)
    mail = Outbox().__call__  # not `at_once`
    accounts = Accounts(slow, mail=mail, base_url=BASE_URL, schemes=[session])
    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(email_login_router(EmailLogin(accounts), login, session), prefix="/auth")
    await slow.create("me", PASSWORD)
    owners = [{"email": f"user{n}@example.com"} for n in range(asks_of(25))]
    await add_users(slow, [owner["email"] for owner in owners])
    strangers = [{"email": f"bob{n}@example.com"} for n in range(asks_of(25))]
    asked: list[asyncio.Task[httpx.Response]] = []
    known = followed(app, "/auth/login/email", owners, asked)
    unknown = followed(app, "/auth/login/email", strangers, asked)
    await known()
    await unknown()
    assert 0.4 <= await told_apart(known, unknown, 25) <= 0.6
    assert {answer.status_code for answer in await asyncio.gather(*asked)} == {202}


@pytest.mark.slow
@pytest.mark.timeout(900)  # a third look on a busy machine
@pytest.mark.security(170)
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_one_time_of_a_wrong_code(users: Users[User], jwt: JWTAuth[User]) -> None:
    """
    A wrong code is refused in the same time, whether the address was sent one or nobody has it:
    40 of each, in turn, with hashes that cost what they do outside of tests, and more where
    chance, or a difference, moves that. Without the hash it is 0 or 1.
    """
    slow = Users(hasher=PasswordHasher(), clock=users.clock)
    login = Login(slow)
    accounts = Accounts(slow, mail=Outbox(), base_url=BASE_URL)
    email_login, app = EmailLogin(accounts), FastAPI()
    app.include_router(email_login_router(email_login, login, jwt), prefix="/auth")
    token = email_login.new_token()
    wanted = await email_login.prepare(ADA, token, ClientInfo(), has_link=False)
    guess = {"login": token, "code": wrong(wanted.code.code)}
    owners = [f"user{number}@example.com" for number in range(1 + asks_of(40) // 5)]
    await add_users(slow, owners)
    for email in owners:  # each of whom may guess five times
        await email_login.request(replace(wanted, email=email))
    strangers = [f"bob{number}@example.com" for number in range(40)]
    path = "/auth/token/email/code"
    known = answering(app, path, *({"email": email, **guess} for email in owners))
    unknown = answering(app, path, *({"email": email, **guess} for email in strangers))
    await known()
    await unknown()
    assert 0.3 <= await told_apart(known, unknown, 40) <= 0.7
