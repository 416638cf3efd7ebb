"""Registering and verifying."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    AuthEvent,
    Captcha,
    EmailStatus,
    EventRecord,
    Password,
    PasswordHasher,
    SessionAuth,
    User,
    Users,
    accounts_router,
    auth_tables,
    record_events,
    register_router,
    session_router,
)
from piccolo_api_fastapi.mail import (
    AlreadyRegistered,
    ConfirmEmail,
    ResetPassword,
    UsernameTaken,
    VerifyEmail,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox, race
from piccolo_api_fastapi.users.passwords.threads import HashingThreads
from tests.accounts.conftest import BASE_URL, MakeApp, names, register, verify
from tests.conftest import PASSWORD, log_in, new_client, reaches_no_sql
from tests.documents import expanded
from tests.models import Customer
from tests.timing import add_users, asks_of, told_apart


async def test_register(client: httpx.AsyncClient, outbox: Outbox, events: list[AuthEvent]) -> None:
    """Register, follow the link, log in."""
    answer = await register(client, first_name="Ada")
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    message = outbox.last(VerifyEmail)
    assert message.to == "ada@example.com"
    assert message.link.startswith(f"{BASE_URL}/verify-email#token=tkt_")
    assert (await log_in(client)).status_code == 401
    answer = await verify(client, outbox)
    assert (answer.status_code, answer.json()) == (200, {"status": "verified"})
    assert (await log_in(client)).status_code == 200
    [user] = await User.objects()
    assert (await client.get("/auth/me")).json() == {
        "id": user.id,
        "username": "ada",
        "email": "ada@example.com",
        "email_verified": True,
        "first_name": "Ada",
        "last_name": "",
    }
    expected = ["user_created", "authn_login_fail", "user_email_verified", "authn_login_success"]
    assert names(events) == expected


async def test_code(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """The six digits do the same as the link."""
    await register(client)
    code = outbox.last(VerifyEmail).code
    body = {"email": "ADA@example.com", "code": f" {code[:3]} {code[3:]} "}
    assert (await client.post("/auth/verify-email", json=body)).json() == {"status": "verified"}
    assert (await log_in(client)).status_code == 200


@pytest.mark.security(108)
@pytest.mark.usefixtures("unlimited")
async def test_one_identity(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """
    24 registrations of one identity at once: one account, and one answer for all (D-U2). Those that
    were hashed before there was an account to compare them with leave the password to the owner.
    """
    answers = await race(lambda: register(client))
    assert {(answer.status_code, answer.content) for answer in answers} == {  # type: ignore[union-attr]
        (202, b'{"status":"check_your_mail"}')
    }
    assert await User.count() == await Password.count() == await EmailStatus.count() == 1
    assert (await verify(client, outbox)).json() == {"status": "choose_password"}


@pytest.mark.security(108)
@pytest.mark.usefixtures("unlimited")
async def test_one_identity_without_mail(make_app: MakeApp) -> None:
    """Without mail one gets 201, the others 409 (D-U2)."""
    async with new_client(make_app(mail=None, base_url=None)) as client:
        answers = await race(lambda: register(client))
        statuses = sorted(answer.status_code for answer in answers)  # type: ignore[union-attr]
        assert statuses == [201] + [409] * 23
        assert (await log_in(client)).status_code == 200


@pytest.mark.security(13)
async def test_one_answer(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Free, taken, taken by name, not verified: the same bytes; the mail tells (D-U2, D-U10)."""
    answers = [await register(client)]
    await verify(client, outbox)
    answers.append(await register(client))
    told = outbox.last(AlreadyRegistered)
    assert (told.to, told.username) == ("ada@example.com", "ada")
    answers.append(await register(client, email="other@example.com"))
    assert outbox.last(UsernameTaken).to == "other@example.com"
    answers.append(await register(client, username="grace", email="grace@example.com"))
    answers.append(await register(client, username="grace", email="grace@example.com"))
    assert len(outbox.messages) == 4  # the last one came too soon for another mail
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert await User.count() == 2


async def test_the_words_of_a_stranger(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """What somebody calls themselves is sent to nobody whose address it may be."""
    words = "your parcel waits at https://evil.example/x"
    await register(client, username=words)
    assert "parcel" not in repr(outbox.last(VerifyEmail)) + outbox.last(VerifyEmail).text()
    await register(client, username=words, email="other@example.com")
    assert "parcel" not in repr(outbox.last(UsernameTaken)) + outbox.last(UsernameTaken).text()


def answering(app: FastAPI, path: str, *bodies: dict[str, Any]) -> Callable[[], Awaitable[float]]:
    """
    Asks the application and measures until the last byte of the answer, not what comes after.

    In processor time, which other programs don't disturb.
    """
    turn = itertools.cycle(bodies)

    async def ask() -> float:
        body = json.dumps(next(turn)).encode()
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"content-type", b"application/json"), (b"host", b"testserver")],
            "scheme": "https",
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        ends: list[float] = []

        async def receive() -> Any:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ends.append(time.process_time())

        start = time.process_time()
        await app(scope, receive, send)
        return ends[0] - start

    return ask


ASKED_BY_STRANGERS = ("register", "forgot-password", "verify-email/request")


@pytest.mark.slow
@pytest.mark.timeout(900)  # a third look on a busy machine
@pytest.mark.security(13)
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("path", ASKED_BY_STRANGERS)
async def test_one_time(make_app: MakeApp, users: Users[User], path: str) -> None:
    """
    Known and unknown addresses are answered in the same time: 100 of each, in turn, and more
    where chance, or a difference, moves that (D-U10).
    """
    app = make_app(mail=Outbox())
    await users.create("ada", email="ada@example.com")
    password = {"password": PASSWORD} if path == "register" else {}
    known = answering(app, f"/auth/{path}", {"email": "ada@example.com", **password})
    strangers = [{"email": f"bob{n}@example.com", **password} for n in range(asks_of(100))]
    unknown = answering(app, f"/auth/{path}", *strangers)
    await known()
    await unknown()
    assert 0.4 <= await told_apart(known, unknown) <= 0.6


def _telling(app: FastAPI, answered: asyncio.Event) -> Any:
    """The application, which tells when the last byte of its answer was sent."""

    async def told(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered.set()

        await app(scope, receive, sending)

    return told


def followed(
    app: FastAPI,
    path: str,
    bodies: Sequence[dict[str, Any]],
    asked: list[asyncio.Task[httpx.Response]],
) -> Callable[[], Awaitable[float]]:
    """
    Asks the application, then logs in at once, and measures until the answer to the login: what
    runs after the first answer would slow it. That may still run when the next one asks.
    """
    turn = itertools.cycle(bodies)
    me = {"username": "me", "password": PASSWORD}

    async def ask() -> float:
        async with new_client(app) as client:
            answered = asyncio.Event()
            first = new_client(_telling(app, answered))
            asked.append(asyncio.create_task(first.post(path, json=next(turn))))
            await answered.wait()
            start = time.perf_counter()
            assert (await client.post("/auth/login", json=me)).status_code == 200
            return time.perf_counter() - start

    return ask


@pytest.mark.slow
@pytest.mark.timeout(900)  # a third look on a busy machine
@pytest.mark.security(13)
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("path", ASKED_BY_STRANGERS)
async def test_one_time_of_what_follows(users: Users[User], path: str) -> None:
    """
    Nor does the next request take longer: 25 pairs, with hashes that cost what they do outside of
    tests, and more where chance, or a difference, moves that.
    """
    slow = Users(hasher=PasswordHasher(), clock=users.clock)
    accounts = Accounts(slow, mail=Outbox().__call__, base_url=BASE_URL)  # not `at_once`
    app = FastAPI()
    app.include_router(session_router(SessionAuth(slow)), prefix="/auth")
    app.include_router(accounts_router(accounts), prefix="/auth")
    await slow.create("me", PASSWORD)
    more = {"password": PASSWORD} if path == "register" else {}
    owners = [{"email": f"user{n}@example.com", **more} for n in range(asks_of(25))]
    await add_users(slow, [owner["email"] for owner in owners])
    strangers = [{"email": f"bob{n}@example.com", **more} for n in range(asks_of(25))]
    asked: list[asyncio.Task[httpx.Response]] = []
    known = followed(app, f"/auth/{path}", owners, asked)
    unknown = followed(app, f"/auth/{path}", strangers, asked)
    await known()
    await unknown()
    assert 0.4 <= await told_apart(known, unknown, 25) <= 0.6
    assert {answer.status_code for answer in await asyncio.gather(*asked)} == {202}


@pytest.mark.usefixtures("unlimited")
async def test_the_hash_is_before_the_answer(make_app: MakeApp, users: Users[User]) -> None:
    """A server that has too many passwords to hash says so (D-U1)."""
    busy = HashingThreads(threads=1, waiting=0, patience=0.01)
    users = Users(hasher=PasswordHasher(threads=busy), clock=users.clock)
    app = FastAPI()
    accounts = Accounts(users, mail=Outbox(), base_url=BASE_URL)
    app.include_router(register_router(accounts), prefix="/auth")
    async with new_client(app) as client:
        answers = await race(lambda: register(client), 8)
    assert {202, 503} == {answer.status_code for answer in answers}  # type: ignore[union-attr]


@pytest.mark.security(14)
@pytest.mark.parametrize("email", ["ADA@example.com", "ada@EXAMPLE.com", "ＡDA@example.com"])
async def test_one_mailbox_has_one_owner(
    client: httpx.AsyncClient, outbox: Outbox, email: str
) -> None:
    """However an address is written: no second account, and mail goes to the stored one (D-U4)."""
    await register(client)
    await verify(client, outbox)
    await register(client, username="eve", email=email)
    assert await User.count() == 1
    assert outbox.last(AlreadyRegistered).to == "ada@example.com"


@pytest.mark.security(14)
async def test_a_letter_that_looks_alike(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """A dotless i is another mailbox: it gets its own mail, and nobody else's."""
    await register(client, username="mike", email="mike@example.com")
    await verify(client, outbox)
    await register(client, username="eve", email="mıke@example.com")
    assert outbox.last(VerifyEmail).to == "mıke@example.com"
    await client.post("/auth/forgot-password", json={"email": "mıke@example.com"})
    assert outbox.last(ResetPassword).to == "mıke@example.com"


async def test_username_with_an_at_sign(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """The error says which username with an @ is allowed."""
    answer = await register(client, username="eve@example.com")
    [error] = answer.json()["detail"]
    assert (error["loc"], error["type"]) == (["body", "username"], "username_invalid")
    assert error["msg"] == "A username may contain an @ only if it is your own e-mail address."


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"password": "short"}, ["password_too_short"]),
        ({"password": "x" * 200}, ["password_too_long"]),
        ({"password": "ada@example.com"}, ["password_personal"]),
        ({"email": "a@b..c"}, ["email_invalid"]),
        ({"email": "ada"}, ["email_invalid"]),
        ({"email": "ada@example.com\r\nBcc: eve@example.com"}, ["email_invalid"]),
        ({"username": "x" * 300}, ["username_too_long"]),
        ({"username": "eve@example.com"}, ["username_invalid"]),
        ({"username": "a\x1b[31m"}, ["username_invalid"]),
        ({"username": 1}, ["string_type"]),
        ({"password": None}, ["string_type"]),
        ({"first_name": "x" * 300}, ["string_too_long"]),
        ({"first_name": {"a": 1}}, ["string_type"]),
    ],
)
@pytest.mark.security(105)
@pytest.mark.security(120)
async def test_bad_input(
    client: httpx.AsyncClient, outbox: Outbox, body: dict[str, Any], codes: list[str]
) -> None:
    """What can't be used is a 422 that says why, whoever has the address (D-U3, D-U4)."""
    for _ in range(2):
        answer = await register(client, **body)
        assert answer.status_code == 422, answer.text
        assert codes == [item["type"] for item in answer.json()["detail"]]
        assert answer.headers["content-type"] == "application/problem+json"
        await register(client)
    assert await User.count() == 1


@pytest.mark.security(104)
@pytest.mark.parametrize(
    "name", ["id", "admin", "superuser", "active", "is_superuser", "email_verified", "amr", "phone"]
)
async def test_mass_assignment(client: httpx.AsyncClient, outbox: Outbox, name: str) -> None:
    """Only the columns of the allow-list are taken; anything else is refused."""
    answer = await register(client, **{name: True})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "extra_forbidden"
    assert await User.count() == 0
    await register(client)
    await verify(client, outbox)
    await log_in(client)
    answer = await client.patch("/auth/me", json={name: True})
    assert answer.status_code == 422


async def test_words_of_all_kinds(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Apostrophes, umlauts, and passwords that begin like a hash are fine (D-U3, D-U4)."""
    body = {"username": "o'reilly", "email": "o'reilly@bücher.example"}
    await register(client, **body, password="pbkdf2_sha256$evil")
    assert outbox.last(VerifyEmail).to == "o'reilly@bücher.example"
    await verify(client, outbox)
    assert (await log_in(client, "o'reilly", "pbkdf2_sha256$evil")).status_code == 200


async def test_without_a_username(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """The address is the name, unless one is given."""
    body = {"email": "Ada@Example.com", "password": PASSWORD}
    assert (await client.post("/auth/register", json=body)).status_code == 202
    await verify(client, outbox)
    assert (await log_in(client, "ada@example.com")).status_code == 200
    [user] = await User.objects()
    assert user.username == user.email == "ada@example.com"


async def test_without_an_address(make_app: MakeApp) -> None:
    """Without mail the address is optional, for any number of people (D-U5)."""
    async with new_client(make_app(mail=None, base_url=None)) as client:
        for name in ("ada", "grace"):
            body = {"username": name, "password": PASSWORD}
            answer = await client.post("/auth/register", json=body)
            assert answer.status_code == 201
            assert answer.json()["email"] is None
        answer = await client.post("/auth/register", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "identity_taken")
        body = {"username": "ada2", "password": PASSWORD, "email": "x"}
        assert (await client.post("/auth/register", json=body)).status_code == 422
        assert (await client.post("/auth/forgot-password", json={})).status_code == 404


@reaches_no_sql
@pytest.mark.security(31)
@pytest.mark.parametrize(
    "path",
    [
        "register",
        "verify-email",
        "verify-email/request",
        "forgot-password",
        "reset-password",
        "change-email/confirm",
        "change-email/undo",
    ],
)
async def test_other_sites(client: httpx.AsyncClient, path: str) -> None:
    """Another site can't make a browser send any of these, signed in or not."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await client.post(f"/auth/{path}", json={}, headers=headers)
    assert answer.json()["code"] == "cross_site_request"


@pytest.mark.security(88)
async def test_host(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """What a request says of its host never reaches a link."""
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil"}
    ada = {"email": "ada@example.com", "password": PASSWORD}
    url = "https://evil.example/auth/register"
    await client.post(url, json=ada, headers=evil)
    link = outbox.last(VerifyEmail).link
    assert link.startswith(f"{BASE_URL}/verify-email#token=")
    await client.post("https://evil.example/auth/forgot-password", json=ada, headers=evil)
    body = {"email": "ada@example.com"}
    await client.post("https://evil.example/auth/forgot-password", json=body, headers=evil)
    assert outbox.last(ResetPassword).link.startswith(f"{BASE_URL}/reset-password#token=")


async def test_captcha(make_app: MakeApp, users: Users[User]) -> None:
    """Registrations and forgotten passwords ask for a CAPTCHA, where one is given (D-U6)."""
    app = FastAPI()
    accounts = Accounts(users, mail=Outbox(), base_url=BASE_URL)
    captcha = Captcha(lambda response, _: response == "good")
    app.include_router(accounts_router(accounts, captcha=captcha), prefix="/auth")
    async with new_client(app) as client:
        assert (await register(client)).json()["code"] == "captcha_required"
        answer = await client.post("/auth/forgot-password", json={"email": "ada@example.com"})
        assert answer.json()["code"] == "captcha_required"
        client.headers["Captcha-Response"] = "good"
        assert (await register(client)).status_code == 202
        answer = await client.post("/auth/forgot-password", json={"email": "ada@example.com"})
        assert answer.status_code == 202
    documented = expanded(app.openapi())["paths"]["/auth/register"]["post"]["responses"]["403"]
    assert "captcha_failed" in documented["content"]["application/problem+json"]["examples"]


async def test_sweep(client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock) -> None:
    """Whoever does not verify in time asks for another link."""
    await register(client)
    clock.advance(timedelta(days=1))
    assert (await verify(client, outbox)).json()["code"] == "invalid_ticket"
    await client.post("/auth/verify-email/request", json={"email": "ada@example.com"})
    assert len(outbox.messages) == 2
    assert (await verify(client, outbox)).status_code == 200


async def test_database_down(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is down is a 503 before the answer, not silence after it."""

    def down(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(User, "raw", down)
    for path in ("register", "forgot-password", "verify-email/request"):
        body = {"email": "ada@example.com"}
        if path == "register":
            body["password"] = PASSWORD
        answer = await client.post(f"/auth/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


async def test_after_the_answer(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes wrong after the answer is logged, without secrets."""

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(Users, "create", fails)
    assert (await register(client)).status_code == 202
    assert "register failed after the response was sent." in caplog.text
    assert PASSWORD not in caplog.text


async def test_one_mail_a_minute(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """Whoever registers an address again and again sends its owner one mail a minute."""
    await register(client)
    await verify(client, outbox)
    for _ in range(3):
        await register(client)
    assert len(outbox.messages) == 2
    clock.advance(timedelta(minutes=1))
    await register(client)
    assert len(outbox.messages) == 3


async def test_a_user_table_of_its_own(database: Any, outbox: Outbox, clock: FrozenClock) -> None:
    """Users with UUIDs do all of this, and fill in columns of theirs (D-U7, D-U9)."""
    customers = Users(Customer, clock=clock)
    session = SessionAuth(customers)
    options: Any = {"mail": outbox, "base_url": BASE_URL, "schemes": [session]}
    accounts = Accounts(customers, extra=["phone", "country"], **options)
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(accounts_router(accounts), prefix="/auth")
    async with new_client(app) as client:
        assert (await register(client, country=None)).status_code == 422
        assert (await register(client, phone="1", country="FRANCE")).status_code == 422
        assert (await register(client, phone="+44 20 7946 0000")).status_code == 202
        await verify(client, outbox)
        await log_in(client)
        me = (await client.get("/auth/me")).json()
        assert str(UUID(me["id"])) == me["id"]
        assert (me["phone"], me["country"], me["email_verified"]) == (
            "+44 20 7946 0000",
            "GB",
            True,
        )
        answer = await client.patch("/auth/me", json={"country": None})
        assert answer.json()["detail"][0]["type"] == "column_null"
        body = {"current_password": PASSWORD, "email": "lovelace@example.com"}
        await client.post("/auth/change-email", json=body)
        link = next(item for item in outbox.messages if isinstance(item, ConfirmEmail)).link
        body = {"token": link.partition("=")[2]}
        assert (await client.post("/auth/change-email/confirm", json=body)).status_code == 204
        body = {"current_password": PASSWORD, "new_password": "another horse battery"}
        assert (await client.post("/auth/change-password", json=body)).status_code == 204
        await client.post("/auth/forgot-password", json={"email": "lovelace@example.com"})
        reset = next(item for item in outbox.messages if isinstance(item, ResetPassword))
        body = {"token": reset.link.partition("=")[2], "password": PASSWORD}
        assert (await client.post("/auth/reset-password", json=body)).status_code == 204
        await log_in(client)
        closing = {"current_password": PASSWORD}
        assert (await client.request("DELETE", "/auth/me", json=closing)).status_code == 204
        assert await Customer.count() == 0


@reaches_no_sql
@pytest.mark.security(103)
@pytest.mark.security(32)
@pytest.mark.parametrize(
    "path", ["register", "verify-email", "forgot-password", "reset-password", "change-email/undo"]
)
async def test_bodies(client: httpx.AsyncClient, database: Any, path: str) -> None:
    """Bodies are JSON of 16 KiB at most; others are not looked at."""
    url = f"/auth/{path}"
    assert (await client.post(url, content=b"x" * 20_000)).status_code == 413
    assert (await client.post(url, data={"email": "ada@example.com"})).status_code == 415
    assert (await client.post(url, content=b"{}")).status_code == 415
    headers = {"Content-Type": "application/json"}
    for body in (b"", b"null", b"[]", b"1", b'"a"', b"{", b'{"email": NaN}', b"[" * 16_000):
        answer = await client.post(url, content=body, headers=headers)
        assert answer.status_code == 422, body
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.security(115)
@pytest.mark.security(116)
async def test_no_secret_is_told(
    client: httpx.AsyncClient, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    """No password, link or code is in the log, in the table of events, or in any other table."""
    caplog.set_level("DEBUG")
    end = record_events()
    await register(client, password="c4n4ry battery one")
    message = outbox.last(VerifyEmail)
    await verify(client, outbox)
    await client.post("/auth/forgot-password", json={"email": "ada@example.com"})
    token = outbox.token(ResetPassword)
    body = {"token": token, "password": "c4n4ry battery two"}
    await client.post("/auth/reset-password", json=body)
    await client.post("/auth/reset-password", json=body)
    await log_in(client, password="c4n4ry battery two")
    body = {"current_password": "c4n4ry wrong", "new_password": "c4n4ry battery three"}
    await client.post("/auth/change-password", json=body)
    end()
    told = caplog.text + "".join(repr(record.__dict__) for record in caplog.records)
    for table in auth_tables():
        told += str(await table.select())
    secrets = ["c4n4ry", token, message.link.partition("=")[2], client.cookies["__Host-session"]]
    assert [secret for secret in secrets if secret in told] == []
    names = {row["name"] for row in await EventRecord.select(EventRecord.name)}
    assert names >= {
        "user_created",
        "user_email_verified",
        "authn_password_reset_requested",
        "authn_password_reset",
        "authn_password_reset_fail",
        "authn_password_change",
        "authn_login_fail",
    }


@pytest.mark.security(108)
async def test_what_follows_24_answers(
    app: FastAPI, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """Of 24 registrations that find the address free at once, one is made, and one mail sent."""
    accounts = app.state.accounts
    account = await accounts.prepare("ada", "ada@example.com", PASSWORD, {})
    assert await race(lambda: accounts.register(account)) == [None] * 24
    assert await User.count() == await EmailStatus.count() == 1
    assert [VerifyEmail] == [type(message) for message in outbox.messages]
    assert names(events).count("user_register_fail") == 23
