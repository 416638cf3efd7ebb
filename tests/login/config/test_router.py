"""`GET /config`: what front ends are told is what the application has mounted, and no secret."""

from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    Captcha,
    ConfigurationError,
    ConsoleMail,
    EmailCode,
    HCaptcha,
    JWTAuth,
    Login,
    PasswordPolicy,
    ReCaptchaV2,
    ReCaptchaV3,
    SessionAuth,
    TokenAuth,
    Turnstile,
    User,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    config_router,
    install,
    jwt_router,
    mfa_router,
    reauthentication_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.scheme import Scheme
from tests.conftest import KEY, SECRET, new_client, reaches_no_sql
from tests.models import Customer

pytestmark = reaches_no_sql

SITE_KEY = "10000000-ffff-ffff-ffff-000000000001"


async def config_of(app: FastAPI, path: str = "/auth/config", **options: Any) -> Any:
    """What an application tells front ends."""
    transport = httpx.ASGITransport(app, **options)
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def send(_: Any, __: str) -> None:
    """Send no code."""


def full(users: Users[User]) -> FastAPI:
    """An application with all routers, and a CAPTCHA of its own on each."""
    app = FastAPI()
    install(app)
    session, jwt, token = SessionAuth(users), JWTAuth(users, secret=SECRET), TokenAuth(users)
    encryption, guard = XChaCha20Poly1305(KEY), AnyOf(session, jwt)
    totp = TOTP(users, encryption=encryption, issuer="Movies")
    codes = EmailCode(users, send=send, encryption=encryption)
    login = Login(users, factors=[totp, codes])
    accounts = Accounts(
        users, mail=ConsoleMail(), base_url="https://a.test", schemes=[session, jwt], login=login
    )
    for router in (
        session_router(session, login, captcha=ReCaptchaV3("a secret", action="login")),
        jwt_router(jwt, login, captcha=HCaptcha("a secret", site_key=SITE_KEY)),
        token_router(token, guard),
        mfa_router(totp, guard),
        reauthentication_router(login, guard),
        accounts_router(accounts, captcha=Turnstile("a secret", site_key="0x4AAA", action="x")),
        config_router(guard),
    ):
        app.include_router(router, prefix="/auth")
    return app


async def test_all(users: Users[User]) -> None:
    """The ways in, the factors with their companions, and the rules are those of the objects."""
    told = await config_of(full(users))
    assert told["ways_in"] == [
        {"operation": "log_in", "factor": "password", "issues": "session"},
        {"operation": "create_token", "factor": "password", "issues": "tokens"},
    ]
    assert told["factors"] == [
        {"name": "totp", "sends_code": False},
        {"name": "recovery_code", "sends_code": False},
        {"name": "email_code", "sends_code": True},
    ]
    assert told["mfa_required"] == "never"
    assert told["password"] == {
        "minimum_length": 8,
        "maximum_length": 128,
        "refuses_leaked": False,
    }


async def test_links(users: Users[User]) -> None:
    """The links are the prebuilt operations of the document, by their names."""
    app = full(users)
    expected = {
        (entry["operationId"], method.upper(), path)
        for path, item in app.openapi()["paths"].items()
        for method, entry in item.items()
    }
    links = (await config_of(app))["links"]
    assert {(name, link["method"], link["href"]) for name, link in links.items()} == expected
    assert links["end_session"]["href"] == "/auth/sessions/{session_id}"


async def test_captchas(users: Users[User]) -> None:
    """Each route names the CAPTCHA that it checks, by what a page needs; others have none."""
    links = (await config_of(full(users)))["links"]
    header = {"header": "Captcha-Response"}
    turnstile = {"vendor": "turnstile", "site_key": "0x4AAA", "action": "x", **header}
    assert {name: link["captcha"] for name, link in links.items() if link["captcha"]} == {
        "log_in": {"vendor": "recaptcha_v3", "site_key": None, "action": "login", **header},
        "create_token": {"vendor": "hcaptcha", "site_key": SITE_KEY, "action": None, **header},
        "register": turnstile,
        "forgot_password": turnstile,
    }


@pytest.mark.parametrize(
    ("captcha", "vendor"),
    [
        (Captcha(lambda *_: True, site_key="own"), "custom"),
        (ReCaptchaV2("a secret", site_key="own"), "recaptcha_v2"),
        (lambda: None, None),
    ],
)
async def test_other_captchas(users: Users[User], captcha: Any, vendor: str | None) -> None:
    """A CAPTCHA of one's own has a site key, too. Of any other dependency nothing is known."""
    app, session = FastAPI(), SessionAuth(users)
    app.include_router(session_router(session, captcha=captcha), prefix="/auth")
    app.include_router(config_router(session), prefix="/auth")
    told = (await config_of(app))["links"]["log_in"]["captcha"]
    assert (told and (told["vendor"], told["site_key"])) == (vendor and (vendor, "own"))


async def test_everybody_may_ask(users: Users[User], statements: list[str]) -> None:
    """It needs no login and no statement, may be cached, and holds no secret."""
    async with new_client(full(users)) as client:
        statements.clear()
        answer = await client.get("/auth/config")
    assert (answer.status_code, statements) == (200, [])
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "vary" not in answer.headers
    for secret in (SECRET, KEY, "a secret", "base_url", "a.test"):
        assert secret not in answer.text


async def test_an_application_guarded_as_a_whole(session: SessionAuth[User]) -> None:
    """Nor does it need a login where all else does."""
    app = FastAPI(dependencies=[Depends(session)])
    app.include_router(config_router(session), prefix="/auth")
    assert (await config_of(app))["links"].keys() == {"get_config"}


@pytest.mark.parametrize(
    ("required", "expected"),
    [(False, "never"), (True, "always"), (lambda user: user.admin, "depends")],
)
async def test_who_must_have_a_factor(users: Users[User], required: Any, expected: str) -> None:
    """Whether users must have a second factor may depend on the user."""
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    login, session = Login(users, factors=[totp], mfa_required=required), SessionAuth(users)
    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(config_router(session), prefix="/auth")
    assert (await config_of(app))["mfa_required"] == expected


async def test_no_way_in(database: Any) -> None:
    """An application without a login has none, and the rules of its users."""
    policy = PasswordPolicy(minimum=15, breach_check=lambda _: False)
    app = FastAPI()
    app.include_router(config_router(SessionAuth(Users(policy=policy))), prefix="/auth")
    told = await config_of(app)
    assert (told["ways_in"], told["factors"], told["mfa_required"]) == ([], [], "never")
    assert told["password"]["minimum_length"] == 15
    assert told["password"]["refuses_leaked"] is True
    assert told["links"].keys() == {"get_config"}


async def test_below_other_paths(users: Users[User]) -> None:
    """Paths are those that the browser asks for: below a mount, and below that of a proxy."""
    app = FastAPI()
    app.mount("/site", full(users))
    told = await config_of(app, "/site/auth/config")
    assert told["links"]["log_in"]["href"] == "/site/auth/login"
    told = await config_of(full(users), root_path="/api")
    assert told["links"]["log_in"]["href"] == "/api/auth/login"


async def test_two_user_tables(users: Users[User]) -> None:
    """Each user table has a document of its own, under one name each."""
    app = FastAPI()
    install(app)
    shop = Users(Customer, policy=PasswordPolicy(minimum=12))
    own, session = SessionAuth(users), SessionAuth(shop, name="shop")
    for prefix, routers in {
        "/auth": (session_router(own), config_router(own)),
        "/shop": (session_router(session), config_router(session)),
    }.items():
        for router in routers:
            app.include_router(router, prefix=prefix)
    told, theirs = await config_of(app), await config_of(app, "/shop/config")
    assert told["links"].keys() == theirs["links"].keys()
    assert told["links"]["log_in"]["href"] == "/auth/login"
    assert theirs["links"]["log_in"]["href"] == "/shop/login"
    assert [each["password"]["minimum_length"] for each in (told, theirs)] == [8, 12]
    paths = app.openapi()["paths"]
    assert paths["/shop/config"]["get"]["operationId"] == "shop_get_config"


def test_openapi(users: Users[User]) -> None:
    """Everybody may ask, and the answer is typed, with an example."""
    document = full(users).openapi()
    entry = document["paths"]["/auth/config"]["get"]
    assert "security" not in entry
    assert set(entry["responses"]) == {"200", "413", "503"}
    assert document["components"]["schemas"]["ConfigOut"]["examples"]


def test_a_guard_without_users(users: Users[User]) -> None:
    """A guard that says nothing of its users can't be described."""

    class Door(Scheme[User]):
        transport, challenge, documented_errors = "header", "Door", ()
        scheme_name, model = "Door", SessionAuth(users).model

        async def authenticate(self, connection: Any) -> Identity[User] | None:  # noqa: ARG002
            return None

    with pytest.raises(ConfigurationError, match="needs a scheme with users"):
        config_router(Door())
