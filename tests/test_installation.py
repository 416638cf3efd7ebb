"""`install`: one error body, and OpenAPI that names what guards answer."""

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response, Security
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi.security import APIKeyHeader
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Host
from uvicorn.lifespan.on import LifespanOn

from piccolo_api_fastapi import (
    AnyOf,
    Claims,
    ConfigurationError,
    Cookie,
    JWTAuth,
    RateLimit,
    Roles,
    SameOrigin,
    SessionAuth,
    User,
    Users,
    install,
    jwt_router,
    optional,
    public,
    session_router,
)
from piccolo_api_fastapi.core.database import existence
from piccolo_api_fastapi.errors import InvalidToken, StoreUnavailable
from tests.conftest import PASSWORD, SECRET, new_client, reaches_no_sql
from tests.documents import expanded
from tests.lifespans import start_and_stop
from tests.models import Customer


@pytest.mark.security(118)
async def test_own_routes() -> None:
    """The application's own errors are problems too, and keep status and headers."""
    app = FastAPI()
    install(app)

    @app.get("/{status}")
    async def fail(status: int) -> None:
        raise HTTPException(status, "Because.", headers={"X-Why": "so"})

    async with new_client(app) as client:
        for status, code in (
            (404, "not_found"),
            (409, "conflict"),
            (414, "uri_too_long"),
            (416, "range_not_satisfiable"),
            (422, "unprocessable_content"),
            (429, "too_many_requests"),
            (499, "status_499"),  # nginx's own, which HTTP does not name
        ):
            answer = await client.get(f"/{status}")
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["x-why"] == "so"
            assert answer.json()["code"] == code
            assert answer.json()["detail"] == "Because."
        answer = await client.get("/304")
        assert (answer.status_code, answer.content) == (304, b"")


def schema_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    return app.openapi()


@reaches_no_sql
def test_documented(database: Any) -> None:
    """Guarded operations name 401, 403 and 503; what is documented already stays."""
    app = FastAPI()
    install(app)
    session, jwt = SessionAuth(), JWTAuth(secret=SECRET)
    app.include_router(session_router(session), prefix="/api/auth")
    app.include_router(jwt_router(jwt), prefix="/api/auth")
    inner = APIRouter(dependencies=[Security(AnyOf(session, jwt), scopes=["a"])])

    @app.get("/open")
    async def opened() -> None:
        return None

    @app.get("/hidden", include_in_schema=False, dependencies=[Depends(session)])
    async def hidden() -> None:
        return None

    @app.get("/any")
    @app.put("/any")
    async def any_method(user: Annotated[User, Depends(AnyOf(session, jwt))]) -> None:
        return None

    @app.get("/maybe")
    async def maybe(user: Annotated[User | None, Depends(optional(jwt))]) -> None:
        return None

    @inner.get("/inner/{name}", responses={403: {"description": "Mine"}})
    async def included(name: str) -> Response:
        return Response(name)

    @app.get("/claims")
    async def claims(found: Annotated[Claims, Depends(jwt.claims)]) -> None:
        return None

    @app.post("/form", dependencies=[Depends(SameOrigin())])
    async def form() -> None:
        return None

    app.include_router(inner, prefix="/v1")
    paths = expanded(schema_of(app))["paths"]
    assert schema_of(app) is schema_of(app)
    assert "401" not in paths["/open"]["get"]["responses"]
    assert "/hidden" not in paths
    for method in ("get", "put"):
        operation = paths["/any"][method]
        assert {"401", "403", "503"} <= operation["responses"].keys()
        examples = operation["responses"]["401"]["content"]["application/problem+json"]["examples"]
        assert {"not_authenticated", "invalid_session", "invalid_token"} == examples.keys()
        assert operation["security"] == [{"Session": []}, {"JWT": []}]
    assert {} in paths["/maybe"]["get"]["security"]
    only_jwt = paths["/maybe"]["get"]["responses"]["401"]["content"]["application/problem+json"]
    assert {"not_authenticated", "invalid_token"} == only_jwt["examples"].keys()
    assert paths["/v1/inner/{name}"]["get"]["responses"]["403"] == {"description": "Mine"}
    assert {"400", "401", "403"} <= paths["/claims"]["get"]["responses"].keys()
    assert "403" in paths["/form"]["post"]["responses"]
    models = schema_of(app)["components"]["schemas"]
    assert not {"HTTPValidationError", "ValidationError"} & models.keys()
    schemes = schema_of(app)["components"]["securitySchemes"]
    assert schemes["JWT"]["flows"]["password"]["tokenUrl"] == "api/auth/token"


def test_models_that_are_named() -> None:
    """A model of the application's own stays, whatever its name."""

    class ValidationError(BaseModel):
        why: str

    app = FastAPI()
    install(app)

    @app.get("/")
    async def show() -> ValidationError:
        return ValidationError(why="so")

    assert "ValidationError" in schema_of(app)["components"]["schemas"]


def test_nothing_to_document() -> None:
    """An application without guards, or without a token route, is left as it is."""
    app = FastAPI()
    install(app)
    assert schema_of(app)["paths"] == {}
    jwt = JWTAuth(secret=SECRET, token_url="elsewhere/token")

    @app.get("/")
    async def route(user: Annotated[User, Depends(jwt)]) -> None:
        return None

    app.openapi_schema = None
    flow = schema_of(app)["components"]["securitySchemes"]["JWT"]["flows"]["password"]
    assert flow["tokenUrl"] == "elsewhere/token"


async def test_an_error_outside() -> None:
    """An error of a middleware around everything is a problem too, though nobody noted headers."""
    app = FastAPI()
    install(app)

    class Broken:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, *_: Any) -> None:
            raise RuntimeError

    app.add_middleware(Broken)
    async with new_client(app) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_server_error")


ORIGIN = "https://shop.example"
CORS: dict[str, Any] = {"allow_origins": [ORIGIN], "allow_credentials": True}


@pytest.mark.parametrize("order", ["constructor", "cors first", "install first"])
async def test_cors(order: str) -> None:
    """Preflights are not charged, and refusals have the headers of CORS, in every order."""
    app = FastAPI(middleware=[Middleware(CORSMiddleware, **CORS)] if order == "constructor" else [])
    if order == "cors first":
        app.add_middleware(CORSMiddleware, **CORS)
    install(app, limit=RateLimit("2/hour", scope="all"))
    if order == "install first":
        app.add_middleware(CORSMiddleware, **CORS)

    @app.get("/items")
    async def items() -> list[str]:
        return []

    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    async with new_client(app) as client:
        for status in (200, 200, 429):
            for _ in range(3):
                assert (await client.options("/items", headers=preflight)).status_code == 200
            answer = await client.get("/items", headers={"Origin": ORIGIN})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert answer.headers["vary"] == "Origin"


Paths = dict[str, Any]


def _all(paths: Paths) -> Paths:
    return paths


def _without_internal(paths: Paths) -> Paths:
    return {path: item for path, item in paths.items() if not path.startswith("/internal")}


def _behind_gateway(paths: Paths) -> Paths:
    return {f"/shop{path}": item for path, item in paths.items()}


def _without_deletions(paths: Paths) -> Paths:
    return {
        path: {method: operation for method, operation in item.items() if method != "delete"}
        for path, item in paths.items()
    }


@reaches_no_sql
@pytest.mark.parametrize("change", [_all, _without_internal, _behind_gateway, _without_deletions])
@pytest.mark.parametrize("keeps", [False, True])
async def test_changed_documents(session: SessionAuth[User], change: Any, keeps: Any) -> None:
    """What the application left in its document is completed, each time it is asked for."""
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")

    @app.get("/internal/metrics")
    async def metrics(user: Annotated[User | None, Depends(optional(session))]) -> None: ...

    def openapi() -> dict[str, Any]:
        if app.openapi_schema and keeps:
            return app.openapi_schema
        schema = get_openapi(title="Shop", version="1", routes=app.routes)
        schema["paths"] = change(schema["paths"])
        app.openapi_schema = schema
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
    install(app)
    documents = []
    async with new_client(app) as client:
        for _ in range(2):
            answer = await client.get("/openapi.json")
            assert answer.status_code == 200
            documents.append(answer.json())
    assert documents[0] == documents[1]
    paths = expanded(documents[0])["paths"]
    [login] = [item["post"] for path, item in paths.items() if path.endswith("/auth/login")]
    assert "application/problem+json" in login["responses"]["422"]["content"]
    for path, item in paths.items():
        if path.endswith("/internal/metrics"):
            assert item["get"]["security"] == [{"Session": []}, {}]


@reaches_no_sql
async def test_what_no_guard_covers(
    database: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Routes and mounts without a guard are listed once, at INFO, those of mounts included."""
    session, jwt = SessionAuth(), JWTAuth(secret=SECRET)
    app = FastAPI(dependencies=[Depends(session)], openapi_url=None)
    install(app, check_tables=False)
    app.include_router(session_router(session), prefix="/auth")
    inner = FastAPI(openapi_url=None)

    async def plain(_: Request) -> Response:
        return Response()

    app.get("/guarded")(open_endpoint())
    app.get("/public")(public(open_endpoint()))
    app.router.add_route("/plain", plain, methods=["GET", "POST"])
    app.mount("/static", StaticFiles(directory=tmp_path))
    app.mount("/inner", inner)
    app.router.routes.append(Host("files.example.com", StaticFiles(directory=tmp_path)))
    for path, guards in {
        "/open": [],
        "/claims": [Depends(jwt.claims)],
        "/key": [Security(APIKeyHeader(name="X-Key"))],
        "/maybe": [Depends(optional(jwt))],
        "/limited": [Depends(RateLimit("9/minute", scope="limited"))],
    }.items():
        inner.add_api_route(path, open_endpoint(), dependencies=guards)
    inner.add_api_websocket_route("/ws", open_endpoint())
    with caplog.at_level(logging.INFO, logger="piccolo_api_fastapi"):
        lifespan = LifespanOn(uvicorn.Config(app, lifespan="on", log_config=None))
        await lifespan.startup()
        await lifespan.shutdown()
    listed = [r.getMessage() for r in caplog.records if r.name == "piccolo_api_fastapi"]
    assert len(listed) == 1
    assert listed[0].partition(": ")[2].rstrip(".").split(", ") == [
        "GET /plain",
        "POST /plain",
        "MOUNT /static",
        "GET /inner/open",
        "GET /inner/limited",
        "WS /inner/ws",
        "MOUNT //files.example.com",
    ]


def open_endpoint() -> Any:
    """An endpoint that nobody has marked."""

    async def endpoint() -> None:
        return None

    return endpoint


async def test_all_is_guarded(
    session: SessionAuth[User], caplog: pytest.LogCaptureFixture, database: Any
) -> None:
    """Where guards cover everything, the start says nothing of routes."""
    app = FastAPI(openapi_url=None, dependencies=[Depends(session)])
    install(app, check_tables=False)
    with caplog.at_level("INFO"):
        await start_and_stop(app)
    assert "No guard covers" not in caplog.text


@pytest.mark.parametrize(
    ("checks", "scopes_of", "is_down"),
    [
        (True, None, False),
        (False, None, False),
        (True, lambda _: (), False),
        (True, None, True),
    ],
)
async def test_permissions_that_routes_ask_for(
    database: Any, monkeypatch: pytest.MonkeyPatch, *, checks: bool, scopes_of: Any, is_down: bool
) -> None:
    """`*` includes them, whatever the check of the tables does when the application starts."""
    users = Users(roles=Roles(), scopes_of=scopes_of)
    app = FastAPI()
    install(app, check_tables=checks)
    app.get("/", dependencies=[Security(SessionAuth(users), scopes=["a:b"])])(open_endpoint())

    async def find_none(_: Any) -> None:
        raise StoreUnavailable

    if is_down:
        monkeypatch.setattr(existence, "check_tables", find_none)
    ada = User(username="ada")
    assert await users.scopes_of(ada, "*") == {"account", "*", "roles:manage"}
    assert [*await users.unknown_permissions(["c:d"])] == ([] if scopes_of else ["c:d"])
    await start_and_stop(app)
    assert await users.scopes_of(ada, "*") == {"account", "*", "roles:manage", "a:b"}


@reaches_no_sql
async def test_audit(
    session: SessionAuth[User], caplog: pytest.LogCaptureFixture, database: Any
) -> None:
    """With `audit=True` the start logs what guards each route, and a warning for each finding."""
    app = FastAPI(openapi_url=None)
    install(app, check_tables=False, audit=True)
    app.get("/closed", dependencies=[Depends(session)])(open_endpoint())
    app.get("/open")(open_endpoint())
    with caplog.at_level("INFO"):
        await start_and_stop(app)
    table, finding = [r for r in caplog.records if r.name == "piccolo_api_fastapi"]
    assert (table.levelname, finding.levelname) == ("INFO", "WARNING")
    assert [line.split()[:3] for line in table.getMessage().splitlines()[2:]] == [
        ["GET", "/closed", "Session"],
        ["GET", "/open", "NOTHING"],
    ]
    assert finding.getMessage().startswith("unguarded_route: GET /open: Nothing guards this route.")


@reaches_no_sql
async def test_hidden_routes(
    users: Users[User], caplog: pytest.LogCaptureFixture, database: Any
) -> None:
    """Two routers with one prefix are logged when the application starts, once for each route."""
    app = FastAPI()
    install(app, check_tables=False)
    for name in ("one", "other"):
        app.include_router(session_router(SessionAuth(users, name=name)), prefix="/auth")
    await start_and_stop(app)
    assert caplog.messages.count("POST /auth/login is there twice: the first answers.") == 1
    assert all("hidden_route" not in message for message in caplog.messages)


@reaches_no_sql
async def test_scopes_of_one_letter(
    session: SessionAuth[User], caplog: pytest.LogCaptureFixture, database: Any
) -> None:
    """A string as the scopes of `Security` is logged when the application starts."""
    app = FastAPI(openapi_url=None)
    install(app, check_tables=False)
    wrong: Any = "reports:read"
    app.get("/reports", dependencies=[Security(session, scopes=wrong)])(open_endpoint())
    await start_and_stop(app)
    [warned] = caplog.messages
    assert warned.startswith("split_scope: GET /reports: Each scope that the guard needs is one ")


@reaches_no_sql
async def test_responses_without_a_schema(session: SessionAuth[User]) -> None:
    """A response that an application describes by an example only stays as it is."""
    app = FastAPI()
    install(app)
    plain = {"text/plain": {"example": "not here"}}

    @app.get("/", responses={404: {"description": "None", "content": plain}})
    async def found(_: Annotated[User, Depends(session)]) -> None: ...

    assert app.openapi()["paths"]["/"]["get"]["responses"]["404"]["content"] == plain


@pytest.mark.parametrize("name", ["staff", None])
async def test_schemes_with_one_name(
    session: SessionAuth[User],
    users: Users[User],
    caplog: pytest.LogCaptureFixture,
    name: str | None,
) -> None:
    """Schemes that OpenAPI can't tell apart are logged when the application starts, by name."""
    app = FastAPI()
    install(app)
    other = SessionAuth(users, name=name, cookie=Cookie("other"))
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(session_router(other, operation_prefix="other"), prefix="/other")
    await start_and_stop(app)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expected = "Two schemes are Session in OpenAPI. Give one a name, such as 'staff'."
    assert warned == ([] if name else [expected])


@pytest.mark.security(41)
@pytest.mark.parametrize(
    ("secret", "options", "error"),
    [
        (SECRET, {}, ConfigurationError),
        (SECRET, {"name": "staff", "audience": "piccolo_api_fastapi"}, ConfigurationError),
        (SECRET, {"name": "staff"}, None),
        (SECRET, {"issuer": "https://staff.example.com"}, None),
        (SECRET[::-1], {}, None),
    ],
)
async def test_tokens_of_two_user_tables(
    users: Users[User], secret: str, options: dict[str, Any], error: type[Exception] | None
) -> None:
    """The application starts only if `claims` takes no customer for a user."""
    app, customers = FastAPI(), Users(Customer, clock=users.clock)
    install(app)
    jwt = JWTAuth(users, secret=SECRET)
    schemes: dict[str, JWTAuth[Any]] = {
        "users": jwt,
        "customers": JWTAuth(customers, secret=secret, **options),
        "again": JWTAuth(users, secret=SECRET),
    }
    for path, scheme in schemes.items():
        app.include_router(jwt_router(scheme, operation_prefix=path), prefix=f"/{path}")
    await customers.create("ada", PASSWORD)
    async with new_client(app) as client:
        form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
        answer = await client.post("/customers/token", data=form)
    with nullcontext() if error else pytest.raises(InvalidToken):
        jwt.decode(answer.json()["access_token"])
    with pytest.raises(error, match="of User and Customer") if error else nullcontext():
        await start_and_stop(app)
