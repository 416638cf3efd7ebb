"""Logins of two steps, and that none has fewer."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    Challenge,
    ClientInfo,
    ConfigurationError,
    JWTAuth,
    Login,
    LoginAttempt,
    Proof,
    RefreshFamily,
    Session,
    SessionAuth,
    Ticket,
    TOTPSecret,
    User,
    Users,
    jwt_router,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.errors import InvalidCredentials, InvalidTicket
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import PASSWORD, bearer, log_in, new_client, reaches_no_sql

from .conftest import Phone, challenge, codes_of, enrol, password_grant, second_step

MINUTE = timedelta(minutes=1)


@pytest.mark.security(73)
async def test_two_steps(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """The password gives a challenge and nothing else; the code gives the session."""
    phone, _ = await enrol(client, clock)
    other, sessions = new_client(app), await Session.count()
    answer = await log_in(other)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["methods"], body["expires_in"]) == (
        "mfa_required",
        ["totp", "recovery_code"],
        600,
    )
    assert "set-cookie" not in answer.headers
    assert codes_of(answer.text) == [body["challenge"]]
    assert await Session.count() == sessions
    assert (await other.get("/me")).status_code == 401
    answer = await second_step(other, body["challenge"], phone.code())
    assert answer.json()["status"] == "signed_in"
    assert (await other.get("/me")).json()["factors"].keys() == {"password", "totp"}


@pytest.mark.security(76)
async def test_password_grant(
    app: FastAPI, client: httpx.AsyncClient, ada: User, jwt: JWTAuth[User], clock: FrozenClock
) -> None:
    """`/token` gives no token for a password alone (D-J11); `/token/mfa` gives what was asked."""
    phone, _ = await enrol(client, clock)
    other = new_client(app)
    answer = await password_grant(other, scope="", client_id="app")
    body = answer.json()
    assert (answer.status_code, body["error"]) == (403, "mfa_required")
    assert body["methods"] == ["totp", "recovery_code"]
    assert "access_token" not in body
    assert await RefreshFamily.count() == 0
    wrong = await other.post(
        "/auth/token/mfa", json={"challenge": body["challenge"], "code": phone.wrong()}
    )
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    assert wrong.json()["code"] == "invalid_code"
    answer = await other.post(
        "/auth/token/mfa", json={"challenge": body["challenge"], "code": phone.code()}
    )
    tokens = answer.json()
    assert (answer.status_code, tokens["status"]) == (200, "signed_in")
    assert jwt.decode(tokens["access_token"]).client_id == "app"
    access = bearer(tokens["access_token"])
    assert (await other.get("/mfa", headers=access)).status_code == 200
    claims = (await other.get("/claims", headers=access)).json()
    assert (claims["acr"], claims["amr"]) == ("mfa", ["pwd", "otp", "mfa"])
    assert claims["at"] == clock.now.timestamp()


@pytest.mark.parametrize("challenge", [None, "tkt_x"])
@pytest.mark.parametrize("path", ["/auth/token/mfa", "/auth/token/mfa/send"])
async def test_a_dead_challenge_of_a_token(
    app: FastAPI,
    client: httpx.AsyncClient,
    ada: User,
    clock: FrozenClock,
    path: str,
    challenge: Any,
) -> None:
    """A challenge that is used or unknown is told from a wrong code: the app starts again."""
    phone, codes = await enrol(client, clock)
    other = new_client(app)
    body = {"challenge": (await password_grant(other, scope="")).json()["challenge"]}
    if challenge is None:
        used = await other.post("/auth/token/mfa", json=body | {"code": codes[0]})
        assert used.status_code == 200
    else:
        body["challenge"] = challenge
    code = {} if path.endswith("/send") else {"code": phone.code()}
    answer = await other.post(path, json={**body, **code, "method": "totp"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert answer.json()["code"] == "invalid_ticket"


@pytest.mark.security(56)
async def test_the_scope_is_kept(
    users: Users[User], jwt: JWTAuth[User], totp: TOTP, clock: FrozenClock
) -> None:
    """The tokens of the second step have the scope that the first asked for."""
    grace = await users.create("grace", PASSWORD, admin=True, superuser=True)
    uri = (await totp.begin(grace)).uri
    phone = Phone(uri, clock)
    await totp.confirm(grace, phone.code())
    clock.advance(MINUTE)
    app = FastAPI()
    app.include_router(jwt_router(jwt, Login(users, factors=[totp])))
    client = new_client(app)
    form = {"grant_type": "password", "username": "grace", "password": PASSWORD}
    token = (await client.post("/token", data=form | {"scope": "admin"})).json()["challenge"]
    body = {"challenge": token, "code": phone.code()}
    assert (await client.post("/token/mfa", json=body)).json()["scope"] == "admin"


@pytest.mark.security(76)
async def test_enrolled_meanwhile(
    app: FastAPI,
    client: httpx.AsyncClient,
    login: Login[User],
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    totp: TOTP,
    ada: User,
    clock: FrozenClock,
) -> None:
    """A login under way when a factor is enrolled or changed ends in no session and no token."""
    request, response = Request({"type": "http", "headers": []}), Response()
    outcome = await login.start("ada", PASSWORD, ClientInfo())
    assert isinstance(outcome, Proof)
    phone, _ = await enrol(client, clock)
    with pytest.raises(InvalidCredentials):
        await session.sign_in(request, response, outcome)
    with pytest.raises(InvalidCredentials):
        await jwt.issue(outcome, request)
    challenge = await login.start("ada", PASSWORD, ClientInfo())
    assert isinstance(challenge, Challenge)
    proof = await login.finish(challenge.token, phone.code(), ClientInfo())
    await totp.remove(ada)
    with pytest.raises(InvalidTicket):
        await session.sign_in(request, response, proof)
    assert await Session.count() == await RefreshFamily.count() == 0
    assert "set-cookie" not in response.headers


@pytest.mark.security(76)
async def test_enrolment_races_logins(
    app: FastAPI, totp: TOTP, ada: User, clock: FrozenClock
) -> None:
    """Of twelve logins beside an enrolment, none leaves a session without a second factor."""
    phone = Phone((await totp.begin(ada)).uri, clock)
    clients = [new_client(app) for _ in range(12)]
    await asyncio.gather(
        *(log_in(client) for client in clients[:6]),
        totp.confirm(ada, phone.code()),
        *(log_in(client) for client in clients[6:]),
    )
    assert await Session.count() == 0


async def test_hooks(users: Users[User], totp: TOTP, ada: User, clock: FrozenClock) -> None:
    """Hooks are asked about both steps, and told of a wrong code (D-M6)."""
    phone = Phone((await totp.begin(ada)).uri, clock)
    await totp.confirm(ada, phone.code())
    clock.advance(MINUTE)
    seen: list[tuple[str, LoginAttempt]] = []

    def told(where: str) -> Any:
        return lambda attempt: seen.append((where, attempt))

    login = Login(
        users,
        factors=[totp],
        before=[told("before")],
        on_failure=[told("failure")],
        on_success=[told("success")],
    )
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    outcome = await login.start("ada", PASSWORD, ClientInfo())
    assert isinstance(outcome, Challenge)
    assert [where for where, _ in seen] == ["before"]
    assert events == []
    token = outcome.token
    with pytest.raises(Exception, match="incorrect"):
        await login.finish(token, phone.wrong(), ClientInfo())
    proof = await login.finish(token, phone.code(), ClientInfo())
    await users.uphold(proof)
    stop()
    assert proof.factors == {"password": clock.now, "totp": clock.now}
    assert [(where, attempt.factor) for where, attempt in seen[1:]] == [
        ("before", "password"),
        ("failure", "totp"),
        ("before", "password"),
        ("success", "totp"),
    ]
    assert [(event.name, event.data["factor"]) for event in events] == [
        ("authn_login_fail", "totp"),
        ("authn_login_success", "totp"),
    ]


@pytest.mark.security(116)
async def test_a_method_that_is_none(
    client: httpx.AsyncClient, app: FastAPI, ada: User, clock: FrozenClock
) -> None:
    """What a client calls a method goes neither to events nor to hooks, unless there is one."""
    await enrol(client, clock)
    events: list[AuthEvent] = []
    stop = subscribe(events.append)
    method = "totp\r\nINFO authn_login_success user=1 \x1b[2K" + "A" * 15_000
    other = new_client(app)
    for name in (method, "sms", "recovery_code"):
        body = {"code": "123456", "method": name}
        answer = await client.post("/auth/reauthenticate", json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
        for path in ("/auth/login/mfa", "/auth/token/mfa"):
            body["challenge"] = await token_for(other, path)
            assert (await other.post(path, json=body)).status_code in (400, 401)
    stop()
    failures = [event for event in events if event.name == "authn_login_fail"]
    expected = ["", "", "", "", "", "", "recovery_code", "recovery_code", "recovery_code"]
    assert [event.data["factor"] for event in failures] == expected


async def token_for(client: httpx.AsyncClient, path: str) -> str:
    """A challenge of ada for this route."""
    if path == "/auth/login/mfa":
        return await challenge(client)
    token: str = (await password_grant(client)).json()["challenge"]
    return token


async def test_the_time_of_the_password(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Each factor has the time at which it was presented."""
    phone, _ = await enrol(client, clock)
    other = new_client(app)
    first = clock.now.timestamp()
    token = await challenge(other)
    clock.advance(3 * MINUTE)
    await second_step(other, token, phone.code())
    factors = (await other.get("/me")).json()["factors"]
    assert factors == {"password": first, "totp": first + 180}


@pytest.mark.parametrize("method", ["totp", "recovery_code"])
async def test_method(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock, method: str
) -> None:
    """A method that is named is the one that is asked."""
    phone, codes = await enrol(client, clock)
    right = {"totp": phone.code(), "recovery_code": codes[0]}
    other = new_client(app)
    token = await challenge(other)
    for unknown in ("", "sms", "password"):
        answer = await second_step(other, token, right[method], method=unknown)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
    wrong = next(name for name in right if name != method)
    assert (await second_step(other, token, right[method], method=wrong)).status_code == 401
    assert (await second_step(other, token, right[method], method=method)).status_code == 200
    assert method in (await other.get("/me")).json()["factors"]


async def test_sending_what_has_nothing_to_send(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """For an app nothing is sent; a factor that the user lacks is refused."""
    await enrol(client, clock)
    other = new_client(app)
    body = {"challenge": await challenge(other), "method": "totp"}
    assert (await other.post("/auth/login/mfa/send", json=body)).status_code == 204
    body["method"] = "email_code"
    assert (await other.post("/auth/login/mfa/send", json=body)).status_code == 401
    for_tokens = (await password_grant(other)).json()["challenge"]
    body = {"challenge": for_tokens, "method": "totp"}
    assert (await other.post("/auth/token/mfa/send", json=body)).status_code == 204


@reaches_no_sql
@pytest.mark.security(27)
async def test_cross_site(client: httpx.AsyncClient, database: Any) -> None:
    """Another site can't finish a login."""
    for path in ("/auth/login/mfa", "/auth/login/mfa/send"):
        headers = {"Sec-Fetch-Site": "cross-site"}
        answer = await client.post(path, json={}, headers=headers)
        assert answer.status_code in {403, 422}
        assert answer.json()["code"] == "cross_site_request"


@reaches_no_sql
def test_configuration(users: Users[User], totp: TOTP) -> None:
    """A factor twice, or a requirement that nobody could meet, is refused."""
    with pytest.raises(ConfigurationError):
        Login(users, factors=[totp, totp])
    with pytest.raises(ConfigurationError):
        Login(users, mfa_required=True)


@reaches_no_sql
async def test_without_factors(users: Users[User], database: Any) -> None:
    """A login without factors knows no challenge, and its routers no second step."""
    login = Login(users)
    with pytest.raises(InvalidTicket):
        await login.finish("tkt_", "123456", ClientInfo())
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), login))
    assert not any("mfa" in path for path in app.openapi()["paths"])


async def test_deleted_with_the_user(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Nothing of a deleted user is left for the next one, who may get the same key."""
    await enrol(client, clock)
    await challenge(new_client(app))
    await User.delete().where(User.id == ada.id)
    for table in (TOTPSecret, Ticket, Session):
        assert await table.count() == 0


async def test_racing_logins(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Of ten logins with one code at once, each with a challenge of its own, one gets in (D-M3)."""
    phone, _ = await enrol(client, clock)
    clients = [new_client(app) for _ in range(10)]
    tokens = [await challenge(one) for one in clients]
    pairs = list(zip(clients, tokens, strict=True))
    code = phone.code()

    async def step() -> int:
        one, token = pairs.pop()
        return (await second_step(one, token, code)).status_code

    statuses = await race(step, 10)
    assert statuses.count(200) == 1
