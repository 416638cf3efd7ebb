"""Tokens that were narrowed by a scope, or that present no factor, do not manage an account."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    APIToken,
    ConfigurationError,
    JWTAuth,
    Login,
    RefreshFamily,
    SessionAuth,
    TokenAuth,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    install,
    jwt_router,
    mfa_router,
    reauthentication_router,
    require,
    session_router,
    token_router,
)
from piccolo_api_fastapi.errors import StepUpRequired
from piccolo_api_fastapi.testing import FrozenClock, Outbox, race, totp_code
from tests.accounts.conftest import BASE_URL, NEW
from tests.conftest import KEY, PASSWORD, SECRET, bearer, get_tokens, log_in, new_client
from tests.models import Customer

MINUTE = timedelta(minutes=1)

CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "change-password", {"new_password": NEW}),
    ("POST", "change-password", {"new_password": NEW, "current_password": PASSWORD}),
    ("POST", "change-email", {"email": "thief@example.com"}),
    ("PATCH", "me", {"first_name": "owned"}),
    ("DELETE", "me", {}),
    ("DELETE", "me", {"current_password": PASSWORD}),
    ("GET", "mfa", None),
    ("POST", "mfa/totp", None),
    ("POST", "mfa/totp/confirm", {"code": "123456"}),
    ("DELETE", "mfa/totp", None),
    ("POST", "mfa/recovery-codes", None),
    ("GET", "api-tokens", None),
    ("POST", "api-tokens", {"name": "mine"}),
    ("GET", "sessions", None),
    ("DELETE", "sessions", None),
    ("GET", "token/families", None),
]


def build(
    users: Users[User], outbox: Outbox, *, mfa_required: bool = False, **options: Any
) -> FastAPI:
    """An application with every route that manages an account, for sessions and tokens."""
    session, jwt = SessionAuth(users), JWTAuth(users, secret=SECRET)
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    login = Login(users, factors=[totp], mfa_required=mfa_required)
    anyone: Any = AnyOf(session, jwt)
    guard = options.pop("guard", anyone)
    accounts = Accounts(
        users,
        mail=outbox,
        base_url=BASE_URL,
        schemes=[session, jwt],
        guard=guard,
        login=login,
        extra=["first_name"],
    )
    app = FastAPI()
    install(app)
    for router in (
        session_router(session, login, guard=guard),
        jwt_router(jwt, login, guard=guard),
        token_router(TokenAuth(users), guard, within=5 * MINUTE),
        mfa_router(totp, guard),
        reauthentication_router(login, anyone),
        accounts_router(accounts),
    ):
        app.include_router(router, prefix="/auth")
    return app


@pytest.fixture
def scoped(users: Users[User]) -> Users[User]:
    """Users who may read and write movies."""
    return Users(scopes_of=lambda _: ["movies:read", "movies:write"], clock=users.clock)


@pytest.fixture
def app(scoped: Users[User], outbox: Outbox) -> FastAPI:
    """The application."""
    return build(scoped, outbox)


async def ask(
    client: httpx.AsyncClient, change: tuple[str, str, Any], headers: dict[str, str]
) -> tuple[int, str | None]:
    """The status and the code of the answer to a change."""
    method, path, body = change
    answer = await client.request(method, f"/auth/{path}", json=body, headers=headers)
    return answer.status_code, answer.json().get("code") if answer.is_error else None


@pytest.mark.security(60)
async def test_narrowed(client: httpx.AsyncClient, ada: User) -> None:
    """It changes nothing, however fresh, even with the password; it shows whose it is."""
    tokens = await get_tokens(client, scope="movies:read")
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    again = (await client.post("/auth/token", data=refresh)).json()
    before = await User.select(), await RefreshFamily.select(RefreshFamily.revoked_at)
    for token in (tokens, again):
        assert token["scope"] == "movies:read"
        headers = bearer(token["access_token"])
        for change in CHANGES:
            assert await ask(client, change, headers) == (403, "insufficient_scope"), change
        path = f"token/families/{(await RefreshFamily.select())[0]['id']}"
        assert (await ask(client, ("DELETE", path, None), headers))[0] == 403
        assert (await client.get("/auth/me", headers=headers)).json()["username"] == "ada"
    assert before == (await User.select(), await RefreshFamily.select(RefreshFamily.revoked_at))
    assert await TOTPSecret.count() == await APIToken.count() == 0


async def test_narrowed_by_a_refresh(client: httpx.AsyncClient, ada: User) -> None:
    """A refresh that asks for less gives an access token of that scope, and the next one all."""
    tokens = await get_tokens(client)
    assert tokens["scope"] == "account movies:read movies:write"
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    narrowed = (await client.post("/auth/token", data=form | {"scope": "movies:read"})).json()
    rename = "PATCH", "me", {"first_name": "Ada"}
    headers = bearer(narrowed["access_token"])
    assert await ask(client, rename, headers) == (403, "insufficient_scope")
    form["refresh_token"] = narrowed["refresh_token"]
    full = (await client.post("/auth/token", data=form)).json()
    assert await ask(client, rename, bearer(full["access_token"])) == (200, None)


async def test_named_scope(client: httpx.AsyncClient, ada: User) -> None:
    """Who asks for the scope `account` manages the account, and does no more with it."""
    tokens = await get_tokens(client, scope="account")
    assert tokens["scope"] == "account"
    headers = bearer(tokens["access_token"])
    assert await ask(client, ("PATCH", "me", {"first_name": "Ada"}), headers) == (200, None)
    proved = {"new_password": NEW, "current_password": PASSWORD}
    assert await ask(client, ("POST", "change-password", proved), headers) == (204, None)
    body = {"name": "mine", "scopes": ["movies:read"]}
    await reauthenticate(client, headers, NEW)
    refused = await ask(client, ("POST", "api-tokens", body), headers)
    assert refused == (403, "insufficient_scope")


async def reauthenticate(
    client: httpx.AsyncClient, headers: dict[str, str], password: str = PASSWORD
) -> None:
    """Present the password again."""
    body = {"password": password}
    answer = await client.post("/auth/reauthenticate", json=body, headers=headers)
    assert answer.status_code == 204


NEEDS_A_FACTOR = [
    change
    for change in CHANGES
    if change[1] in {"change-password", "change-email", "mfa/totp", "api-tokens"}
    and change[0] == "POST"
    and "current_password" not in (change[2] or {})
] + [("DELETE", "me", {})]


@pytest.mark.security(74)
@pytest.mark.parametrize("change", NEEDS_A_FACTOR, ids=lambda change: f"{change[0]} {change[1]}")
async def test_a_token_is_never_fresh(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock, change: tuple[str, str, Any]
) -> None:
    """The login that issued a token proves nothing: it needs a factor, which counts once."""
    headers = bearer((await get_tokens(client))["access_token"])
    refused = (401, "insufficient_user_authentication")
    assert await ask(client, change, headers) == refused
    await reauthenticate(client, headers)
    if change[1] == "mfa/totp":  # the second step is the change
        begun = await client.post("/auth/mfa/totp", headers=headers)
        code = totp_code(begun.json()["otpauth_uri"], clock.now)
        confirm = "POST", "mfa/totp/confirm", {"code": code}
        assert await ask(client, confirm, headers) == (200, None)
    else:
        assert (await ask(client, change, headers))[0] in {201, 202, 204}
    expected = (401, "invalid_token") if change[0] == "DELETE" else refused
    assert await ask(client, change, headers) == expected


@pytest.mark.security(74)
async def test_a_factor_counts_for_five_minutes(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """After that it must be presented again; a session counts as fresh by its login."""
    headers = bearer((await get_tokens(client))["access_token"])
    await reauthenticate(client, headers)
    clock.advance(5 * MINUTE)
    change = "POST", "change-email", {"email": "new@example.com"}
    assert (await ask(client, change, headers))[0] == 401
    await log_in(client)
    assert await ask(client, change, {}) == (202, None)


@pytest.mark.security(74)
async def test_one_factor_one_change(client: httpx.AsyncClient, ada: User, unlimited: None) -> None:
    """Of 24 changes at once, a factor that was presented once lets one pass."""
    headers = bearer((await get_tokens(client))["access_token"])
    await reauthenticate(client, headers)
    answers = await race(lambda: ask(client, ("POST", "api-tokens", {"name": "mine"}), headers))
    assert answers.count((201, None)) == 1
    assert answers.count((401, "insufficient_user_authentication")) == 23
    assert await APIToken.count() == 1


@pytest.mark.security(74)
async def test_the_second_factor_of_a_token(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A user with an app needs a code of it; the enrolment itself is no proof for a removal."""
    headers = bearer((await get_tokens(client))["access_token"])
    await reauthenticate(client, headers)
    uri = (await client.post("/auth/mfa/totp", headers=headers)).json()["otpauth_uri"]
    body = {"code": totp_code(uri, clock.now)}
    confirmed = await client.post("/auth/mfa/totp/confirm", json=body, headers=headers)
    assert confirmed.status_code == 200
    for change in (("DELETE", "mfa/totp", None), ("POST", "mfa/recovery-codes", None)):
        clock.advance(MINUTE)
        assert (await ask(client, change, headers))[0] == 401
        await reauthenticate(client, headers)
        assert (await ask(client, change, headers))[0] == 401
    body = {"code": totp_code(uri, clock.now)}
    await client.post("/auth/reauthenticate", json=body, headers=headers)
    assert await ask(client, ("DELETE", "mfa/totp", None), headers) == (204, None)


async def test_a_token_that_can_only_enrol(scoped: Users[User], outbox: Outbox, ada: User) -> None:
    """Its login is the proof for the one change it is for, unless it was narrowed."""
    async with new_client(build(scoped, outbox, mfa_required=True)) as client:
        begin = "POST", "mfa/totp", None
        tokens = await get_tokens(client)
        assert tokens["scope"] == "account"
        assert await ask(client, begin, bearer(tokens["access_token"])) == (200, None)
        tokens = await get_tokens(client, scope="movies:read")
        refused = await ask(client, begin, bearer(tokens["access_token"]))
        assert refused == (403, "insufficient_scope")


@pytest.mark.security(20)
@pytest.mark.security(79)
async def test_new_cookies(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Whoever makes new recovery codes or removes the app gets a new cookie; the old is dead."""
    await log_in(client)
    uri = (await client.post("/auth/mfa/totp")).json()["otpauth_uri"]
    body = {"code": totp_code(uri, clock.now)}
    assert (await client.post("/auth/mfa/totp/confirm", json=body)).status_code == 200
    for change in (("POST", "mfa/recovery-codes", None), ("DELETE", "mfa/totp", None)):
        old = dict(client.cookies)
        assert (await ask(client, change, {}))[0] in {200, 204}
        assert old != dict(client.cookies)
        assert (await client.get("/auth/me")).status_code == 200
        async with new_client(client._transport.app) as other:  # type: ignore[attr-defined]
            other.cookies.update(old)
            assert (await other.get("/auth/me")).status_code == 401


async def test_guards(scoped: Users[User], outbox: Outbox, ada: User) -> None:
    """Each router takes a `require(…)` for the routes that manage; `GET /me` asks for none."""
    guard = require(SessionAuth(scoped), scopes=["movies:delete"])
    async with new_client(build(scoped, outbox, guard=guard)) as client:
        headers = bearer((await get_tokens(client))["access_token"])
        await log_in(client)
        for change in CHANGES:
            assert await ask(client, change, {}) == (403, "insufficient_scope"), change
            # This guard reads cookies alone, so it looks at that of the client here too.
            assert (await ask(client, change, headers))[0] == 403
        assert (await client.get("/auth/me")).status_code == 200


def test_settings(session: SessionAuth[User], users: Users[User]) -> None:
    """A guard brings its schemes; it must be of the same users."""
    guard = require(session, mfa=True)
    assert Accounts(users, guard=guard).schemes == (session,)
    with pytest.raises(ConfigurationError):
        Accounts(Users(Customer), guard=guard)  # type: ignore[misc]


@pytest.mark.security(74)
async def test_spent_by_another(client: httpx.AsyncClient, scoped: Users[User], ada: User) -> None:
    """A step-up that another change has used meanwhile is refused."""
    headers = bearer((await get_tokens(client))["access_token"])
    await reauthenticate(client, headers)
    jwt = JWTAuth(scoped, secret=SECRET)
    raw = [(b"authorization", headers["Authorization"].encode())]
    identity = await jwt.identify(HTTPConnection({"type": "http", "headers": raw}))
    assert identity.step_ups
    await jwt.spend_step_ups(identity)
    with pytest.raises(StepUpRequired):
        await jwt.spend_step_ups(identity)
