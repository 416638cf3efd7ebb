"""What an audit finds."""

from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.staticfiles import StaticFiles

from piccolo_api_fastapi import (
    FailureLimit,
    JWTAuth,
    Login,
    LoginLimits,
    RateLimit,
    SessionAuth,
    install,
    jwt_router,
    optional,
    public,
    session_router,
)
from piccolo_api_fastapi.audit import audit_of
from piccolo_api_fastapi.audit.values import Code
from piccolo_api_fastapi.features import AuthRoute
from tests.conftest import SECRET

SESSION = SessionAuth()
GUARD = Depends(SESSION)
PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def endpoint() -> Any:
    """An endpoint that nobody has marked."""

    async def made() -> None:
        """Never called."""

    return made


def found(app: FastAPI) -> list[tuple[str, str]]:
    """The codes and the routes of the findings."""
    return [(finding.code, finding.route) for finding in audit_of(app).findings]


@pytest.fixture
def app() -> FastAPI:
    """An application with FastAPI's documentation, which is no finding."""
    return FastAPI()


def test_nothing(app: FastAPI) -> None:
    """An application with guards and limits, and its logins, has no findings."""
    app.include_router(session_router(SESSION), prefix="/auth")
    app.include_router(jwt_router(JWTAuth(secret=SECRET)), prefix="/auth")
    app.get("/", dependencies=[Depends(optional(SESSION))])(endpoint())
    app.post("/", dependencies=[GUARD])(endpoint())
    app.post("/open", dependencies=[Depends(RateLimit("1/hour"))])(public(endpoint()))
    assert found(app) == []


def test_unguarded_routes(app: FastAPI) -> None:
    """Routes and WebSockets that no guard covers and that are not public."""
    app.get("/open")(endpoint())
    app.get("/public")(public(endpoint()))
    app.get("/closed", dependencies=[GUARD])(endpoint())
    app.websocket("/ws")(endpoint())
    assert found(app) == [("unguarded_route", "GET /open"), ("unguarded_route", "WS /ws")]


def test_unguarded_mounts(app: FastAPI, tmp_path: Path) -> None:
    """Mounts into which nobody can look; of others, the routes in them."""
    inner = FastAPI(openapi_url=None)
    inner.get("/open")(endpoint())
    app.mount("/inner", inner)
    app.mount("/static", StaticFiles(directory=tmp_path))
    app.mount("/logo", public(StaticFiles(directory=tmp_path)))
    assert found(app) == [
        ("unguarded_route", "GET /inner/open"),
        ("unguarded_mount", "MOUNT /static"),
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY"])
def test_optional_guards(app: FastAPI, method: str) -> None:
    """A method that may write, with none but optional guards."""
    maybe, limit = Depends(optional(SESSION)), Depends(RateLimit("1/hour"))
    app.api_route("/", methods=["GET", method], dependencies=[maybe, limit])(endpoint())
    app.api_route("/strict", methods=[method], dependencies=[maybe, GUARD])(endpoint())
    assert found(app) == [("optional_guard_on_write", f"{method} /")]


def test_unlimited_writes(app: FastAPI) -> None:
    """Strangers may write without a limit that refuses."""
    app.post("/public")(public(endpoint()))
    shadow = Depends(RateLimit("1/hour", shadow=True))
    app.post("/shadow", dependencies=[shadow])(public(endpoint()))
    app.post("/limited", dependencies=[shadow, Depends(FailureLimit("1/hour"))])(public(endpoint()))
    app.post("/guarded", dependencies=[GUARD])(endpoint())
    app.get("/read")(public(endpoint()))
    codes = [("unlimited_write", "POST /public"), ("unlimited_write", "POST /shadow")]
    assert found(app) == codes
    install(app, limit=RateLimit("600/minute"))
    assert found(app) == []


def test_conflicting_limits(app: FastAPI) -> None:
    """Limits of one scope that are not equal are two counts; equal ones are one."""
    for path, limit in {
        "/a": RateLimit("10/minute", scope="search"),
        "/b": RateLimit("5/minute", scope="search"),
        "/c": RateLimit("10/minute", scope="search"),
        "/d": RateLimit("10/minute", scope="search", burst=2),
        "/e": RateLimit("5/minute"),
        "/f": RateLimit("6/minute"),
        "/g": RateLimit(lambda _: "7/minute", scope="search"),
        "/h": RateLimit("7/minute", scope="other"),
    }.items():
        app.get(path, dependencies=[GUARD, Depends(limit)])(endpoint())
    assert found(app) == [("conflicting_limits", "GET /b"), ("conflicting_limits", "GET /d")]
    first, _ = audit_of(app).findings
    assert first.message.startswith(
        "The scope 'search' has 5/minute here and 10/minute at GET /a, which are two counts."
    )


def test_conflicting_logins(app: FastAPI) -> None:
    """Two logins that count one account in two ways."""
    strict = LoginLimits(account=RateLimit("3/hour", scope="login: account", on_error="deny"))
    app.include_router(session_router(SESSION))
    app.include_router(jwt_router(JWTAuth(secret=SECRET), Login(limits=strict)))
    assert found(app) == [("conflicting_limits", "POST /token")]


def test_repeated_guards(app: FastAPI) -> None:
    """A guard twice among the dependencies, or among the parameters, with the same scopes."""
    router = APIRouter(dependencies=[GUARD])
    router.get("/router")(endpoint())
    app.include_router(router, dependencies=[Depends(SESSION)])
    app.get("/once", dependencies=[GUARD, Security(SESSION, scopes=["a"])])(endpoint())

    @app.get("/alias", dependencies=[GUARD])
    async def alias(user: Annotated[Any, GUARD]) -> None:
        """The guard is a parameter too, as where a router is guarded and a route needs the user."""

    @app.get("/parameters")
    async def parameters(
        user: Annotated[Any, Depends(SESSION)], same: Annotated[Any, GUARD]
    ) -> None:
        """Never called."""

    assert found(app) == [
        ("repeated_guard", "GET /router"),
        ("repeated_guard", "GET /parameters"),
    ]
    assert "Depends(Session) is given twice" in audit_of(app).findings[0].message


def test_overridden_guards(app: FastAPI) -> None:
    """A guard that `dependency_overrides` replaces, of this application or of a mounted one."""
    inner = FastAPI(openapi_url=None)
    for one in (app, inner):
        one.get("/", dependencies=[GUARD])(endpoint())
    app.mount("/inner", inner)
    inner.dependency_overrides[SESSION] = endpoint()
    assert found(app) == [("overridden_guard", "GET /inner/")]


def test_hidden_routes(app: FastAPI) -> None:
    """A prebuilt route that another prebuilt one hides; not one that the application replaces."""
    app.post("/auth/logout", dependencies=[GUARD])(endpoint())
    app.include_router(session_router(SESSION), prefix="/auth")
    assert found(app) == []
    other = SessionAuth(name="other")
    app.include_router(session_router(other), prefix="/other")
    assert found(app) == []
    app.include_router(session_router(other), prefix="/auth")
    hidden = [name for code, name in found(app) if code == "hidden_route"]
    assert {"POST /auth/login", "GET /auth/sessions"} <= set(hidden)
    assert len(hidden) == len(found(app))


def test_split_scopes(app: FastAPI) -> None:
    """A string as the scopes of `Security`, of which FastAPI makes a list of letters."""
    wrong: Any = "reports:read"
    app.get("/wrong", dependencies=[Security(SESSION, scopes=wrong)])(endpoint())
    app.get("/right", dependencies=[Security(SESSION, scopes=["reports:read", "a"])])(endpoint())
    assert found(app) == [("split_scope", "GET /wrong")]


def test_routes_of_an_outside_feature(app: FastAPI) -> None:
    """A public route of another module needs a limit, even if its class is `AuthRoute`."""
    router = APIRouter(route_class=AuthRoute)
    router.post("/comments")(endpoint())
    app.include_router(router)
    [route] = [route for route in audit_of(app).routes if route.path == "/comments"]
    assert route.public == "public"
    assert found(app) == [("unlimited_write", "POST /comments")]


@pytest.mark.parametrize("code", get_args(Code))
def test_documented(code: str) -> None:
    """Each kind of finding has a heading on the page, to which findings refer."""
    assert f"\n### `{code}`\n" in PAGE.read_text("utf-8")
