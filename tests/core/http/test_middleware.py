"""Responses of guarded routes say to caches on which credential they depend."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Query, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from piccolo_api_fastapi import (
    AnyOf,
    JWTAuth,
    SessionAuth,
    User,
    install,
    jwt_router,
    optional,
    public,
    require,
    session_router,
)
from tests.conftest import bearer, get_tokens, log_in, new_client, web_socket

PRIVATE = "private, no-cache"

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def pages(session: SessionAuth[User], jwt: JWTAuth[User]) -> FastAPI:
    """Routes behind guards of each kind, and routes without one."""
    app = FastAPI()
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(jwt_router(jwt), prefix="/auth")
    either = AnyOf(session, jwt)
    guards = {
        "session": session,
        "jwt": jwt,
        "either": either,
        "identity": session.identity,
        "scoped": require(session, admin=True),
        "optional": optional(session),
        "claims": jwt.claims,
    }
    for name, guard in guards.items():

        @app.get(f"/{name}")
        async def guarded(_: Annotated[Any, Depends(guard)]) -> str:
            return "for one user"

    @app.get("/file", dependencies=[Depends(either)])
    async def file() -> FileResponse:
        return FileResponse(__file__)

    @app.get("/stream", dependencies=[Depends(session)])
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["for one user"]))

    @app.get("/own", dependencies=[Depends(session)])
    async def own(vary: Annotated[list[str], Query()]) -> JSONResponse:
        answer = JSONResponse(1, headers={"Cache-Control": "private, max-age=60"})
        answer.raw_headers += [(b"vary", line.encode()) for line in vary]
        return answer

    @app.get("/unchanged", dependencies=[Depends(session)])
    async def unchanged() -> Response:
        return Response(status_code=304, headers={"ETag": '"1"'})

    @app.get("/broken", dependencies=[Depends(session)])
    async def broken() -> None:
        raise RuntimeError

    @app.get("/open")
    async def anyone() -> str:
        return "for everybody"

    @app.get("/free", dependencies=[Depends(session)])
    @public
    async def free() -> str:
        return "for everybody"

    return app


async def caching(client: httpx.AsyncClient, path: str, **headers: str) -> tuple[str | None, ...]:
    """What a response says to caches."""
    answer = await client.get(path, headers=headers)
    return answer.headers.get("vary"), answer.headers.get("cache-control")


async def test_caching(session: SessionAuth[User], jwt: JWTAuth[User], ada: User) -> None:
    """A response depends on the headers in which a guard looked, whatever it found."""
    async with new_client(pages(session, jwt)) as client:
        for signed_in in (False, True):
            for path in (
                "session",
                "identity",
                "scoped",
                "optional",
                "stream",
                "unchanged",
                "broken",
            ):
                assert await caching(client, f"/{path}") == ("Cookie", PRIVATE), path
            for path in ("jwt", "claims"):
                assert await caching(client, f"/{path}") == ("Authorization", PRIVATE), path
            for path in ("either", "file"):
                assert await caching(client, f"/{path}") == ("Authorization, Cookie", PRIVATE), path
            for path in ("open", "free", "no-such-route"):
                assert await caching(client, f"/{path}") == (None, None), path
            assert await caching(client, "/auth/sessions") == ("Cookie", "no-store")
            if not signed_in:
                await log_in(client)
        token = (await get_tokens(client))["access_token"]
        sent = bearer(token)
        assert await caching(client, "/either", **sent) == ("Authorization, Cookie", PRIVATE)


async def test_own_headers(session: SessionAuth[User], jwt: JWTAuth[User], ada: User) -> None:
    """What the route says about caching wins, and names of its own stay in `Vary`."""
    async with new_client(pages(session, jwt)) as client:
        await log_in(client)
        for vary, expected in (
            ("Accept", "Accept, Cookie"),
            ("cookie,  Accept", "cookie,  Accept"),
            ("*", "*"),
            ("Accept&vary=Origin", "Accept, Origin, Cookie"),
        ):
            found = await caching(client, f"/own?vary={vary}")
            assert found == (expected, "private, max-age=60"), vary


async def test_web_sockets(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """No cache keeps what a WebSocket sends, so its handshake says nothing."""
    await log_in(client)
    cookie = f"__Host-session={client.cookies['__Host-session']}"
    sent = await web_socket(app, "/ws", Cookie=cookie, Origin="https://testserver")
    assert sent[0]["type"] == "websocket.accept"
    assert not sent[0].get("headers")
