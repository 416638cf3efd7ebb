"""A database that piccolo-api 1.11 made with its migrations and filled by its endpoints."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from piccolo.apps.user.tables import BaseUser
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo_admin.endpoints import create_admin
from pyotp.totp import TOTP as PhoneApp  # noqa: N811 - not ours
from starlette.middleware.authentication import AuthenticationMiddleware

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    Cookie,
    JWTAuth,
    Login,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    generate_key,
    install,
    jwt_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.piccolo_app.piccolo_admin import AdminMFA
from piccolo_api_fastapi.testing import cheap_pbkdf2_hasher
from tests.conftest import (
    PASSWORD,
    PG,
    SECRET,
    bearer,
    get_tokens,
    log_in,
    new_client,
    use_engine,
)
from tests.integration.command_line import run_command
from tests.integration.test_migrations import Project

pytestmark = pytest.mark.slow

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from piccolo_api.encryption.providers import XChaCha20Provider
    from piccolo_api.jwt_auth.endpoints import jwt_login
    from piccolo_api.jwt_auth.middleware import JWTMiddleware
    from piccolo_api.mfa.authenticator.provider import AuthenticatorProvider
    from piccolo_api.mfa.authenticator.tables import AuthenticatorSecret
    from piccolo_api.session_auth.endpoints import session_login
    from piccolo_api.session_auth.middleware import SessionsAuthBackend
    from piccolo_api.session_auth.tables import SessionsBase
    from piccolo_api.token_auth.endpoints import TokenAuthLoginEndpoint
    from piccolo_api.token_auth.tables import TokenAuth as OldToken

CONFIGURATION = """
from piccolo.conf.apps import AppRegistry
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo_admin.endpoints import create_admin

DB = {engine}

APP_REGISTRY = AppRegistry(apps={apps})
"""
OLD_APPS = [
    "piccolo.apps.user.piccolo_app",
    "piccolo_api.session_auth.piccolo_app",
    "piccolo_api.token_auth.piccolo_app",
    "piccolo_api.mfa.authenticator.piccolo_app",
]


class OldProject(Project):
    """A project of piccolo-api, which takes this library up later."""

    def __init__(self, folder: Path, engine: Any, code: str) -> None:
        super().__init__(folder, engine, code)
        self.code = code
        self.use(OLD_APPS)

    def use(self, apps: list[str]) -> None:
        """Configure these apps."""
        text = CONFIGURATION.format(engine=self.code, apps=apps)
        (self.folder / "project_conf.py").write_text(text)


@pytest.fixture
async def project(
    database: Any, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OldProject]:
    """A project on a database of its own, with what piccolo-api's migrations make."""
    monkeypatch.setattr(BaseUser, "_pbkdf2_iteration_count", 1)
    name = f"{database_name}_old"
    if isinstance(database, SQLiteEngine):
        path = str(tmp_path / "old.sqlite")
        project = OldProject(tmp_path, SQLiteEngine(path=path), f"SQLiteEngine(path={path!r})")
    else:
        await database._run_in_new_connection(f'CREATE DATABASE "{name}"')
        config = {**PG, "database": name}
        engine = PostgresEngine(config=config)
        project = OldProject(tmp_path, engine, f"PostgresEngine(config={config!r})")
    await project.piccolo("migrations", "forwards", "all")
    use_engine(project.engine)
    yield project
    use_engine(database)
    if isinstance(database, PostgresEngine):
        await database._run_in_new_connection(f'DROP DATABASE "{name}" WITH (FORCE)')


def old_app(encryption: Any) -> FastAPI:
    """The application before: piccolo-api's endpoints for sessions and tokens."""
    provider: Any = AuthenticatorProvider(encryption_provider=encryption)
    login = session_login(redirect_to=None, production=True, mfa_providers=[provider])
    app = FastAPI()
    app.mount("/login", login)
    app.mount("/token", TokenAuthLoginEndpoint)
    return app


async def log_in_there(client: httpx.AsyncClient, name: str, code: str = "") -> int:
    """Log in to an application of piccolo-api; the status."""
    body = {"username": name, "password": PASSWORD, **({"mfa_code": code} if code else {})}
    return (await client.post("/login/", json=body)).status_code


async def with_code(phone: PhoneApp, call: Callable[[str], Awaitable[int]]) -> int:
    """Call with the code of the phone, again if its period ended meanwhile; the status."""
    while True:
        code = phone.at(utcnow())
        status = await call(code)
        if status == 200 or code == phone.at(utcnow()):
            return status


async def fill(app: FastAPI, encryption: Any) -> tuple[str, str, PhoneApp]:
    """
    Take a token, set a phone up, and log in with it: the cookie, the token and the phone. The
    endpoint that sets up draws a QR code too, which needs another package.
    """
    ada = await BaseUser.create_user("ada", PASSWORD, active=True, email="ada@example.com")
    await OldToken.create_token(ada.id)
    credentials = {"username": "ada", "password": PASSWORD}
    row, _ = await AuthenticatorSecret.create_new(ada.id, encryption)
    phone = PhoneApp(encryption.decrypt(row.secret))
    async with new_client(app) as client:
        token = (await client.post("/token/", json=credentials)).json()["token"]
        assert await with_code(phone, partial(log_in_there, client, "ada")) == 200
        return client.cookies["id"], token, phone


def new_app(totp: TOTP) -> FastAPI:
    """The application after."""
    app = FastAPI()
    install(app)
    session = SessionAuth(cookie=Cookie("id"), accepts_piccolo_api=True)
    token = TokenAuth(accepts_piccolo_api=True)
    app.include_router(session_router(session, Login(factors=[totp])), prefix="/auth")
    app.include_router(token_router(token, AnyOf(session, token)), prefix="/auth")
    return app


@pytest.mark.security(113)
async def test_move(project: OldProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The dry run tells what it would do; the run does it: the cookie, the token and the phone of
    the user go on, and the old tables are empty.
    """
    assert version("piccolo-api").startswith("1.11.")
    old_key, new_key = XChaCha20Provider.get_new_key(), generate_key()
    encryption = XChaCha20Provider(old_key)
    cookie, token, phone = await fill(old_app(encryption), encryption)

    project.use([*OLD_APPS, "piccolo_api_fastapi.piccolo_app"])
    await project.piccolo("migrations", "forwards", "all")
    command = ("piccolo_api_fastapi", "migrate_piccolo_api")
    exit_code, printed = await asyncio.to_thread(run_command, project.folder, command, "")
    assert exit_code != 0
    assert "1 authenticators are in use" in printed
    monkeypatch.setenv("PICCOLO_API_ENCRYPTION_KEY", old_key.hex())
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", new_key)
    counts = "Moved: 1 sessions, 1 API tokens, 1 authenticators."
    assert counts in await project.piccolo(*command, "--dry_run")
    assert await SessionsBase.count() == await OldToken.count() == 1
    assert counts in await project.piccolo(*command, "--erase", "--erase_authenticators")
    for table in (SessionsBase, OldToken, AuthenticatorSecret):
        assert await table.count() == 0

    totp = TOTP(encryption=XChaCha20Poly1305(new_key), issuer="Movies")
    client = new_client(new_app(totp))
    async with client:
        answer = await client.get("/auth/sessions", headers={"Cookie": f"id={cookie}"})
        assert (answer.status_code, len(answer.json())) == (200, 1)
        answer = await client.get("/auth/api-tokens", headers=bearer(token))
        assert answer.json()["code"] == "credential_not_allowed"
        challenge = (await log_in(client)).json()
        assert challenge["status"] == "mfa_required"
        code = phone.at(utcnow() + timedelta(seconds=30))
        body = {"challenge": challenge["challenge"], "code": code}
        assert (await client.post("/auth/login/mfa", json=body)).status_code == 200


OLD_SECRET = "the old secret, of more than thirty-two bytes"
HASHER = cheap_pbkdf2_hasher()


class Old:
    """The application before, with Piccolo Admin: sessions and JWTs of piccolo-api."""

    def __init__(self, encryption: Any) -> None:
        provider: Any = AuthenticatorProvider(encryption_provider=encryption)
        login: Any = session_login(redirect_to=None, production=True, mfa_providers=[provider])
        backend = SessionsAuthBackend(admin_only=False)
        self.app = FastAPI()
        self.app.mount("/login", login)
        self.app.mount("/jwt", jwt_login(secret=OLD_SECRET))
        self.app.mount("/api", JWTMiddleware(self._page(), secret=OLD_SECRET))
        self.app.mount("/private", AuthenticationMiddleware(self._page(), backend=backend))

    @staticmethod
    def _page() -> FastAPI:
        page = FastAPI()

        @page.get("/page")
        async def show() -> str:
            return "shown"

        return page


class New:
    """The application after, as `docs/migrating.md` has it, with Piccolo Admin on the same host."""

    def __init__(self, key: str, *, interop: bool) -> None:
        users = Users(interop=True, hasher=HASHER) if interop else Users()
        self.totp = TOTP(users, encryption=XChaCha20Poly1305(key), issuer="Movies")
        login = Login(users, factors=[self.totp])
        session = SessionAuth(users)
        old = SessionAuth(users, name="old", cookie=Cookie("id"), accepts_piccolo_api=True)
        jwt = JWTAuth(users, secret=SECRET)
        self.app = FastAPI()
        install(self.app)
        self.app.include_router(session_router(session, login), prefix="/auth")
        self.app.include_router(session_router(old, login), prefix="/auth/old")
        self.app.include_router(jwt_router(jwt, login), prefix="/auth")
        current = AnyOf(session, old, jwt)

        @self.app.get("/me")
        async def me(user: Annotated[User, Depends(current)]) -> str:
            return str(user.username)

        table: Any = BaseUser if interop else User
        admin: Any = create_admin(
            tables=[User],
            auth_table=table,
            production=True,
            allowed_hosts=["testserver"],
            mfa_providers=[AdminMFA(login)],
        )
        self.app.mount("/admin", admin)

    async def open_admin(self, client: httpx.AsyncClient, name: str, code: str = "") -> Any:
        """Log in to Piccolo Admin as its page does; the answer."""
        await client.get("/admin/public/meta/")
        headers = {"x-csrftoken": client.cookies["csrftoken"], "referer": "https://testserver/"}
        body = {"username": name, "password": PASSWORD, **({"mfa_code": code} if code else {})}
        return await client.post("/admin/public/login/", json=body, headers=headers)


async def status(app: FastAPI, path: str, *, cookie: str = "", token: str = "") -> int:
    """The status of a page for a cookie of piccolo-api or a token."""
    headers = bearer(token) if token else {"Cookie": f"id={cookie}"}
    async with new_client(app) as client:
        return (await client.get(path, headers=headers)).status_code


@pytest.mark.security(113)
async def test_the_whole_way(
    project: OldProject, monkeypatch: pytest.MonkeyPatch, undeclared: None
) -> None:
    """There, with both cookies beside each other; back again; and there for good."""
    key, new_key = XChaCha20Provider.get_new_key(), generate_key()
    encryption = XChaCha20Provider(key)
    old = Old(encryption)
    cookie, _, phone = await fill(old_app(encryption), encryption)  # ada has a phone
    await BaseUser.create_user("grace", PASSWORD, active=True, email="grace@example.com")
    async with new_client(old.app) as client:
        body = {"username": "grace", "password": PASSWORD}
        jwt = (await client.post("/jwt/", json=body)).json()["token"]
        assert await log_in_there(client, "grace") == 200
        of_grace = client.cookies["id"]
    assert await status(old.app, "/api/page", token=jwt) == 200

    project.use([*OLD_APPS, "piccolo_api_fastapi.piccolo_app"])
    await project.piccolo("migrations", "forwards", "all")
    monkeypatch.setenv("PICCOLO_API_ENCRYPTION_KEY", key.hex())
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", new_key)
    command = ("piccolo_api_fastapi", "migrate_piccolo_api")
    assert "Moved: 2 sessions" in await project.piccolo(*command)
    new = New(new_key, interop=True)
    await go_there(new, cookie, of_grace, jwt, phone)
    await go_back(old, cookie, of_grace, jwt, phone)

    assert "Erased: 5 sessions" in await project.piccolo(*command, "--erase")
    assert await AuthenticatorSecret.count() == 1
    await project.piccolo(*command, "--erase", "--erase_authenticators")
    assert await AuthenticatorSecret.count() == 0
    new = New(new_key, interop=False)
    async with new_client(new.app) as client:
        assert (await log_in(client, "grace")).status_code == 200
        assert (await log_in(client)).json()["status"] == "mfa_required"
        answer = await new.open_admin(client, "ada")
        assert (answer.status_code, answer.json()["detail"]) == (401, "MFA code required")
    async with new_client(old.app) as client:
        assert await log_in_there(client, "grace") == 401, "the hash has moved"


async def go_there(new: New, cookie: str, of_grace: str, jwt: str, phone: PhoneApp) -> None:
    """Old cookies go on and end with a sign-out; old JWTs do not; the phone is asked for."""
    assert await status(new.app, "/me", cookie=cookie) == 200
    assert await status(new.app, "/me", token=jwt) == 401
    async with new_client(new.app) as client:
        answer = await client.post("/auth/old/logout", headers={"Cookie": f"id={of_grace}"})
        assert answer.status_code == 204
    assert await status(new.app, "/me", cookie=of_grace) == 401
    await BaseUser.update({BaseUser.admin: True}).where(BaseUser.username == "ada")
    async with new_client(new.app) as client:
        assert (await log_in(client, "grace")).status_code == 200
        assert "__Host-session" in client.cookies
        assert "id" not in client.cookies
        assert (await new.open_admin(client, "ada")).json()["detail"] == "MFA code required"
        code = phone.at(utcnow() + timedelta(seconds=30))
        assert (await new.open_admin(client, "ada", code)).status_code == 200
        assert (await new.open_admin(client, "ada", code)).json()["detail"] == "MFA failed"
        assert (await client.get("/admin/api/user/")).json()["username"] == "ada"
        assert (await client.get("/me")).json() == "grace", "each has a cookie of its own"
        token = (await get_tokens(client, "grace"))["access_token"]
    assert await status(new.app, "/me", token=token) == 200


async def go_back(old: Old, cookie: str, of_grace: str, jwt: str, phone: PhoneApp) -> None:
    """Nothing was taken from the application before: passwords, sessions, JWTs and phones."""
    for value in (cookie, of_grace):  # one who signed out since is signed in again there
        assert await status(old.app, "/private/page", cookie=value) == 200
    assert await status(old.app, "/api/page", token=jwt) == 200
    async with new_client(old.app) as client:
        assert await log_in_there(client, "grace") == 200
        assert await log_in_there(client, "ada") == 401
        await AuthenticatorSecret.update({AuthenticatorSecret.last_used_code: ""}, force=True)
        assert await with_code(phone, partial(log_in_there, client, "ada")) == 200
