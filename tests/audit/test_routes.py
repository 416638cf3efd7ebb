"""Which routes an audit lists, however an application is put together."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.base import SecurityBase
from fastapi.staticfiles import StaticFiles
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Route, WebSocketRoute

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    JWTAuth,
    RateLimit,
    SessionAuth,
    User,
    install,
    optional,
    public,
    require,
    session_router,
)
from piccolo_api_fastapi.audit import audit_of
from tests.conftest import SECRET

SESSION = SessionAuth()


async def endpoint() -> None:
    """Never called."""
    pytest.fail("An audit called an endpoint.")


def bare_app(**options: Any) -> FastAPI:
    """An application without FastAPI's documentation."""
    return FastAPI(openapi_url=None, **options)


def guards_of(app: Any) -> dict[str, list[str]]:
    """The schemes of the guards of each route."""
    return {
        route.name: [" | ".join(guard.schemes) for guard in route.guards]
        for route in audit_of(app).routes
    }


def names_of(app: Any) -> list[str]:
    """The names of the routes."""
    return [route.name for route in audit_of(app).routes]


def test_application_router_and_route() -> None:
    """Guards of an application, of routers, lazily included or not, and of routes add up."""
    jwt = JWTAuth(secret=SECRET)
    app = bare_app(dependencies=[Depends(SESSION)])
    outer = APIRouter(prefix="/outer", dependencies=[Depends(jwt)])
    inner = APIRouter()
    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/v1", dependencies=[Depends(require(jwt, admin=True))])
    app.get("/")(endpoint)
    inner.get("/late")(endpoint)  # after its router was included
    inner.websocket("/ws")(endpoint)
    both = ["Session", "JWT", "JWT"]
    assert guards_of(app) == {
        "GET /v1/outer/inner/late": both,
        "WS /v1/outer/inner/ws": both,
        "GET /": ["Session"],
    }


def test_one_route_for_each_method() -> None:
    """Each method is a row. `HEAD` is not, unless it is guarded in another way than `GET`."""
    app = bare_app()
    app.api_route("/both", methods=["POST", "GET"])(endpoint)
    app.get("/same")(endpoint)
    app.head("/same")(endpoint)
    app.get("/other", dependencies=[Depends(SESSION)])(endpoint)
    app.head("/other")(endpoint)
    assert names_of(app) == ["GET /both", "POST /both", "GET /same", "GET /other", "HEAD /other"]


class Page(HTTPEndpoint):
    """An endpoint of Starlette, which has methods of its own."""


class Odd(BaseRoute):
    """A route of another package, which has no path."""


class Callable:
    """An endpoint that is an object."""

    async def __call__(self) -> None:
        """Never called."""
        raise AssertionError


def test_odd_routes(tmp_path: Path) -> None:
    """Plain routes, classes, partials, sockets, hosts and routes of other packages are listed."""
    app = bare_app(dependencies=[Depends(SESSION)])
    app.get("/partial")(partial(endpoint))
    app.get("/object")(Callable())
    app.router.routes += [
        Route("/plain", lambda _: Response(), methods=["GET", "POST"]),
        Route("/class", Page),
        WebSocketRoute("/ws", endpoint),
        Host("files.example.com", StaticFiles(directory=tmp_path), name="files"),
        Odd(),
    ]
    assert guards_of(app) == {
        "GET /partial": ["Session"],
        "GET /object": ["Session"],
        "GET /plain": [],
        "POST /plain": [],
        "ANY /class": [],
        "WS /ws": [],
        "MOUNT //files.example.com": [],
        "ANY (Odd)": [],
    }


def test_dependencies_of_every_kind() -> None:
    """Guards are found below dependencies with `yield`, classes and partials; limits as well."""

    async def opened(user: Annotated[User, Depends(SESSION)]) -> AsyncIterator[User]:
        yield user

    def closed() -> Iterator[None]:
        yield

    class Service:
        def __init__(self, user: Annotated[User, Depends(opened)]) -> None:
            self.user = user

    app = bare_app()

    @app.get("/nested", dependencies=[Depends(closed)])
    async def nested(
        service: Annotated[Service, Depends()], key: Annotated[None, Depends(partial(limited))]
    ) -> None: ...

    [route] = audit_of(app).routes
    assert [guard.schemes for guard in route.guards] == [("Session",)]
    assert [limit.limits for limit in route.limits] == ["5/hour"]


async def limited(_: Annotated[Any, Depends(RateLimit("5/hour"))]) -> None:
    """A dependency that asks for a limit."""


def test_schemes_of_fastapi() -> None:
    """Those of FastAPI are guards; with `auto_error=False` they admit strangers."""
    key, bearer = APIKeyHeader(name="X-Key"), HTTPBearer(auto_error=False)

    class Unhashable(SecurityBase):
        __hash__ = None  # type: ignore[assignment]

        def __init__(self) -> None:
            self.scheme_name = "Odd"

        def __call__(self) -> None:
            """Never called."""

    app = bare_app()
    app.get("/key", dependencies=[Security(key, scopes=["a"])])(endpoint)
    app.get("/bearer", dependencies=[Depends(bearer)])(endpoint)
    app.get("/odd", dependencies=[Depends(Unhashable())])(endpoint)
    found = {
        route.name: (guard.schemes, guard.scopes, guard.is_optional)
        for route in audit_of(app).routes
        for guard in route.guards
    }
    assert found == {
        "GET /key": (("APIKeyHeader",), ("a",), False),
        "GET /bearer": (("HTTPBearer",), (), True),
        "GET /odd": (("Odd",), (), False),
    }


def test_a_dependency_that_says_it_is_a_guard() -> None:
    """A dependency of one's own counts as a guard if it says whether it is optional."""

    class Gateway:
        is_optional = False

        async def __call__(self, request: Request) -> None:
            """Never called."""

    app = bare_app(dependencies=[Depends(Gateway())])
    app.get("/")(endpoint)
    assert guards_of(app) == {"GET /": ["Gateway"]}


def test_public_routes() -> None:
    """What is public is told apart by who says so. Guards that it asks for itself remain."""
    app = FastAPI(dependencies=[Depends(SESSION)])
    app.include_router(session_router(SESSION), prefix="/auth")
    app.get("/open")(public(partial(endpoint)))

    @app.get("/own")
    @public
    async def own(user: Annotated[User, Security(SESSION, scopes=["a"])]) -> None: ...

    @app.websocket("/ws")
    @public
    async def ws(websocket: WebSocket) -> None: ...

    found = {route.name: (route.public, bool(route.guards)) for route in audit_of(app).routes}
    assert {
        "GET /docs": ("documentation", False),
        "GET /openapi.json": ("documentation", False),
        "POST /auth/login": ("prebuilt", False),
        "GET /auth/sessions": ("prebuilt", True),
        "GET /open": ("public", False),
        "GET /own": ("public", True),
        "WS /ws": ("public", False),
    }.items() <= found.items()


def test_views_of_a_guard() -> None:
    """The user, the identity and the optional user of one guard; one that repeats is one."""
    people = AnyOf(SESSION, JWTAuth(secret=SECRET))
    maybe = optional(people)
    app = bare_app(dependencies=[Depends(people)])
    app.get("/same", dependencies=[Depends(people.identity)])(endpoint)
    app.get("/maybe", dependencies=[Depends(maybe), Depends(maybe.identity)])(endpoint)
    found = {
        route.name: [(guard.schemes, guard.is_optional) for guard in route.guards]
        for route in audit_of(app).routes
    }
    names = ("Session", "JWT")
    assert found == {
        "GET /same": [(names, False)],
        "GET /maybe": [(names, False), (names, True)],
    }


def test_overrides_are_not_followed() -> None:
    """An audit is of the application itself, whatever a test puts in place of its guards."""
    app = bare_app()
    app.get("/", dependencies=[Depends(SESSION)])(endpoint)
    app.dependency_overrides[SESSION] = endpoint
    assert guards_of(app) == {"GET /": ["Session"]}
    assert [route.overridden for route in audit_of(app).routes] == [("Session",)]
    app.dependency_overrides.clear()
    assert [route.overridden for route in audit_of(app).routes] == [()]


class Endless:
    """ASGI middleware that wraps itself."""

    def __init__(self) -> None:
        self.app = self


@pytest.mark.parametrize("app", [None, 1, endpoint, Endless()])
def test_no_application(app: Any) -> None:
    """Anything else than an application is refused."""
    with pytest.raises(ConfigurationError, match="needs an application"):
        audit_of(app)


def test_middleware_around_an_application() -> None:
    """An application may be wrapped in middleware."""
    app = bare_app()
    install(app)
    app.get("/")(endpoint)
    assert names_of(CORSMiddleware(app)) == ["GET /"]
