"""`public`: what is open in a guarded application."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import SecurityScopes
from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi import (
    AnyOf,
    FailureLimit,
    JWTAuth,
    Quota,
    RateLimit,
    SessionAuth,
    User,
    install,
    jwt_router,
    public,
    require,
    session_router,
    unlimited,
)
from tests.conftest import log_in, new_client, reaches_no_sql


async def test_public(session: SessionAuth[User], jwt: JWTAuth[User], ada: User) -> None:
    """
    In a guarded application only `public` endpoints are open, found by the endpoint and
    not by a path, wherever they are mounted (D-S14).
    """
    current_user = AnyOf(session, jwt)
    app = FastAPI(dependencies=[Depends(current_user), Depends(current_user.identity)])
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(jwt_router(jwt), prefix="/auth")
    inner = APIRouter(dependencies=[Depends(require(current_user, admin=True))])
    mounted = FastAPI(dependencies=[Depends(current_user)])

    @app.get("/open")
    @inner.get("/open")
    @mounted.get("/open")
    @public
    async def opened() -> None:
        return None

    @app.get("/openadmin/secret")
    @mounted.get("/openadmin")
    async def secret() -> None:
        return None

    @app.get("/half-open")
    @public
    async def half_open(user: Annotated[User, Depends(current_user)]) -> str:
        return user.username

    async def inherits(user: Annotated[User, Depends(current_user)]) -> str:
        return user.username

    @app.get("/nested")
    @public
    async def nested(name: Annotated[str, Depends(inherits)]) -> str:
        return name

    app.include_router(inner, prefix="/inner")
    app.mount("/api", mounted)
    async with new_client(app) as client:
        for path in ("/open", "/inner/open", "/api/open"):
            assert (await client.get(path)).status_code == 200
        for path in ("/openadmin/secret", "/api/openadmin", "/half-open", "/nested"):
            assert (await client.get(path)).status_code == 401
        await log_in(client)
        for path in ("/openadmin/secret", "/half-open", "/nested"):
            assert (await client.get(path)).status_code == 200
        assert (await client.post("/auth/logout")).status_code == 204


@reaches_no_sql
async def test_a_guard_called_by_an_endpoint(session: SessionAuth[User]) -> None:
    """A guard that a `public` endpoint of Starlette calls itself still applies."""
    app = FastAPI()
    install(app)

    @public
    async def by_hand(request: Request) -> Response:
        await session(request, SecurityScopes())
        return Response()

    app.add_route("/by-hand", by_hand)
    async with new_client(app) as client:
        assert (await client.get("/by-hand")).status_code == 401


@reaches_no_sql
async def test_unlimited(database: Any) -> None:
    """Limits of the application and of routers spare the endpoint, those it asks for do not."""
    limits = [RateLimit("2/hour", scope="all"), FailureLimit("2/hour", scope="failures")]
    app = FastAPI(dependencies=[Depends(limit) for limit in limits])
    install(app)
    router = APIRouter(dependencies=[Depends(RateLimit("2/hour", scope="router"))])
    own = RateLimit("3/hour", scope="own")

    @router.get("/health")
    @unlimited
    async def health() -> None: ...

    @app.get("/own")
    @unlimited
    async def limits_itself(_: Annotated[Quota, Depends(own)]) -> None: ...

    @app.get("/limited")
    async def limited() -> None: ...

    app.include_router(router)
    async with new_client(app) as client:
        assert {(await client.get("/health")).status_code for _ in range(5)} == {200}
        statuses = [(await client.get("/own")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        statuses = [(await client.get("/limited")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
    paths = app.openapi()["paths"]
    documented = {path: "429" in paths[path]["get"]["responses"] for path in paths}
    assert documented == {"/health": False, "/own": True, "/limited": True}
