"""Mounted applications and front ends in an audit."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.routing import Mount, Route, Router

from piccolo_api_fastapi import SessionAuth, public
from piccolo_api_fastapi.audit import audit_of

SESSION = SessionAuth()


async def endpoint() -> None:
    """Never called."""
    pytest.fail("An audit called an endpoint.")


def test_mounts(tmp_path: Path) -> None:
    """Applications of FastAPI and Starlette are looked into, also through middleware."""
    app, inner = (
        FastAPI(openapi_url=None, dependencies=[Depends(SESSION)]),
        FastAPI(openapi_url=None),
    )
    inner.get("/open")(endpoint)
    inner.get("/closed", dependencies=[Depends(SESSION)])(endpoint)
    router = APIRouter()
    router.mount("/inner", CORSMiddleware(inner))
    app.include_router(router, prefix="/v1")
    app.mount("/static", StaticFiles(directory=tmp_path))
    app.mount("/logo", public(StaticFiles(directory=tmp_path)))
    app.mount("/starlette", Starlette(routes=[Route("/{id}", endpoint)]))
    app.mount("/self", app)
    layers = [Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
    app.router.routes.append(Mount("/deep", routes=[Mount("/er", Router())], middleware=layers))
    found = {route.name: (len(route.guards), route.inside) for route in audit_of(app).routes}
    assert found == {
        "MOUNT /v1/inner": (0, 2),
        "GET /v1/inner/open": (0, None),
        "GET /v1/inner/closed": (1, None),
        "MOUNT /static": (0, None),
        "MOUNT /logo": (0, None),
        "MOUNT /starlette": (0, 1),
        "GET /starlette/{id}": (0, None),
        "MOUNT /self": (0, None),
        "MOUNT /deep": (0, 1),
        "MOUNT /deep/er": (0, 0),
    }
    forgotten = [route.name for route in audit_of(app).routes if route.is_forgotten]
    assert forgotten == [
        "GET /v1/inner/open",
        "MOUNT /static",
        "GET /starlette/{id}",
        "MOUNT /self",
    ]


def test_public_mounts() -> None:
    """An application that is mounted as public is public as a whole, also what is mounted in it."""
    app, inner, innermost = (FastAPI(openapi_url=None) for _ in range(3))
    inner.post("/open")(endpoint)
    innermost.get("/open")(endpoint)
    inner.mount("/further", innermost)
    app.mount("/inner", public(inner))
    audited = audit_of(app)
    assert len(audited.routes) == 4
    assert [route.name for route in audited.routes if route.is_forgotten] == []


async def pass_on(request: Request, call_next: Any) -> Any:
    """Middleware that does nothing."""
    return await call_next(request)


@pytest.mark.skipif(not hasattr(FastAPI, "frontend"), reason="This FastAPI has no frontend().")
def test_front_ends(tmp_path: Path) -> None:
    """Builds that `frontend` serves are listed, though they are no routes of the application."""
    app, router = FastAPI(openapi_url=None), APIRouter(dependencies=[Depends(SESSION)])
    app.frontend("/", directory=tmp_path)
    router.frontend("/app", directory=tmp_path)
    app.include_router(router, prefix="/internal")
    found = {
        route.name: [guard.schemes for guard in route.guards] for route in audit_of(app).routes
    }
    assert found == {"MOUNT /": [], "MOUNT /internal/app": [("Session",)]}
