"""Schemathesis sends all routers what their OpenAPI allows and what it forbids."""

from datetime import timedelta
from typing import Annotated, Any

import pytest
import schemathesis
from fastapi import Depends, FastAPI, Security
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import allow_header_conformance, unsupported_method

from piccolo_api_fastapi import (
    OIDC,
    TOTP,
    Accounts,
    AnyOf,
    Cookie,
    EmailLogin,
    Identity,
    JWTAuth,
    Login,
    Passkeys,
    Roles,
    SessionAuth,
    SocialLogin,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    email_login_router,
    install,
    jwt_router,
    mfa_router,
    oauth_router,
    optional,
    passkey_login_router,
    passkey_router,
    reauthentication_router,
    require,
    roles_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import KEY, PASSWORD, SECRET, bearer, get_tokens, log_in, new_client
from tests.pooled import OpensPools

roles = Roles({"manager": ["roles:manage", "movies:read"], "reader": ["movies:read"]})
users = Users(roles=roles, scopes_of=lambda user: ["read", "write"] if user.admin else ["read"])
session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
jwt = JWTAuth(users, secret=SECRET, websocket_tickets=timedelta(seconds=30))
token = TokenAuth(users)
totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
passkeys = Passkeys(users, rp_id="localhost", rp_name="Movies", origins=["http://localhost"])
login = Login(users, factors=[totp, passkeys])
person = AnyOf(session, jwt)
current_user = AnyOf(session, jwt, token)
accounts = Accounts(
    users,
    mail=Outbox(),
    base_url="https://app.example.com",
    schemes=[session, jwt],
    login=login,
    extra=["first_name", "last_name"],
    active_before_verified=True,
)

email_login = EmailLogin(accounts)
provider = OIDC(issuer="https://127.0.0.1:9", client_id="movies", client_secret="a secret")
social = SocialLogin(
    accounts,
    [provider],
    base_url="https://app.example.com",
    paths={"mfa": "/login/mfa"},
    apps={"ios": "com.example.movies://callback"},
)

app = FastAPI()
install(app, check_tables=False)  # the database comes with the tests
for router in (
    session_router(session, login),
    jwt_router(jwt, login),
    reauthentication_router(login, person),
    mfa_router(totp, person),
    passkey_router(passkeys, current_user),
    passkey_login_router(passkeys, login, session),
    passkey_login_router(passkeys, login, jwt),
    email_login_router(email_login, login, session),
    email_login_router(email_login, login, jwt),
    oauth_router(social, login, session, jwt=jwt),
    token_router(token, person),
    accounts_router(accounts),
    roles_router(roles, current_user),
):
    app.include_router(router, prefix="/auth")


@app.get("/me")
async def me(user: Annotated[User, Depends(current_user)]) -> str:
    """For users."""
    return user.username


@app.get("/hello")
async def hello(user: Annotated[User | None, Depends(optional(current_user))]) -> bool:
    """For everybody."""
    return user is not None


@app.get("/admin")
async def admin(user: Annotated[User, Depends(require(current_user, admin=True))]) -> str:
    """For administrators."""
    return user.username


@app.get("/reports")
async def reports(user: Annotated[User, Security(current_user, scopes=["read"])]) -> str:
    """For those with a scope."""
    return user.username


@app.get("/whoami")
async def whoami(identity: Annotated[Identity[User], Depends(current_user.identity)]) -> str:
    """How the user came."""
    return identity.scheme


app.add_middleware(OpensPools)

PLAIN = (
    r"^/(me|hello|admin|reports|whoami|auth/(login|logout|token|sessions))\b"
    r"(?!/(mfa|send|passkey|email|oauth))"
)
"""Routes whose OpenAPI says all that they ask for: what it allows is accepted."""


def make_schema(*expected: str, **generation: Any) -> Any:
    """The operations, and what an answer to valid data may be instead of a success."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    schema.config.checks.negative_data_rejection.expected_statuses = ["4xx", "5xx"]
    if expected:
        schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", *expected]
    schema.config.generation.update(**generation)
    return schema


# What a schema can't say: a NUL is a 422 here, and a form that repeats a parameter a 400
# (RFC 6749 section 3.2). Strangers send both. Secrets can't be guessed, addresses and dates have
# more rules than a schema says, and the eleventh token is a 409.
anything = make_schema("400", "401", "403", "404", "409", "422", "429")
known: dict[str, Any] = {"allow_x00": False, "with_security_parameters": False}
plain = make_schema(**known).include(path_regex=PLAIN)
others = make_schema("400", "401", "403", "404", "409", "422", "429", **known).exclude(
    path_regex=PLAIN
)
for_machines = make_schema("400", "401", "403", "404", "409", "422", **known).include(
    path_regex="api-tokens|^/me|^/whoami"
)


@plain.hook  # type: ignore[untyped-decorator]
def filter_body(_: Any, body: Any) -> bool:
    """Leave out forms that repeat a parameter."""
    return not (
        isinstance(body, dict) and any(isinstance(item, list | dict) for item in body.values())
    )


def beside(case: Any) -> list[Any]:
    """The checks that fail for a path which another path, with more methods, matches as well."""
    checks = [unsupported_method, allow_header_conformance]
    return checks if case.path in {"/auth/passkeys/options", "/auth/oauth/accounts"} else []


bounded = settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

pytestmark = [
    pytest.mark.security(107),
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("unlimited"),
    pytest.mark.parametrize("database", ["postgres"], indirect=True),  # it takes less than SQLite
]


@pytest.fixture
async def headers(pooled: None) -> dict[str, dict[str, str]]:
    """What an administrator sends, by each scheme."""
    ada = await users.create("ada", PASSWORD, email="ada@example.com", admin=True)
    await roles.sync()
    await roles.grant(ada, "manager")
    async with new_client(app) as client:
        await log_in(client)
        cookies = "; ".join(f"{name}={text}" for name, text in client.cookies.items())
        tokens = await get_tokens(client)
    machine = (await token.create(ada, "report", scopes=["read"])).secret
    return {
        "cookie": {"Cookie": cookies},
        "jwt": bearer(tokens["access_token"]),
        "machine": bearer(machine),
    }


@anything.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_strangers(case: Any, pooled: None) -> None:
    """Whatever a stranger sends, bad credentials too: no 5xx, and nothing undocumented."""
    case.call_and_validate(excluded_checks=beside(case))


@pytest.mark.parametrize("scheme", ["cookie", "jwt"])
@plain.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_plain_routes(case: Any, headers: dict[str, dict[str, str]], scheme: str) -> None:
    """Whatever a user sends: no 5xx, nothing undocumented, and what is valid is accepted."""
    case.call_and_validate(headers=headers[scheme])


@others.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_other_routes(case: Any, headers: dict[str, dict[str, str]]) -> None:
    """Whatever a user sends: no 5xx, and nothing undocumented."""
    case.call_and_validate(headers=headers["cookie"], excluded_checks=beside(case))


@for_machines.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_machines(case: Any, headers: dict[str, dict[str, str]]) -> None:
    """Whatever a machine sends: no 5xx, and nothing undocumented."""
    case.call_and_validate(headers=headers["machine"])
