"""A database that piccolo-api 1.11 made with its migrations and filled by its endpoints."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from piccolo.apps.user.tables import BaseUser
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from pyotp.totp import TOTP as PhoneApp  # noqa: N811 - not ours

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    Cookie,
    Login,
    SessionAuth,
    TokenAuth,
    XChaCha20Poly1305,
    generate_key,
    install,
    session_router,
    token_router,
)
from piccolo_api_fastapi.clock import utcnow
from tests.conftest import PASSWORD, PG, bearer, log_in, new_client, use_engine
from tests.integration.command_line import run_command
from tests.integration.test_migrations import Project

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from piccolo_api.encryption.providers import XChaCha20Provider
    from piccolo_api.mfa.authenticator.provider import AuthenticatorProvider
    from piccolo_api.mfa.authenticator.tables import AuthenticatorSecret
    from piccolo_api.session_auth.endpoints import session_login
    from piccolo_api.session_auth.tables import SessionsBase
    from piccolo_api.token_auth.endpoints import TokenAuthLoginEndpoint
    from piccolo_api.token_auth.tables import TokenAuth as OldToken

CONFIGURATION = """
from piccolo.conf.apps import AppRegistry
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine

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
        body = {**credentials, "mfa_code": phone.at(utcnow())}
        answer = await client.post("/login/", json=body)
        assert answer.status_code == 200, answer.text
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
