"""`public`: what is open in a guarded application."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI

from piccolo_api_fastapi import (
    AnyOf,
    JWTAuth,
    SessionAuth,
    User,
    install,
    jwt_router,
    public,
    require,
    session_router,
)
from tests.conftest import log_in, new_client


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
