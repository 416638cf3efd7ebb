"""`require`: scopes and flags that a caller must have."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Security

from piccolo_api_fastapi import (
    AnyOf,
    AuthEvent,
    ConfigurationError,
    JWTAuth,
    SessionAuth,
    User,
    Users,
    install,
    public,
    require,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.users.scopes import report
from tests.conftest import SECRET, bearer, get_tokens, log_in, new_client, reaches_no_sql
from tests.guarded import served


async def test_require(client: httpx.AsyncClient, ada: User, grace: User) -> None:
    """403 with the scope that is missing; the flag of the user is asked now, not at login."""
    assert (await client.get("/admin")).status_code == 401
    await log_in(client)
    answer = await client.get("/admin")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="admin"'
    tokens = await get_tokens(client, "grace")
    headers = bearer(tokens["access_token"])
    assert (await client.get("/admin", headers=headers)).status_code == 200
    await User.update({User.admin: False}).where(User.id == grace.id)
    assert (await client.get("/admin", headers=headers)).status_code == 403


async def test_scopes(users: Users[User], ada: User) -> None:
    """`require`, nested, and FastAPI's `Security` ask for the same scopes."""
    users = Users(scopes_of=lambda _: ["read", "write"], clock=users.clock)
    session, jwt = SessionAuth(users), JWTAuth(users, secret=SECRET)
    current_user = AnyOf(session, jwt)
    guards = [
        require(current_user, scopes=["write"]),
        require(require(current_user, scopes=["read"]), scopes=["write"]),
    ]

    def add(app: FastAPI) -> None:
        for number, guard in enumerate(guards):

            @app.get(f"/{number}", dependencies=[Depends(guard)])
            async def route() -> None:
                return None

        @app.get("/2", dependencies=[Security(current_user, scopes=["write"])])
        async def by_security() -> None:
            return None

        @app.get("/3", dependencies=[Security(jwt.claims, scopes=["write"])])
        async def by_claims() -> None:
            return None

        @app.get("/4", dependencies=[Depends(require(current_user, superuser=True))])
        async def superusers() -> None:
            return None

    async with new_client(served(session, jwt, add)) as client:
        reader = bearer((await get_tokens(client, scope="read"))["access_token"])
        writer = bearer((await get_tokens(client, scope="read write"))["access_token"])
        for number in range(4):
            assert (await client.get(f"/{number}", headers=reader)).status_code == 403
            assert (await client.get(f"/{number}", headers=writer)).status_code == 200
        assert (await client.get("/4", headers=writer)).status_code == 403


class Generous(Users[User]):
    """Users whose scopes are not those that the library would give."""

    async def scopes_of(self, user: User, permissions: str | None = None) -> frozenset[str]:  # noqa: ARG002
        """All of them."""
        return frozenset({"admin", "superuser", "read"})


@pytest.mark.parametrize("kind", [Users, Generous])
async def test_flags_decide(
    users: Users[User], ada: User, caplog: pytest.LogCaptureFixture, kind: Any
) -> None:
    """`admin` and `superuser` stand for flags of the user, whoever gives scopes of that name."""
    report.cache_clear()
    users = kind(scopes_of=lambda _: ["admin", "superuser", "read"], clock=users.clock)
    session, jwt = SessionAuth(users), JWTAuth(users, secret=SECRET)
    current_user = AnyOf(session, jwt)
    guards: list[Any] = [
        Depends(require(current_user, scopes=["read"])),
        Depends(require(current_user, admin=True)),
        Depends(require(current_user, superuser=True)),
        Depends(require(current_user, scopes=["read", "admin"])),
        Security(current_user, scopes=["superuser"]),
        Security(current_user.identity, scopes=["admin"]),
    ]

    def add(app: FastAPI) -> None:
        for number, guard in enumerate(guards):

            @app.get(f"/{number}", dependencies=[guard])
            async def route() -> None:
                return None

    async def statuses(client: httpx.AsyncClient, **headers: Any) -> list[int]:
        return [
            (await client.get(f"/{number}", headers=headers)).status_code
            for number in range(len(guards))
        ]

    async with new_client(served(session, jwt, add)) as client:
        headers = bearer((await get_tokens(client))["access_token"])
        await log_in(client)
        refused = [200, 403, 403, 403, 403, 403]
        assert refused == await statuses(client) == await statuses(client, **headers)
        assert caplog.text.count("are flags of the user") == (kind is Users)
        await User.update({User.admin: True}).where(User.id == ada.id)
        assert await statuses(client) == [200, 200, 403, 200, 403, 200]
        await User.update({User.superuser: True}).where(User.id == ada.id)
        assert await statuses(client) == [200] * 6


@reaches_no_sql
def test_configuration(database: Any) -> None:
    """What requires nothing is a mistake."""
    session = SessionAuth()
    settings: tuple[dict[str, Any], ...] = ({}, {"scopes": "admin"})
    for nothing in settings:
        with pytest.raises(ConfigurationError):
            require(session, **nothing)


async def not_suspended(user: User) -> str | None:
    """A check with a reason, which may ask the database."""
    return "Your account is suspended." if user.first_name == "suspended" else None


def raises(user: User) -> None:
    """A check that refuses by an error of its own."""
    if user.first_name == "suspended":
        raise HTTPException(402, "Pay first.")


CHECKS: dict[str, tuple[Any, int, str]] = {
    "reason": (not_suspended, 403, "Your account is suspended."),
    "bool": (lambda user: not user.first_name, 403, "You do not have permission to do this."),
    "error": (raises, 402, "Pay first."),
}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("whole", [False, True])
async def test_check(session: SessionAuth[User], ada: User, name: str, whole: Any) -> None:
    """A condition of one's own guards an application, and `public` routes are exempt from it."""
    check, status, detail = CHECKS[name]
    guard = require(session, check=check)
    app = FastAPI(dependencies=[Depends(guard)] if whole else [])
    install(app)
    inner = APIRouter(dependencies=[] if whole else [Depends(guard)])
    inner.include_router(session_router(session), prefix="/auth")

    @inner.get("/health")
    @public
    async def health() -> str:
        return "ok"

    @inner.get("/me")
    async def me(user: Annotated[User, Depends(guard)]) -> str:
        return user.username

    app.include_router(inner)
    events: list[AuthEvent] = []
    async with new_client(app) as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/me")).status_code == 401
        assert (await log_in(client)).status_code == 200
        assert (await client.get("/me")).json() == "ada"
        await User.update({User.first_name: "suspended"}).where(User.id == ada.id)
        unsubscribe = subscribe(events.append)
        answer = await client.get("/me")
        unsubscribe()
        assert (answer.status_code, answer.json()["detail"]) == (status, detail)
        assert len(events) == (status == 403)
        assert (await client.get("/health")).status_code == 200
    documented = app.openapi()["paths"]["/me"]["get"]["responses"]
    assert "403" in documented


@reaches_no_sql
async def test_check_without_verdict(session: SessionAuth[User], ada: User) -> None:
    """A check that returns neither a bool nor a sentence refuses everybody."""
    verdict: Any = 0
    guard = require(session, check=lambda _: verdict)
    app = served(session, JWTAuth(session.users, secret=SECRET), lambda _: None)

    @app.get("/me", dependencies=[Depends(guard)])
    async def me() -> None:
        raise AssertionError

    async with new_client(app) as client:
        await log_in(client)
        assert (await client.get("/me")).status_code == 500
