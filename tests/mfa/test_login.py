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
from tests.conftest import PASSWORD, bearer, log_in, new_client

from .conftest import Phone, challenge, codes_of, confirm, enrol, second_step

MINUTE = timedelta(minutes=1)


async def password_grant(client: httpx.AsyncClient, **form: str) -> httpx.Response:
    """Ask `/token` with ada's password."""
    data = {"grant_type": "password", "username": "ada", "password": PASSWORD, **form}
    return await client.post("/auth/token", data=data)


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


@pytest.mark.security(73)
async def test_the_challenge_dies(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """It is good once, for ten minutes, for five tries, and opens no door itself."""
    phone, codes = await enrol(client, clock)
    other = new_client(app)
    token = await challenge(other)
    for header in (bearer(token), {"Cookie": f"__Host-session={token}"}):
        assert (await other.get("/me", headers=header)).status_code == 401
    assert (await second_step(other, token, phone.code())).status_code == 200
    assert (await second_step(other, token, codes[0])).status_code == 401
    token = await challenge(other)
    clock.advance(10 * MINUTE)
    answer = await second_step(other, token, phone.code())
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
    token = await challenge(other)
    for _ in range(4):
        assert (await second_step(other, token, "abcdef")).json()["code"] == "invalid_code"
    assert (await second_step(other, token, codes[1])).status_code == 200
    token = await challenge(other)
    for _ in range(5):
        await second_step(other, token, "abcdef")
    answer = await second_step(other, token, codes[2])
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")


@pytest.mark.security(73)
async def test_one_challenge_wins(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Of 24 that finish one challenge at once, each with a right code, one is signed in."""
    phone, codes = await enrol(client, clock)
    sessions = await Session.count()
    token = await challenge(new_client(app))
    presented = [phone.code(), *codes] * 3
    clients = [new_client(app) for _ in range(24)]
    answers = await asyncio.gather(
        *(second_step(one, token, code) for one, code in zip(clients, presented[:24], strict=True))
    )
    assert sum(answer.status_code == 200 for answer in answers) == 1
    assert await Session.count() == sessions + 1


@pytest.mark.security(41)
async def test_cross_use(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A challenge for a session gives no tokens, and the other way round."""
    _, codes = await enrol(client, clock)
    other = new_client(app)
    for_session = await challenge(other)
    for_tokens = (await password_grant(other)).json()["challenge"]
    body = {"challenge": for_session, "code": codes[0]}
    assert (await other.post("/auth/token/mfa", json=body)).status_code == 400
    assert (await second_step(other, for_tokens, codes[0])).status_code == 401
    assert (await second_step(other, for_session, codes[0])).status_code == 200


@pytest.mark.security(76)
async def test_password_grant(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """`/token` gives no token for a password alone (D-J11); `/token/mfa` gives what was asked."""
    phone, _ = await enrol(client, clock)
    other = new_client(app)
    answer = await password_grant(other, scope="")
    body = answer.json()
    assert (answer.status_code, body["error"]) == (403, "mfa_required")
    assert body["methods"] == ["totp", "recovery_code"]
    assert "access_token" not in body
    assert await RefreshFamily.count() == 0
    wrong = await other.post(
        "/auth/token/mfa", json={"challenge": body["challenge"], "code": phone.wrong()}
    )
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    answer = await other.post(
        "/auth/token/mfa", json={"challenge": body["challenge"], "code": phone.code()}
    )
    tokens = answer.json()
    assert (answer.status_code, tokens["status"]) == (200, "signed_in")
    access = bearer(tokens["access_token"])
    assert (await other.get("/mfa", headers=access)).status_code == 200
    claims = (await other.get("/claims", headers=access)).json()
    assert (claims["acr"], claims["amr"]) == ("mfa", ["pwd", "otp", "mfa"])
    assert claims["at"] == clock.now.timestamp()


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


@pytest.mark.security(86)
async def test_password_change(
    app: FastAPI, client: httpx.AsyncClient, users: Users[User], ada: User, clock: FrozenClock
) -> None:
    """A password that is changed between the steps ends the login, however it is changed."""
    phone, _ = await enrol(client, clock)
    other = new_client(app)
    token = await challenge(other)
    await users.set_password(ada, "another horse battery")
    assert (await second_step(other, token, phone.code())).json()["code"] == "invalid_ticket"
    await users.set_password(ada, PASSWORD)
    token = await challenge(other)
    encoded = "pbkdf2_sha256$1$aaaa$bbbb"
    await User.update({User.password: encoded}).where(User.id == ada.id)
    assert (await second_step(other, token, phone.code())).json()["code"] == "invalid_ticket"


@pytest.mark.security(15)
async def test_disabled_user(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A user who is disabled between the steps does not get in."""
    phone, _ = await enrol(client, clock)
    other = new_client(app)
    token = await challenge(other)
    await User.update({User.active: False}).where(User.id == ada.id)
    assert (await second_step(other, token, phone.code())).status_code == 401


@pytest.mark.security(70)
async def test_many_challenges(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """New challenges bring no new tries: the failures are those of the app (D-M6)."""
    phone, _ = await enrol(client, clock)
    other, answers = new_client(app), []
    for _ in range(8):
        token = await challenge(other)
        answers.append(await second_step(other, token, phone.wrong()))
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].headers["retry-after"] == "1"
    token = await challenge(other)  # the password's own counter is another one
    clock.advance(timedelta(seconds=1))
    assert (await second_step(other, token, phone.code())).status_code == 200


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


@pytest.mark.security(71)
@pytest.mark.security(100)
@pytest.mark.parametrize("path", ["/auth/login/mfa", "/auth/token/mfa"])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"challenge": 1, "code": "1"}',
        '{"challenge": "x", "code": 123456}',
        '{"challenge": "x", "code": true}',
        '{"challenge": "\\ud800", "code": "\\ud800"}',
        '{"challenge": "tkt_", "code": "' + "1" * 10_000 + '"}',
        '{"challenge": "tkt_", "code": "\\u0000", "method": "\\u0000"}',
        '{"challenge": "tkt_", "code": "1", "code": "2"}',
    ],
)
async def test_malformed(client: httpx.AsyncClient, database: Any, path: str, body: str) -> None:
    """Bad input is refused clearly, and never echoed (D-M10)."""
    headers = {"Content-Type": "application/json"}
    answer = await client.post(path, content=body, headers=headers)
    assert answer.status_code in {400, 401, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert "1111" not in answer.text


@pytest.mark.security(27)
async def test_cross_site(client: httpx.AsyncClient, database: Any) -> None:
    """Another site can't finish a login."""
    for path in ("/auth/login/mfa", "/auth/login/mfa/send"):
        headers = {"Sec-Fetch-Site": "cross-site"}
        answer = await client.post(path, json={}, headers=headers)
        assert answer.status_code in {403, 422}
        assert answer.json()["code"] == "cross_site_request"


@pytest.mark.parametrize(
    ("requirement", "who"),
    [
        (True, {"ada", "grace"}),
        (lambda user: user.admin, {"grace"}),
        (False, set()),
    ],
)
async def test_who_is_required(
    users: Users[User], totp: TOTP, ada: User, grace: User, requirement: Any, who: set[str]
) -> None:
    """Everybody, some or nobody; sync or async."""

    async def later(user: User) -> bool:
        return bool(requirement(user))

    for asked in (requirement, later if callable(requirement) else requirement):
        login = Login(users, factors=[totp], mfa_required=asked)
        found = set()
        for name in ("ada", "grace"):
            proof: Any = await login.start(name, PASSWORD, ClientInfo())
            if proof.is_enrolling:
                found.add(name)
        assert found == who


def test_configuration(users: Users[User], totp: TOTP) -> None:
    """A factor twice, or a requirement that nobody could meet, is refused."""
    with pytest.raises(ConfigurationError):
        Login(users, factors=[totp, totp])
    with pytest.raises(ConfigurationError):
        Login(users, mfa_required=True)


async def test_without_factors(users: Users[User], database: Any) -> None:
    """A login without factors knows no challenge, and its routers no second step."""
    login = Login(users)
    with pytest.raises(InvalidTicket):
        await login.finish("tkt_", "123456", ClientInfo())
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), login))
    assert not any("mfa" in path for path in app.openapi()["paths"])


@pytest.fixture
def login(users: Users[User], totp: TOTP, request: pytest.FixtureRequest) -> Login[User]:
    """As elsewhere, or one that requires a second factor, for tests marked so."""
    return Login(users, factors=[totp], mfa_required="required" in request.fixturenames)


@pytest.fixture
def required() -> None:
    """Asked for by tests in which a second factor is required of everybody."""


async def test_enrolment_is_required(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock, required: None
) -> None:
    """Without a factor one is let in to enrol it, and for nothing else until then."""
    answer = await log_in(client)
    assert answer.json()["status"] == "mfa_enrolment_required"
    for method, path in [
        ("GET", "/me"),
        ("GET", "/mfa"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/mfa/totp"),
        ("POST", "/auth/mfa/recovery-codes"),
        ("GET", "/auth/api-tokens"),
        ("POST", "/auth/api-tokens"),
    ]:
        refused = await client.request(method, path, json={"name": "x"})
        assert (refused.status_code, refused.json()["code"]) == (403, "mfa_enrolment_required")
    await client.post("/auth/reauthenticate", json={"password": PASSWORD})
    assert (await client.get("/me")).status_code == 403
    assert (await client.get("/auth/mfa")).status_code == 200
    phone = Phone((await client.post("/auth/mfa/totp")).json()["otpauth_uri"], clock)
    assert (await confirm(client, phone.code())).status_code == 200
    assert (await client.get("/me")).status_code == 200
    assert (await client.get("/mfa")).status_code == 200
    clock.advance(MINUTE)
    other = new_client(app)
    assert (await second_step(other, await challenge(other), phone.code())).status_code == 200
    assert (await client.post("/auth/logout")).status_code == 204


async def test_enrolment_is_required_of_apps(
    client: httpx.AsyncClient, grace: User, clock: FrozenClock, required: None
) -> None:
    """Tokens of somebody who has to enrol have no scope and open nothing, claims included."""
    form = {"grant_type": "password", "username": "grace", "password": PASSWORD}
    tokens = (await client.post("/auth/token", data=form)).json()
    assert (tokens["status"], tokens["scope"]) == ("mfa_enrolment_required", "")
    access = bearer(tokens["access_token"])
    for path in ("/me", "/claims", "/auth/token/families"):
        refused = await client.get(path, headers=access)
        assert (refused.status_code, refused.json()["code"]) == (403, "mfa_enrolment_required")
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    tokens = (await client.post("/auth/token", data=refresh)).json()
    assert tokens["status"] == "mfa_enrolment_required"
    access = bearer(tokens["access_token"])
    begun = await client.post("/auth/mfa/totp", headers=access)
    code = Phone(begun.json()["otpauth_uri"], clock).code()
    body = {"code": code}
    answer = await client.post("/auth/mfa/totp/confirm", json=body, headers=access)
    assert answer.status_code == 200
    assert (await client.get("/mfa", headers=access)).status_code == 200
    assert (await client.get("/claims", headers=access)).status_code == 403
    refresh["refresh_token"] = tokens["refresh_token"]
    tokens = (await client.post("/auth/token", data=refresh)).json()
    assert (tokens["status"], tokens["scope"]) == ("signed_in", "admin")
    assert (await client.get("/claims", headers=bearer(tokens["access_token"]))).status_code == 200


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
