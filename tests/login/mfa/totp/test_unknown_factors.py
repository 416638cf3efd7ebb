"""Logins that do not know a second factor of their users: they let nobody in by password alone."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.apps.user.tables import BaseUser
from piccolo.columns import ForeignKey, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table, create_db_tables, drop_db_tables
from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    AuthTable,
    ClientInfo,
    EmailCode,
    JWTAuth,
    Login,
    Proof,
    RefreshFamily,
    Session,
    SessionAuth,
    User,
    Users,
    XChaCha20Poly1305,
    auth_tables,
    jwt_router,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.errors import InvalidCredentials
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import KEY, PASSWORD, get_tokens, log_in, new_client
from tests.login.mfa.totp.conftest import Phone, password_grant
from tests.models import Customer, Member

CLIENT = ClientInfo(ip="203.0.113.7")


async def send(user: User, code: str) -> None:
    """Send nothing."""


def email_code(users: Users[Any]) -> EmailCode:
    """A factor that is no authenticator."""
    return EmailCode(users, send=send, encryption=XChaCha20Poly1305(KEY))


def request() -> Request:
    """A request that is not for a route of this library."""
    return Request({"type": "http", "method": "POST", "path": "/", "headers": [], "client": None})


@pytest.fixture
def refusals() -> Any:
    """The events about users whose factor was unknown."""
    seen: list[AuthEvent] = []
    stop = subscribe(
        lambda event: seen.append(event) if event.name == "authn_login_misconfigured" else None
    )
    yield seen
    stop()


@pytest.mark.security(76)
@pytest.mark.parametrize("knows", ["nothing", "other"])
async def test_routers(
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    ada: User,
    phone: Phone,
    refusals: list[AuthEvent],
    knows: str,
) -> None:
    """The answer is that to a wrong password, and the event says what is wrong."""
    login = Login(session.users, factors=[email_code(session.users)]) if knows == "other" else None
    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(jwt, login), prefix="/auth")
    async with new_client(app) as client:
        for ask in (log_in, password_grant):
            wrong = {"password": "wrong"}
            answers = [await ask(client), await ask(client, **wrong)]
            assert len({(answer.status_code, answer.content) for answer in answers}) == 1
            assert answers[0].status_code in (400, 401)
    assert await Session.count() == await RefreshFamily.count() == 0
    assert [(event.user, event.data["factor"]) for event in refusals] == [(ada.id, "totp")] * 2
    assert {event.outcome for event in refusals} == {"failure"}
    assert all(event.data["ip"] for event in refusals)


@pytest.mark.security(76)
async def test_passwords_checked_by_the_application(
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    users: Users[User],
    ada: User,
    phone: Phone,
    refusals: list[AuthEvent],
) -> None:
    """Neither `User.login` nor the proof of `Users.verify` is a way round."""
    proof = await users.verify("ada", PASSWORD)
    with pytest.raises(InvalidCredentials):
        await session.sign_in(request(), Response(), proof)
    with pytest.raises(InvalidCredentials):
        await jwt.issue(proof, request())
    assert await User.login("ada", PASSWORD) is None
    assert [(event.user, event.data["factor"]) for event in refusals] == [(ada.id, "totp")] * 3
    assert await Session.count() == await RefreshFamily.count() == 0
    await session.sign_in(request(), Response(), Proof(ada))  # for whom the application vouches
    assert await Session.count() == 1


async def test_whoever_asks_afterwards(
    users: Users[User], ada: User, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`User.login` lets in whom its caller asks for the second factor."""
    monkeypatch.setattr(User, "asks_afterwards", frozenset({"totp"}))
    assert await User.login("ada", PASSWORD) == ada.id
    assert await User.login("ada", "wrong") is None


async def test_not_confirmed(client: httpx.AsyncClient, totp: TOTP, ada: User) -> None:
    """An app that was scanned and not confirmed keeps nobody out."""
    await totp.begin(ada)
    login: Login[User] = Login(totp.users)
    assert isinstance(await login.start("ada", PASSWORD, CLIENT), Proof)
    assert await User.login("ada", PASSWORD) == ada.id


@pytest.mark.parametrize("interop", [False, True])
async def test_removed(database: Any, clock: FrozenClock, *, interop: bool) -> None:
    """A removed app is asked for no more, and one confirmed during a login stops it."""
    users: Users[User] = Users(clock=clock, interop=interop)
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    session, login = SessionAuth(users), Login(users)
    ada = await users.create("ada", PASSWORD)
    proof = await login.start("ada", PASSWORD, CLIENT)
    assert isinstance(proof, Proof)
    await totp.adopt(ada.id, b"12345678901234567890")
    with pytest.raises(InvalidCredentials):
        await session.sign_in(request(), Response(), proof)
    with pytest.raises(InvalidCredentials):
        await login.start("ada", PASSWORD, CLIENT)
    await totp.remove(ada)
    await session.sign_in(request(), Response(), proof)
    assert await Session.count() == 1


@pytest.mark.security(76)
async def test_confirmed_meanwhile(
    session: SessionAuth[User], totp: TOTP, ada: User, clock: FrozenClock
) -> None:
    """Of 24 logins at the moment of the confirmation none leaves a session of one factor."""
    login: Login[User] = Login(session.users)
    phone = Phone((await totp.begin(ada)).uri, clock)
    proof = await login.start("ada", PASSWORD, CLIENT)

    async def issue() -> bool:
        try:
            await session.sign_in(request(), Response(), proof)  # type: ignore[arg-type]
        except InvalidCredentials:
            return False
        return True

    tasks = [issue() for _ in range(12)]
    *_, codes = await asyncio.gather(
        *tasks, *(issue() for _ in range(12)), totp.confirm(ada, phone.code())
    )
    assert len(codes) == 10  # type: ignore[arg-type]
    assert await Session.count() == 0


@pytest.mark.parametrize("table", [Customer, Member])
async def test_own_user_table(database: Any, clock: FrozenClock, table: type[BaseUser]) -> None:
    """The tables of a project's own users are asked, and those of others are not."""
    users: Users[Any] = Users(table, clock=clock)
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    ada = await users.create("ada", PASSWORD)
    stock = await Users(clock=clock).create("ada", PASSWORD)
    assert await totp.adopt(getattr(ada, table._meta.primary_key._meta.name), b"1" * 20)
    with pytest.raises(InvalidCredentials):
        await Login(users).start("ada", PASSWORD, CLIENT)
    assert await User.login("ada", PASSWORD) == stock.id
    found = await users.find("ada")
    assert found is not None
    assert not [name for name in vars(found) if "factor" in name]
    assert auth_tables(table).totp_secret.factor == "totp"


class Named(TOTP):
    """Authenticators by another name, in the same table."""

    name = "authenticator"


@pytest.mark.usefixtures("undeclared")
async def test_another_name(users: Users[User], ada: User, phone: Phone) -> None:
    """A factor is known by the table that records it, whatever its name."""
    named = Named(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    assert (named.recorded_as, email_code(users).recorded_as) == ("totp", "")
    challenge = await Login(users, factors=[named]).start("ada", PASSWORD, CLIENT)
    assert not isinstance(challenge, Proof)
    assert challenge.methods == ("authenticator", "recovery_code")


@pytest.mark.usefixtures("undeclared")
async def test_declared_later(users: Users[User], ada: User, database: Any) -> None:
    """A feature of another package says which of its rows are factors, whenever it is loaded."""
    assert await User.login("ada", PASSWORD) == ada.id
    login: Login[User] = Login(users)
    proof = await login.start("ada", PASSWORD, CLIENT)

    class Badge(AuthTable, Table, tablename="auth_badge"):
        """A card that opens a door."""

        factor, factor_since = "badge", "activated_at"

        user = ForeignKey(User, null=False, on_delete=OnDelete.cascade)
        activated_at = Timestamptz(null=True, default=None)

    Badge._meta._db = database
    await create_db_tables(Badge)
    badge = Badge(user=ada.id)
    await badge.save()
    assert isinstance(await login.start("ada", PASSWORD, CLIENT), Proof)
    await Badge.update({Badge.activated_at: users.clock()}, force=True)
    with pytest.raises(InvalidCredentials):
        await login.start("ada", PASSWORD, CLIENT)
    with pytest.raises(InvalidCredentials):
        await users.uphold(proof)  # type: ignore[arg-type]
    assert await User.login("ada", PASSWORD) is None
    await drop_db_tables(Badge)


async def test_no_further_statement(
    session: SessionAuth[User], jwt: JWTAuth[User], ada: User, statements: list[str]
) -> None:
    """A login without factors asks for nothing more to know that its user has none."""
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(jwt_router(jwt), prefix="/auth")
    async with new_client(app) as client:
        await log_in(client)
        counts = []
        for ask in (log_in, get_tokens):
            client.cookies.clear()
            statements.clear()
            await ask(client)
            counts.append(len(statements))
    assert counts == [7, 6]
