"""After a link or a code a second factor is asked for, and never the mailbox again."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    AccountLimits,
    AuthEvent,
    ConfigurationError,
    EmailCode,
    EmailLogin,
    Login,
    RefreshFamily,
    Session,
    SessionAuth,
    User,
    Users,
    XChaCha20Poly1305,
    config_router,
    email_login_router,
)
from piccolo_api_fastapi.access.step_up import MULTI_FACTOR, SINGLE_FACTOR, acr, amr, read_factors
from piccolo_api_fastapi.accounts import Accounts
from piccolo_api_fastapi.errors import Forbidden
from piccolo_api_fastapi.testing import FrozenClock, Outbox, totp_code
from tests.accounts.conftest import BASE_URL, MakeApp
from tests.accounts.email_login.conftest import (
    ask,
    ask_by_app,
    code,
    link,
    press,
    type_code,
    type_in_app,
)
from tests.conftest import KEY, new_client
from tests.models import Customer, Member


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """Authenticator apps."""
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


@pytest.fixture
def email_code(users: Users[User], outbox: Outbox) -> EmailCode:
    """Codes by mail, which every user with an address has."""
    return EmailCode(users, mail=outbox, encryption=XChaCha20Poly1305(KEY))


async def enrol(totp: TOTP, user: User, clock: FrozenClock) -> str:
    """Enrol an authenticator app. Returns its URI."""
    enrolment = await totp.begin(user)
    await totp.confirm(user, totp_code(enrolment.uri, clock.now))
    clock.advance(timedelta(minutes=1))
    return enrolment.uri


@pytest.mark.security(172)
@pytest.mark.parametrize("kind", ["link", "code"])
async def test_in_a_browser(
    users: Users[User],
    make_app: MakeApp,
    ada: User,
    outbox: Outbox,
    totp: TOTP,
    email_code: EmailCode,
    clock: FrozenClock,
    kind: str,
) -> None:
    """A link or a code alone starts no session, and a code by mail is not offered."""
    app = make_app(login=Login(users, factors=[totp, email_code]))
    uri = await enrol(totp, ada, clock)
    async with new_client(app) as client:
        await ask(client)
        sent = len(outbox.messages)
        answer = await (
            press(client, link(outbox)) if kind == "link" else type_code(client, code(outbox))
        )
        body = answer.json()
        assert (body["status"], body["methods"][:1]) == ("mfa_required", ["totp"])
        assert "email_code" not in body["methods"]
        assert await Session.count() == 0
        assert len(outbox.messages) == sent
        step = {"challenge": body["challenge"], "code": totp_code(uri, clock.now)}
        sending = {"challenge": body["challenge"], "method": "email_code"}
        answer = await client.post("/auth/login/mfa/send", json=sending)
        assert answer.status_code == 401
        assert (await client.post("/auth/login/mfa", json=step)).json()["status"] == "signed_in"
    [session] = await Session.objects()
    factors = read_factors(session.factors)
    assert set(factors) == {"email_link" if kind == "link" else "email_code_login", "totp"}
    assert (acr(factors), amr(factors)) == (MULTI_FACTOR, ("otp", "mfa"))


@pytest.mark.security(172)
async def test_in_an_app(
    users: Users[User],
    make_app: MakeApp,
    ada: User,
    outbox: Outbox,
    totp: TOTP,
    email_code: EmailCode,
    clock: FrozenClock,
) -> None:
    """Likewise, in the form of the token endpoint."""
    app = make_app(login=Login(users, factors=[email_code, totp]))
    uri = await enrol(totp, ada, clock)
    async with new_client(app) as client:
        login = await ask_by_app(client)
        answer = await type_in_app(client, login, code(outbox))
        body = answer.json()
        assert (answer.status_code, body["error"]) == (403, "mfa_required")
        assert body["methods"][:1] == ["totp"]
        assert "email_code" not in body["methods"]
        assert await RefreshFamily.count() == 0
        step = {"challenge": body["challenge"], "code": totp_code(uri, clock.now)}
        answer = await client.post("/auth/token/mfa", json=step)
        assert answer.status_code == 200


@pytest.mark.security(172)
@pytest.mark.security(174)
async def test_only_the_mailbox(
    users: Users[User], make_app: MakeApp, ada: User, outbox: Outbox, email_code: EmailCode
) -> None:
    """A user whose only second factor is the mailbox is signed in by one factor, and so it says."""
    app = make_app(login=Login(users, factors=[email_code]))
    async with new_client(app) as client:
        await ask(client)
        assert (await press(client, link(outbox))).json()["status"] == "signed_in"
    [session] = await Session.objects()
    assert acr(read_factors(session.factors)) == SINGLE_FACTOR


@pytest.mark.security(172)
async def test_a_required_factor(
    users: Users[User], make_app: MakeApp, ada: User, outbox: Outbox, totp: TOTP
) -> None:
    """Who must have a second factor and has none may only enrol one."""
    app = make_app(login=Login(users, factors=[totp], mfa_required=True))
    async with new_client(app) as client:
        await ask(client)
        answer = await press(client, link(outbox))
        assert answer.json()["status"] == "mfa_enrolment_required"
        assert (await client.get("/auth/me")).status_code == 403


@pytest.mark.security(172)
@pytest.mark.parametrize("required", [True, lambda _: True])
def test_a_factor_that_never_counts(
    users: Users[User], make_app: MakeApp, email_code: EmailCode, required: Any
) -> None:
    """`mfa_required` with no factor but the mailbox is refused when the router is made."""
    with pytest.raises(ConfigurationError, match="beside the mailbox"):
        make_app(login=Login(users, factors=[email_code], mfa_required=required))


def test_other_users(
    users: Users[User], session: SessionAuth[User], outbox: Outbox, database: object
) -> None:
    """The accounts, the login and the scheme must have one user table."""
    accounts = Accounts(users, mail=outbox, base_url=BASE_URL)
    others: Login[Any] = Login(Users(Customer))
    with pytest.raises(ConfigurationError, match="same user table"):
        email_login_router(EmailLogin(accounts), others, session)
    scheme: Any = SessionAuth(Users(Customer))
    with pytest.raises(ConfigurationError, match="same user table"):
        email_login_router(EmailLogin(accounts), Login(users), scheme)


async def test_hooks(
    users: Users[User], make_app: MakeApp, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """A hook of the login may refuse; the link is used up."""
    login = Login(users, before=[lambda attempt: f"No {attempt.factor}."])
    async with new_client(make_app(login=login)) as client:
        await ask(client)
        answer = await press(client, link(outbox))
        assert (answer.status_code, answer.json()["detail"]) == (403, "No email_link.")
        assert (await press(client, link(outbox))).status_code == 401


async def test_what_is_mounted(
    make_app: MakeApp, users: Users[User], session: SessionAuth[User], email_code: EmailCode
) -> None:
    """OpenAPI documents the routes of each scheme, and `GET /config` the ways in."""
    login = Login(users, factors=[email_code])
    app = make_app(login=login)
    app.include_router(config_router(session), prefix="/auth")
    document = app.openapi()["paths"]
    mounted = {
        path: {method: entry["operationId"] for method, entry in item.items()}
        for path, item in document.items()
        if path.startswith(("/auth/login/email", "/auth/token/email"))
    }
    assert mounted == {
        "/auth/login/email": {"post": "request_login_by_email"},
        "/auth/login/email/link": {"post": "log_in_by_email_link"},
        "/auth/login/email/code": {"post": "log_in_by_email_code"},
        "/auth/token/email": {"post": "request_token_by_email"},
        "/auth/token/email/code": {"post": "create_token_by_email_code"},
    }
    statuses = {path: " ".join(sorted(document[path]["post"]["responses"])) for path in mounted}
    assert statuses == {
        "/auth/login/email": "202 403 413 415 422 429 503",
        "/auth/login/email/link": "200 401 403 413 415 422 429 503",
        "/auth/login/email/code": "200 401 403 413 415 422 429 503",
        "/auth/token/email": "202 400 413 415 429 503",
        "/auth/token/email/code": "200 400 403 413 415 429 503",
    }
    async with new_client(app) as client:
        config = (await client.get("/auth/config")).json()
    ways = {way["operation"]: (way["factor"], way["issues"]) for way in config["ways_in"]}
    assert ways == {
        "log_in": ("password", "session"),
        "create_token": ("password", "tokens"),
        "log_in_by_email_link": ("email_link", "session"),
        "log_in_by_email_code": ("email_code_login", "session"),
        "create_token_by_email_code": ("email_code_login", "tokens"),
    }
    assert config["links"]["request_login_by_email"]["href"] == "/auth/login/email"


@pytest.mark.parametrize("table", [Customer, Member])
async def test_a_user_table_of_ones_own(
    database: object, outbox: Outbox, clock: FrozenClock, table: Any
) -> None:
    """Keys may be UUIDs, by whatever name; links and codes work, and sign up as well."""
    users: Users[Any] = Users(table, clock=clock)
    session, login = SessionAuth(users), Login(users)
    accounts = Accounts(users, mail=outbox, base_url=BASE_URL, schemes=[session])
    app = FastAPI()
    email_login = EmailLogin(accounts, sign_up=True)
    app.include_router(email_login_router(email_login, login, session), prefix="/auth")
    for kind in ("link", "code"):
        async with new_client(app) as client:
            await ask(client)
            used = (
                press(client, link(outbox)) if kind == "link" else type_code(client, code(outbox))
            )
            assert (await used).json()["status"] == "signed_in"
        clock.advance(timedelta(minutes=1))
    assert await table.count() == 1


async def test_a_captcha(users: Users[User], session: SessionAuth[User], outbox: Outbox) -> None:
    """It is asked for before mail is sent."""

    async def captcha() -> None:
        raise Forbidden

    accounts = Accounts(users, mail=outbox, base_url=BASE_URL, schemes=[session])
    router = email_login_router(EmailLogin(accounts), Login(users), session, captcha=captcha)
    app = FastAPI()
    app.include_router(router, prefix="/auth")
    async with new_client(app) as client:
        assert (await ask(client)).status_code == 403
    assert outbox.messages == []


@pytest.mark.security(171)
async def test_right_codes_are_not_limited(
    users: Users[User],
    make_app: MakeApp,
    ada: User,
    outbox: Outbox,
    totp: TOTP,
    clock: FrozenClock,
) -> None:
    """A right code does not count for the address of the client, whatever must follow it."""
    limits = AccountLimits(mail_by_address=None, login_by_account=None)
    accounts = Accounts(users, mail=outbox, base_url=BASE_URL, limits=limits)
    app = make_app(login=Login(users, factors=[totp]), accounts=accounts)
    await enrol(totp, ada, clock)
    async with new_client(app) as client:
        for _ in range(25):
            login = await ask_by_app(client)
            answer = await type_in_app(client, login, code(outbox))
            assert answer.json()["error"] == "mfa_required"
            clock.advance(timedelta(minutes=15))
