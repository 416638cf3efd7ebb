"""Piccolo Admin asks for the second factors of this library, by `AdminMFA`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from piccolo.table import create_db_tables, drop_db_tables
from piccolo_admin.endpoints import create_admin
from piccolo_api.rate_limiting.middleware import InMemoryLimitProvider
from piccolo_api.session_auth.tables import SessionsBase

from piccolo_api_fastapi import (
    TOTP,
    ConfigurationError,
    EmailCode,
    Login,
    LoginLimits,
    RecoveryCode,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
    generate_key,
)
from piccolo_api_fastapi.piccolo_app.piccolo_admin import ELSEWHERE, AdminMFA
from piccolo_api_fastapi.testing import FrozenClock, race, totp_code
from tests.conftest import KEY, PASSWORD, new_client, reaches_no_sql


@pytest.fixture(autouse=True)
async def sessions_of_the_admin(database: Any, undeclared: None) -> AsyncIterator[None]:
    """The table in which Piccolo Admin keeps its sessions."""
    await create_db_tables(SessionsBase)
    yield
    await drop_db_tables(SessionsBase)


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """Authenticators of the application."""
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


@asynccontextmanager
async def open_admin(provider: AdminMFA) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Piccolo Admin with the provider, which has the token against CSRF."""
    app: Any = create_admin(
        tables=[User],
        auth_table=User,
        production=True,
        allowed_hosts=["testserver"],
        mfa_providers=[provider],
        rate_limit_provider=InMemoryLimitProvider(limit=1000, timespan=300),
    )
    async with new_client(app) as client:
        await client.get("/public/meta/")
        client.headers["referer"] = "https://testserver/"
        client.headers["x-csrftoken"] = client.cookies["csrftoken"]
        yield client


@pytest.fixture
async def admin(users: Users[User], totp: TOTP) -> AsyncIterator[httpx.AsyncClient]:
    """Piccolo Admin, which asks for the authenticators."""
    async with open_admin(AdminMFA(Login(users, factors=[totp]))) as client:
        yield client


async def log_in(admin: httpx.AsyncClient, code: Any = None) -> httpx.Response:
    """Log grace in as the page of Piccolo Admin does."""
    body = {"username": "grace", "password": PASSWORD}
    return await admin.post(
        "/public/login/", json=body if code is None else {**body, "mfa_code": code}
    )


async def enrol(totp: TOTP, user: User, clock: FrozenClock) -> tuple[str, list[str]]:
    """Set an authenticator up; its URI and the recovery codes. The first code is used up."""
    uri = (await totp.begin(user)).uri
    codes = await totp.confirm(user, totp_code(uri, clock.now))
    clock.advance(timedelta(seconds=30))
    return uri, codes


@pytest.mark.security(76)
async def test_login(admin: httpx.AsyncClient, totp: TOTP, grace: User, clock: FrozenClock) -> None:
    """The password alone opens nothing; the code of the app does, once."""
    uri, _ = await enrol(totp, grace, clock)
    answer = await log_in(admin)
    assert (answer.status_code, answer.json()["detail"]) == (401, "MFA code required")
    assert await SessionsBase.count() == 0
    code = totp_code(uri, clock.now)
    assert (await log_in(admin, code)).json() == {"message": "logged in"}
    assert (await admin.get("/api/user/")).json()["username"] == "grace"
    assert (await log_in(admin, code)).json()["detail"] == "MFA failed"
    clock.advance(timedelta(seconds=30))
    assert (await log_in(admin, totp_code(uri, clock.now))).status_code == 200
    assert await SessionsBase.count() == 2


@pytest.mark.security(67)
async def test_one_code_once(
    admin: httpx.AsyncClient, totp: TOTP, grace: User, clock: FrozenClock
) -> None:
    """Of 24 logins at once with one code, one gets a session."""
    uri, _ = await enrol(totp, grace, clock)
    code = totp_code(uri, clock.now)
    answers: list[Any] = await race(lambda: log_in(admin, code), 24)
    assert [answer.status_code for answer in answers].count(200) == 1
    assert await SessionsBase.count() == 1


async def test_recovery_codes(
    admin: httpx.AsyncClient, totp: TOTP, grace: User, clock: FrozenClock
) -> None:
    """A recovery code works once, however it is typed."""
    _, codes = await enrol(totp, grace, clock)
    assert (await log_in(admin, codes[0])).status_code == 200
    assert (await log_in(admin, codes[0])).status_code == 401
    assert (await log_in(admin, codes[1].lower().replace("-", " "))).status_code == 200
    assert await RecoveryCode.count().where(RecoveryCode.used_at.is_not_null()) == 2


@pytest.mark.security(70)
async def test_guesses(users: Users[User], totp: TOTP, grace: User, clock: FrozenClock) -> None:
    """Wrong codes at Piccolo Admin count with those at the login: the right one has to wait."""
    uri, codes = await enrol(totp, grace, clock)
    by_database_only = LoginLimits(address=None, account=None)
    login = Login(users, factors=[totp], limits=by_database_only)
    async with open_admin(AdminMFA(login)) as admin:
        for wrong in ("000000", "", "a", 123456, ["000000"], {"a": 1}, "1" * 129):
            assert (await log_in(admin, wrong)).json()["detail"] == "MFA failed"
        statuses = [(await log_in(admin, "000000")).status_code for _ in range(5)]
        assert statuses[-1] == 429
        answer = await log_in(admin, totp_code(uri, clock.now))
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
        assert await SessionsBase.count() == 0
        assert (await log_in(admin, codes[0])).status_code == 200


async def test_disabled(
    admin: httpx.AsyncClient, totp: TOTP, grace: User, clock: FrozenClock
) -> None:
    """A factor that is disabled after too many wrong codes opens nothing."""
    uri, _ = await enrol(totp, grace, clock)
    await TOTPSecret.update({TOTPSecret.failed_count: 1000}, force=True)
    answer = await log_in(admin, totp_code(uri, clock.now))
    assert (answer.status_code, answer.json()["detail"]) == (401, "MFA failed")


@reaches_no_sql
async def test_unreadable(users: Users[User], totp: TOTP, grace: User, clock: FrozenClock) -> None:
    """Without the key of the secrets nobody who has a second factor gets in."""
    uri, _ = await enrol(totp, grace, clock)
    other = TOTP(users, encryption=XChaCha20Poly1305(generate_key()), issuer="Movies")
    async with open_admin(AdminMFA(Login(users, factors=[other]))) as admin:
        assert (await log_in(admin, totp_code(uri, clock.now))).status_code == 503
        assert await SessionsBase.count() == 0


async def test_without_a_factor(users: Users[User], totp: TOTP, grace: User) -> None:
    """A user without a second factor logs in by password, unless the login requires one."""
    async with open_admin(AdminMFA(Login(users, factors=[totp]))) as admin:
        assert (await log_in(admin)).status_code == 200
    login = Login(users, factors=[totp], mfa_required=lambda user: bool(user.admin))
    async with open_admin(AdminMFA(login)) as admin:
        answer = await log_in(admin)
        assert (answer.status_code, "id" in admin.cookies) == (403, False)
        assert answer.json()["detail"] == "Please set up a second factor first."


async def test_codes_by_mail(users: Users[User], grace: User) -> None:
    """A factor whose codes are sent sends one after the password, and none before it."""
    sent: list[str] = []

    async def send(user: Any, code: str) -> None:
        sent.append(code)

    mail = EmailCode(users, send=send, encryption=XChaCha20Poly1305(KEY))
    async with open_admin(AdminMFA(Login(users, factors=[mail]))) as admin:
        body = {"username": "grace", "password": "another horse battery"}
        assert (await admin.post("/public/login/", json=body)).status_code == 401
        assert sent == []
        answer = await log_in(admin)
        assert answer.json()["detail"] == "MFA code required (we sent you a code)"
        [code] = sent
        assert (await log_in(admin, code)).status_code == 200
        assert (await log_in(admin, code)).status_code == 401


@pytest.mark.security(74)
async def test_set_up_and_removal(
    users: Users[User], totp: TOTP, grace: User, clock: FrozenClock
) -> None:
    """Piccolo Admin says where; a password alone neither sets a factor up nor removes it."""
    provider = AdminMFA(Login(users, factors=[totp]), manage_at='/account?a="b"&c')
    form = {"action": "register", "password": PASSWORD}
    async with open_admin(provider) as admin:
        await log_in(admin)
        page = (await admin.post("/api/mfa-setup/", json=form)).text
        assert ELSEWHERE in page
        assert 'href="/account?a=&quot;b&quot;&amp;c"' in page
        answer = await admin.post("/api/mfa-setup/", json={**form, "format": "json"})
        assert answer.json() == {"detail": ELSEWHERE, "manage_at": '/account?a="b"&c'}
        assert await TOTPSecret.count() == 0
        await enrol(totp, grace, clock)
        answer = await admin.post("/api/mfa-setup/", json={**form, "action": "revoke"})
        assert (answer.status_code, answer.json()["detail"]) == (403, ELSEWHERE)
        assert await totp.is_enrolled(grace)
    assert "href" not in await AdminMFA(provider.login).get_registration_html(grace)


@reaches_no_sql
async def test_configuration(users: Users[User], totp: TOTP) -> None:
    """A login without factors has nothing to ask for; with them, the password comes first."""
    with pytest.raises(ConfigurationError, match="needs a second factor"):
        AdminMFA(Login(users))
    assert User.asks_afterwards == frozenset()
    AdminMFA(Login(users, factors=[totp]))
    assert User.asks_afterwards == {"totp", "recovery_code"}
