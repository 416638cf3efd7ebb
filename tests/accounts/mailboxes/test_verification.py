"""Verifying an address, by link and by code, and what an unverified account is worth."""

from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    Accounts,
    AnyOf,
    AuthEvent,
    EmailStatus,
    JWTAuth,
    PasswordHasher,
    Session,
    SessionAuth,
    Ticket,
    User,
    Users,
    accounts_router,
    require,
    subscribe,
)
from piccolo_api_fastapi.accounts.mailboxes.verification import Verification
from piccolo_api_fastapi.errors import Forbidden, HasherBusy
from piccolo_api_fastapi.mail import AlreadyRegistered, ResetPassword, VerifyEmail
from piccolo_api_fastapi.testing import (
    FrozenClock,
    Outbox,
    acting_as,
    assert_single_winner,
)
from tests.accounts.conftest import BASE_URL, COOKIE, NEW, MakeApp, names, register, verify
from tests.accounts.test_registration import answering
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client, reaches_no_sql
from tests.documents import expanded
from tests.timing import asks_of, told_apart

ADA = {"email": "ada@example.com"}


async def resend(client: httpx.AsyncClient) -> httpx.Response:
    """Ask for another link."""
    return await client.post("/auth/verify-email/request", json=ADA)


@pytest.mark.security(84)
@pytest.mark.security(85)
@pytest.mark.usefixtures("unlimited")
async def test_a_link_is_good_once(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """24 uses of one link at once: one winner, and no 500; later it is a 401."""
    await register(client)

    async def use() -> bool:
        answer = await verify(client, outbox)
        assert answer.status_code in (200, 401)
        return answer.status_code == 200

    await assert_single_winner(use)
    answer = await verify(client, outbox)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
    assert answer.headers["www-authenticate"]


@pytest.mark.security(85)
async def test_a_code_is_good_once(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """So is a code."""
    await register(client)
    body = {**ADA, "code": outbox.last(VerifyEmail).code}

    async def use() -> bool:
        answer = await client.post("/auth/verify-email", json=body)
        assert answer.status_code in (200, 401)
        return answer.status_code == 200

    await assert_single_winner(use)


async def test_what_the_mail_says(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """The link is good for a day, the code for a quarter of an hour."""
    await register(client)
    text = outbox.last(VerifyEmail).text()
    assert "The code is valid until 2026-01-01 00:15 UTC, the link until 2026-01-02 00:00" in text


@pytest.mark.security(84)
@pytest.mark.security(86)
async def test_nothing_of_it_is_stored(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """No secret and no code can be read from the tables; a new request ends the old link."""
    await register(client)
    first, code = outbox.token(VerifyEmail), outbox.last(VerifyEmail).code
    stored = str(await Ticket.select()) + str(await EmailStatus.select())
    assert first not in stored
    assert code not in [row["data"] for row in await Ticket.select()]
    assert f'"{code}"' not in stored
    assert len(first) >= 43  # 256 bits


@pytest.mark.security(86)
async def test_a_new_link_ends_the_old(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """At most one mail a minute; each ends the link and the code before it."""
    await register(client)
    first = outbox.last(VerifyEmail)
    assert (await resend(client)).status_code == 202
    assert len(outbox.messages) == 1
    clock.advance(timedelta(minutes=1))
    await resend(client)
    assert len(outbox.messages) == 2
    body = {"token": first.link.partition("=")[2]}
    assert (await client.post("/auth/verify-email", json=body)).status_code == 401
    body = {**ADA, "code": first.code}
    if first.code != outbox.last(VerifyEmail).code:
        assert (await client.post("/auth/verify-email", json=body)).status_code == 401
    assert (await verify(client, outbox)).status_code == 200
    clock.advance(timedelta(minutes=1))
    assert (await resend(client)).status_code == 202
    assert len(outbox.messages) == 2


async def test_codes_cannot_be_guessed(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock, events: list[AuthEvent]
) -> None:
    """
    Wrong codes are counted over all that were sent: after a few one has to wait, even with the
    right one, and the answer tells nothing. The link goes on working.
    """
    await register(client)
    code = outbox.last(VerifyEmail).code
    wrong = {**ADA, "code": f"{(int(code) + 1) % 10**6:06}"}
    for _ in range(6):
        answer = await client.post("/auth/verify-email", json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
    answer = await client.post("/auth/verify-email", json={**ADA, "code": code})
    assert answer.status_code == 401
    assert names(events)[1:] == ["user_email_verify_fail"] * 7
    assert (await verify(client, outbox)).status_code == 200


@pytest.mark.security(13)
@pytest.mark.usefixtures("unlimited")
async def test_every_code_costs_one_hash(
    client: httpx.AsyncClient, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is a code to guess at or not: the same work, so that the time tells nothing."""
    check, hashed = PasswordHasher.verify, []

    async def count(self: PasswordHasher, encoded: str | None, password: str) -> None:
        hashed.append(encoded)
        await check(self, encoded, password)

    await register(client)
    monkeypatch.setattr(PasswordHasher, "verify", count)
    code = outbox.last(VerifyEmail).code
    wrong = f"{(int(code) + 1) % 10**6:06}"
    tries = [("nobody@example.com", wrong), ("ada@example.com", "12345")]
    tries += [("ada@example.com", wrong)] * 6  # one has to wait after the fifth
    for email, typed in tries:
        body = {"email": email, "code": typed}
        assert (await client.post("/auth/verify-email", json=body)).status_code == 401
    await EmailStatus.update({EmailStatus.failed_count: 100}, force=True)
    assert (await client.post("/auth/verify-email", json={**ADA, "code": code})).status_code == 401
    await verify(client, outbox)
    assert (await client.post("/auth/verify-email", json={**ADA, "code": code})).status_code == 401
    assert [encoded is not None for encoded in hashed] == [
        *[False] * 2,
        *[True] * 5,
        *[False] * 3,
    ]


@pytest.mark.slow
@pytest.mark.timeout(900)  # a third look on a busy machine
@pytest.mark.security(13)
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_one_time(users: Users[User], outbox: Outbox) -> None:
    """
    A wrong code is refused in the same time for who was sent one, who has an account, and nobody:
    40 of each, in turn, with hashes that cost what they do outside of tests, and more where
    chance, or a difference, moves that. Without the hash it is 0 or 1.
    """
    users = Users(hasher=PasswordHasher(), clock=users.clock)
    accounts = Accounts(users, mail=outbox, base_url=BASE_URL)
    app, verification, wrong = FastAPI(), accounts.mailboxes.verification, {"code": "000000"}
    app.include_router(accounts_router(accounts), prefix="/auth")
    await users.create("ada", email="ada@example.com")
    code, number_of_users = await verification.new_code(), 1 + asks_of(40) // 5
    for number in range(number_of_users):  # each of whom may guess five times
        user = await users.create(f"user{number}", email=f"user{number}@example.com")
        await verification.begin(user, activates=True)
        await verification.issue(user, code)
    live = [{"email": f"user{number}@example.com", **wrong} for number in range(number_of_users)]
    none = [{"email": f"bob{number}@example.com", **wrong} for number in range(40)]
    known = answering(app, "/auth/verify-email", *live)
    unknown = answering(app, "/auth/verify-email", *none, {"email": "ada@example.com", **wrong})
    await known()
    await unknown()
    assert 0.3 <= await told_apart(known, unknown, 40) <= 0.7


@pytest.mark.parametrize(
    "body",
    [
        {"email": "nobody@example.com", "code": "123456"},
        {"email": "ada@example.com", "code": "12345"},
        {"email": "ada@example.com", "code": "１２３４５６"},
        {"email": "ada@example.com", "code": "²23456"},
        {"email": "ada@example.com", "code": "-12345"},
        {"email": "ada@example.com", "code": "x" * 5000},
        {"token": ""},
        {"token": "tkt_" + "A" * 51},
        {"token": "x" * 5000},
    ],
)
async def test_wrong(client: httpx.AsyncClient, outbox: Outbox, body: dict[str, Any]) -> None:
    """Unknown addresses, odd codes and odd secrets have one answer."""
    await register(client)
    answer = await client.post("/auth/verify-email", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")


@reaches_no_sql
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada@example.com"},
        {"code": "123456"},
        {"token": "x", "code": "123456"},
        {"token": "x", "email": "ada@example.com"},
        {"code": "123456", "email": "ada"},
        {"email": "ada@example.com", "code": 123456},
        {"token": None},
        {"token": "a\x00"},
    ],
)
@pytest.mark.security(100)
async def test_malformed(client: httpx.AsyncClient, database: Any, body: dict[str, Any]) -> None:
    """Neither a token nor an address with a code is a 422."""
    answer = await client.post("/auth/verify-email", json=body)
    assert answer.status_code == 422


@pytest.mark.security(41)
async def test_purposes(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """A link to verify is good for nothing else."""
    await register(client)
    token = outbox.token(VerifyEmail)
    for path, more in (
        ("reset-password", {"password": NEW}),
        ("change-email/confirm", {}),
        ("change-email/undo", {}),
    ):
        answer = await client.post(f"/auth/{path}", json={"token": token, **more})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
    assert (await verify(client, outbox)).status_code == 200


@pytest.mark.security(89)
async def test_scanners(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Following a link by GET uses nothing up: the secret is in a fragment, only POST consumes."""
    await register(client)
    answer = await client.get("/auth/verify-email", params={"token": outbox.token(VerifyEmail)})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    answer = await verify(client, outbox)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("active", [False, True])
async def test_takeover(make_app: MakeApp, outbox: Outbox, *, active: bool) -> None:
    """
    Somebody registers the address of somebody else, who registers later: once the owner verifies,
    the first one holds nothing, neither a session nor the password.
    """
    app = make_app(active_before_verified=active)
    async with new_client(app) as thief, new_client(app) as owner:
        await register(thief, username="thief")
        assert (await log_in(thief, "thief")).status_code == (200 if active else 401)
        await register(owner, username="ada", password=NEW)
        assert len(outbox.messages) == 1
        answer = await verify(owner, outbox)
        assert answer.json() == {"status": "choose_password"}
        assert (await thief.get("/auth/me")).status_code == 401
        for password in (PASSWORD, NEW):
            assert (await log_in(thief, "thief", password)).status_code == 401
        body = {"token": outbox.token(ResetPassword), "password": NEW}
        assert (await owner.post("/auth/reset-password", json=body)).status_code == 204
        assert (await log_in(owner, "ada@example.com", NEW)).status_code == 200
        assert (await log_in(thief, "thief", PASSWORD)).status_code == 401


async def test_registered_twice(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """Whoever registers again with the same password, since the mail was lost, just goes on."""
    await register(client)
    clock.advance(timedelta(minutes=1))
    await register(client)
    assert len(outbox.messages) == 2
    assert (await verify(client, outbox)).json() == {"status": "verified"}
    assert (await log_in(client)).status_code == 200


async def test_the_session_that_verifies(make_app: MakeApp, outbox: Outbox) -> None:
    """
    Of the sessions of an unverified account that of the caller stays, with a new cookie; others
    end.
    """
    app = make_app(active_before_verified=True)
    async with new_client(app) as client, new_client(app) as other:
        await register(client)
        await log_in(client)
        await log_in(other)
        assert (await client.get("/auth/me")).json()["email_verified"] is False
        old = client.cookies[COOKIE]
        await verify(client, outbox)
        assert (await client.get("/auth/me")).json()["email_verified"] is True
        assert (await other.get("/auth/me")).status_code == 401
        assert await Session.count() == 1
        other.cookies.clear()
        assert client.cookies[COOKIE] != old
        headers = {"Cookie": f"{COOKIE}={old}"}
        assert (await other.get("/auth/me", headers=headers)).status_code == 401


async def test_the_session_of_somebody_else(
    make_app: MakeApp, users: Users[User], outbox: Outbox
) -> None:
    """A caller who is somebody else is left alone."""
    app = make_app(active_before_verified=True)
    await users.create("grace", PASSWORD)
    async with new_client(app) as client, new_client(app) as other:
        await register(client)
        await log_in(client)
        await log_in(other, "grace")
        old = other.cookies[COOKIE]
        await verify(other, outbox)
        assert other.cookies[COOKIE] == old
        assert (await client.get("/auth/me")).status_code == 401
        assert (await other.get("/auth/me")).status_code == 200


async def test_disabled(client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock) -> None:
    """A user whom an administrator disabled is neither verified nor sent anything."""
    await register(client)
    token = outbox.token(VerifyEmail)
    await verify(client, outbox)
    await User.update({User.active: False}, force=True)
    await EmailStatus.update({EmailStatus.verified_at: None}, force=True)
    clock.advance(timedelta(minutes=1))
    await resend(client)
    await client.post("/auth/forgot-password", json=ADA)
    assert len(outbox.messages) == 1
    assert (await client.post("/auth/verify-email", json={"token": token})).status_code == 401
    assert (await log_in(client)).status_code == 401


@pytest.mark.parametrize("way", ["link", "new link", "reset"])
async def test_disabled_after_a_login(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock, way: str
) -> None:
    """
    An administrator made a user active who had not verified, and disabled them later: the links
    that were good for the first login do not lift that.
    """
    await register(client)
    token, path = outbox.token(VerifyEmail), "verify-email"
    clock.advance(timedelta(minutes=1))
    if way == "reset":
        await client.post("/auth/forgot-password", json=ADA)
        token, path = outbox.token(ResetPassword), "reset-password"
    await User.update({User.active: True}, force=True)
    assert (await log_in(client)).status_code == 200
    await User.update({User.active: False}, force=True)
    sent = len(outbox.messages)
    if way == "new link":
        await resend(client)
        await client.post("/auth/forgot-password", json=ADA)
        assert len(outbox.messages) == sent
    client.cookies.clear()
    body = {"token": token, **({"password": NEW} if way == "reset" else {})}
    assert (await client.post(f"/auth/{path}", json=body)).status_code == 401
    assert (await log_in(client)).status_code == 401


async def test_made_by_an_administrator(
    client: httpx.AsyncClient, users: Users[User], outbox: Outbox, clock: FrozenClock
) -> None:
    """A user made elsewhere verifies like any other; a registration of the address tells them."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await resend(client)
    await verify(client, outbox)
    await log_in(client)
    assert (await client.get("/auth/me")).json()["email_verified"] is True
    await User.update({User.email: "changed@example.com"}, force=True)
    assert (await client.get("/auth/me")).json()["email_verified"] is False
    await register(client, username="eve", email="changed@example.com", password=NEW)
    assert outbox.last(AlreadyRegistered).to == "changed@example.com"


async def test_an_address_that_changed_meanwhile(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """A link verifies the address that it was sent to, and no other."""
    await register(client)
    await User.update({User.email: "changed@example.com"}, force=True)
    assert (await verify(client, outbox)).status_code == 401
    body = {"email": "changed@example.com", "code": outbox.last(VerifyEmail).code}
    assert (await client.post("/auth/verify-email", json=body)).status_code == 401


@pytest.mark.parametrize("kind", ["register", "resend", "reset"])
async def test_mail_is_down(
    client: httpx.AsyncClient,
    outbox: Outbox,
    events: list[AuthEvent],
    clock: FrozenClock,
    kind: str,
) -> None:
    """A mail that does not go out is an event, and the next request sends it at once."""
    outbox.is_down = kind == "register"
    assert (await register(client)).status_code == 202
    if kind != "register":
        clock.advance(timedelta(minutes=1))
        outbox.is_down = True
        path = "forgot-password" if kind == "reset" else "verify-email/request"
        assert (await client.post(f"/auth/{path}", json=ADA)).status_code == 202
    failed = [event for event in events if event.name == "sys_mail_fail"]
    message = "ResetPassword" if kind == "reset" else "VerifyEmail"
    expected = {"message": message, "error": "ConnectionError", "attempts": 1}
    assert [{key: event.data[key] for key in expected} for event in failed] == [expected]
    outbox.is_down = False
    if kind == "reset":
        await client.post("/auth/forgot-password", json=ADA)
        assert outbox.token(ResetPassword)
    else:
        await resend(client)
        assert (await verify(client, outbox)).status_code == 200


async def test_a_code_that_could_not_be_hashed(
    client: httpx.AsyncClient, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is an account and no mail: the next request sends it at once."""

    async def fail(*_: Any) -> None:
        raise HasherBusy(retry_after=1)

    with monkeypatch.context() as patch:
        patch.setattr(Verification, "issue", fail)
        await register(client)
    assert len(outbox.messages) == 0
    await resend(client)
    assert (await verify(client, outbox)).status_code == 200


async def test_a_reset_that_a_listener_refuses(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """It leaves no link, and the next request sends one at once."""

    def refuse(event: AuthEvent) -> None:
        if event.name == "authn_password_reset_requested":
            raise Forbidden

    await register(client)
    await verify(client, outbox)
    stop = subscribe(refuse, when="before_commit")
    await client.post("/auth/forgot-password", json=ADA)
    stop()
    assert not await Ticket.exists().where(Ticket.purpose == "reset-password")
    await client.post("/auth/forgot-password", json=ADA)
    assert outbox.token(ResetPassword)


@reaches_no_sql
async def test_required(app: FastAPI, client: httpx.AsyncClient, outbox: Outbox) -> None:
    """OpenAPI tells of every route what it can answer."""
    schema = expanded(app.openapi())["paths"]
    assert set(schema["/auth/verify-email"]["post"]["responses"]) >= {"200", "401", "403", "422"}
    assert set(schema["/auth/register"]["post"]["responses"]) >= {"202", "403", "422", "503"}
    assert "security" not in schema["/auth/register"]["post"]
    assert schema["/auth/me"]["get"]["security"] == [{"Session": []}, {"JWT": []}]


async def test_require(
    make_app: MakeApp, session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> None:
    """`require(…, verified=True)` lets in by any scheme, once the address is verified."""
    app = make_app(active_before_verified=True)
    current_user = AnyOf(session, jwt)

    @app.post("/comments")
    async def comment(
        user: Annotated[User, Depends(require(current_user, verified=True))],
    ) -> str:
        return user.username

    async with new_client(app) as client:
        await register(client)
        await log_in(client)
        headers = bearer((await get_tokens(client))["access_token"])
        for sent in ({}, headers):
            answer = await client.post("/comments", headers=sent)
            assert (answer.status_code, answer.json()["code"]) == (403, "email_not_verified")
        await verify(client, outbox)
        assert (await client.post("/comments")).json() == "ada"
        headers = bearer((await get_tokens(client))["access_token"])
        assert (await client.post("/comments", headers=headers)).json() == "ada"
        with acting_as(current_user, User(id=10**6, username="eve")):
            assert (await client.post("/comments")).status_code == 403
        answer = expanded(app.openapi())["paths"]["/comments"]["post"]["responses"]["403"]
        assert "email_not_verified" in answer["content"]["application/problem+json"]["examples"]
        await User.update({User.email: "changed@example.com"}, force=True)
        assert (await client.post("/comments")).status_code == 403


class Stranger(SessionAuth[User]):
    """A scheme that keeps its users elsewhere."""

    users = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __init__(self) -> None:
        self.scheme_name = "Stranger"


async def test_a_scheme_without_users() -> None:
    """Nobody's address is verified."""
    assert await Stranger().has_verified_email(User(username="eve")) is False
