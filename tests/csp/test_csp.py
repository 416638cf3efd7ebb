"""`CSP` on applications, routers and routes: one header, with a nonce where one is safe."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response, WebSocket
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel

from piccolo_api_fastapi import (
    CSP,
    NONCE,
    ConfigurationError,
    RateLimit,
    SessionAuth,
    User,
    install,
    optional,
)
from tests.conftest import new_client, web_socket

ENFORCED = "Content-Security-Policy"
REPORTED = "Content-Security-Policy-Report-Only"
NONCES = re.compile(r"'nonce-([A-Za-z0-9_-]{22})'")
SELF = "default-src 'self'"


class Movie(BaseModel):
    """What a route answers."""

    name: str


def add_routes(app: FastAPI) -> None:
    """Add routes that answer in every way."""

    @app.get("/model")
    async def model() -> Movie:
        return Movie(name="Alien")

    @app.get("/html", response_class=HTMLResponse)
    async def html() -> str:
        return "<h1>Alien</h1>"

    @app.get("/returned")
    async def returned() -> HTMLResponse:
        return HTMLResponse("<h1>Alien</h1>")

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(__file__)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]), media_type="text/html")

    @app.get("/refused")
    async def refused() -> None:
        raise HTTPException(403, "No.")

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError

    @app.get("/number")
    async def number(number: int) -> int:
        return number


ROUTES = {
    "/model": 200,
    "/html": 200,
    "/returned": 200,
    "/file": 200,
    "/stream": 200,
    "/refused": 403,
    "/broken": 500,
    "/number?number=a": 422,
    "/number?number=1": 200,
}
WITHOUT_A_ROUTE = {"/none": 404, "/openapi.json": 200}


async def headers_of(app: FastAPI, path: str, status: int = 200) -> httpx.Headers:
    """The headers of a response."""
    async with new_client(app) as client:
        answer = await client.get(path)
    assert answer.status_code == status, answer.text
    return answer.headers


def policies(headers: httpx.Headers) -> tuple[list[str], list[str]]:
    """The policies of a response, those that are enforced and those that are reported."""
    return headers.get_list(ENFORCED), headers.get_list(REPORTED)


@pytest.mark.parametrize("report_only", [False, True])
async def test_every_response(*, report_only: bool) -> None:
    """As a dependency of the application: models, HTML, files, streams and errors of routes."""
    app = FastAPI(dependencies=[Depends(CSP(default_src=["self"], report_only=report_only))])
    install(app)
    add_routes(app)
    expected = ([], [SELF]) if report_only else ([SELF], [])
    for path, status in ROUTES.items():
        assert expected == policies(await headers_of(app, path, status)), path
    for path, status in WITHOUT_A_ROUTE.items():
        assert policies(await headers_of(app, path, status)) == ([], []), path


async def test_installed() -> None:
    """By `install`, responses that no route makes have it as well."""
    app = FastAPI()
    every = ROUTES | WITHOUT_A_ROUTE
    limit = RateLimit(f"{len(every)}/day", strict=True)
    install(app, csp=CSP(default_src=["self"]), limit=limit)
    add_routes(app)
    for path, status in [*every.items(), ("/model", 429)]:
        assert policies(await headers_of(app, path, status)) == ([SELF], []), path


async def test_not_installed() -> None:
    """Without `install`, what FastAPI makes of data has the header; returned responses do not."""
    app = FastAPI(dependencies=[Depends(CSP(default_src=["self"], report_to="/csp"))])
    add_routes(app)
    expected = [f"{SELF}; report-uri /csp; report-to csp"]
    for path in ("/model", "/html", "/number?number=1"):
        headers = await headers_of(app, path)
        assert expected == headers.get_list(ENFORCED), path
        assert headers["Reporting-Endpoints"] == 'csp="/csp"'
    for path in ("/returned", "/file", "/stream", "/refused", "/number?number=a"):
        assert policies(await headers_of(app, path, ROUTES[path])) == ([], []), path


@pytest.mark.parametrize("installed", [True, False])
async def test_the_innermost_wins(*, installed: bool) -> None:
    """Of several policies, the response has one: of the route, the router, the application."""
    app = FastAPI(dependencies=[Depends(CSP(default_src=["self"]))])
    if installed:
        install(app, csp=CSP(default_src=["https://install.example"]))
    router = APIRouter(dependencies=[Depends(CSP(default_src=["https://router.example"]))])

    @app.get("/app")
    async def by_app() -> int:
        return 1

    @router.get("/router")
    async def by_router() -> int:
        return 1

    @router.get("/route", dependencies=[Depends(CSP(default_src=["https://route.example"]))])
    async def by_route() -> int:
        return 1

    @router.get("/own")
    async def own(response: Response) -> int:
        response.headers[ENFORCED] = "default-src https://own.example"
        return 1

    app.include_router(router)
    for path, source in {
        "/app": "'self'",
        "/router": "https://router.example",
        "/route": "https://route.example",
        "/own": "https://own.example",
    }.items():
        assert policies(await headers_of(app, path)) == ([f"default-src {source}"], []), path


async def test_a_response_of_its_own() -> None:
    """A header of a returned response is not replaced, in whatever case it is written."""
    app = FastAPI(dependencies=[Depends(CSP(default_src=["self"]))])
    install(app)

    @app.get("/")
    async def own() -> JSONResponse:
        return JSONResponse(1, headers={ENFORCED.lower(): "default-src 'none'"})

    assert policies(await headers_of(app, "/")) == (["default-src 'none'"], [])


async def test_both_kinds() -> None:
    """A policy on trial stands beside the one that is enforced, and does not switch it off."""
    app = FastAPI(dependencies=[Depends(CSP(default_src=["self"]))])
    install(app)
    trial = CSP(default_src=[], report_only=True, report_to="/csp")

    @app.get("/", dependencies=[Depends(trial)])
    async def home() -> int:
        return 1

    expected = "default-src 'none'; report-uri /csp; report-to csp"
    assert policies(await headers_of(app, "/")) == ([SELF], [expected])


async def test_mounted() -> None:
    """A mounted application that is installed has its own policy; another that of the outer."""
    inner, plain, app = FastAPI(), FastAPI(), FastAPI()
    install(app, csp=CSP(default_src=["self"]))
    install(inner, csp=CSP(default_src=[]))
    for mounted in (inner, plain):
        add_routes(mounted)
    app.mount("/inner", inner)
    app.mount("/plain", plain)
    for path, expected in {"/inner": "default-src 'none'", "/plain": SELF}.items():
        for tail, status in {"/html": 200, "/none": 404}.items():
            headers = await headers_of(app, path + tail, status)
            assert policies(headers) == ([expected], []), path + tail


async def test_reporting_endpoints() -> None:
    """`report-to` needs an endpoint, which browsers know over TLS, and which is the route's."""
    app = FastAPI(dependencies=[Depends(CSP(default_src=["self"], report_to="/csp"))])
    install(app)

    @app.get("/own")
    async def own() -> JSONResponse:
        return JSONResponse(1, headers={"Reporting-Endpoints": 'other="/other"'})

    @app.get("/")
    async def home() -> int:
        return 1

    transport = httpx.ASGITransport(app=app)
    for base, endpoint in {"http://testserver": None, "https://testserver": 'csp="/csp"'}.items():
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            headers = (await client.get("/")).headers
            tail = "; report-to csp" if endpoint else ""
            assert headers[ENFORCED] == f"{SELF}; report-uri /csp{tail}"
            assert headers.get("Reporting-Endpoints") == endpoint
            headers = (await client.get("/own")).headers
            assert headers[ENFORCED] == f"{SELF}; report-uri /csp"
            assert headers.get_list("Reporting-Endpoints") == ['other="/other"']


async def test_web_sockets() -> None:
    """The handshake of a WebSocket has no policy."""
    csp = CSP(default_src=["self"])
    app = FastAPI(dependencies=[Depends(csp)])
    install(app, csp=csp)

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    sent = await web_socket(app, "/ws")
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert not sent[0].get("headers")


def with_nonces(csp: CSP) -> FastAPI:
    """An application whose routes ask for the nonce."""
    app = FastAPI(dependencies=[Depends(csp)])
    install(app)

    async def inner(nonce: Annotated[str, Depends(csp.nonce)]) -> str:
        return nonce

    @app.get("/page", response_class=HTMLResponse)
    async def page(
        nonce: Annotated[str, Depends(csp.nonce)], again: Annotated[str, Depends(inner)]
    ) -> str:
        return f"{nonce} {again}"

    @app.get("/returned")
    async def returned(
        nonce: Annotated[str, Depends(csp.nonce)],
        cache: str,
        kind: str = "text/html; charset=utf-8",
    ) -> Response:
        headers = {"Cache-Control": cache} if cache else {}
        return Response(nonce, headers=headers, media_type=kind)

    @app.get("/stream")
    async def stream(nonce: Annotated[str, Depends(csp.nonce)]) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield nonce

        return StreamingResponse(parts(), media_type="text/html")

    @app.get("/json")
    async def data(nonce: Annotated[str, Depends(csp.nonce)]) -> dict[str, str]:
        return {"nonce": nonce}

    @app.get("/error")
    async def error(nonce: Annotated[str, Depends(csp.nonce)]) -> None:
        raise HTTPException(403, nonce)

    @app.get("/unchanged")
    async def unchanged(nonce: Annotated[str, Depends(csp.nonce)]) -> Response:
        return Response(status_code=304, headers={"ETag": '"1"'})

    @app.get("/plain", response_class=HTMLResponse)
    async def plain() -> str:
        return "no script"

    return app


PAGES = CSP(script_src=["self", NONCE])


async def get(app: FastAPI, path: str) -> tuple[str, str | None, str | None]:
    """The body, the policy and the caching of a response."""
    async with new_client(app) as client:
        answer = await client.get(path)
    assert len(answer.headers.get_list(ENFORCED)) < 2
    return answer.text, answer.headers.get(ENFORCED), answer.headers.get("Cache-Control")


async def test_nonce() -> None:
    """A page has one nonce of 128 bits, the header has it too, and no cache keeps either."""
    app = with_nonces(PAGES)
    seen = set()
    for path in ("/page", "/page", "/stream", "/returned?cache="):
        body, policy, caching = await get(app, path)
        nonces = set(body.split(" "))
        assert len(nonces) == 1
        assert policy == f"script-src 'self' 'nonce-{body.split(' ')[0]}'"
        assert NONCES.findall(policy or "") == [*nonces]
        assert caching == "no-store"
        seen |= nonces
    assert len(seen) == 4


async def test_no_nonce() -> None:
    """Without a page that asks for it, there is no nonce in the header, and caches may go on."""
    app = with_nonces(PAGES)
    for path in ("/plain", "/json", "/error", "/returned?cache=&kind=text/plain"):
        _, policy, caching = await get(app, path)
        assert policy == "script-src 'self'", path
        assert caching is None, path
    # This one must not change the policy of the page that the browser has.
    assert (await get(app, "/unchanged"))[1:] == (None, None)


@pytest.mark.parametrize(
    ("caching", "expected"),
    [
        ("no-store", True),
        ("private, No-Store", True),
        ("no-cache", False),
        ("private", False),
        ("private, max-age=60", False),
        ("public, max-age=600", False),
        ('private="no-store"', False),
    ],
)
async def test_caches(caching: str, *, expected: bool) -> None:
    """A nonce that a cache may keep is not sent: whoever has seen it could use it again."""
    _, policy, found = await get(with_nonces(PAGES), f"/returned?cache={caching}")
    assert expected == bool(NONCES.search(policy or ""))
    assert caching == found


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_guarded_pages(session: SessionAuth[User]) -> None:
    """What guards say about caching does not weaken `no-store`."""
    app = FastAPI()
    install(app)

    @app.get("/", response_class=HTMLResponse, dependencies=[Depends(optional(session))])
    async def home(nonce: Annotated[str, Depends(PAGES.nonce)]) -> str:
        return nonce

    body, policy, caching = await get(app, "/")
    assert policy == f"script-src 'self' 'nonce-{body}'"
    assert caching == "no-store"


async def test_nonce_of_several_policies() -> None:
    """A request has one nonce, whichever policies stand in the response."""
    wider = PAGES.adding(script_src=["https://a.example"])
    trial = CSP(script_src=[NONCE], report_only=True)
    app = FastAPI(dependencies=[Depends(PAGES), Depends(trial)])
    install(app)

    @app.get("/", response_class=HTMLResponse)
    async def home(
        nonce: Annotated[str, Depends(wider.nonce)], other: Annotated[str, Depends(trial.nonce)]
    ) -> str:
        assert nonce == other
        return nonce

    async with new_client(app) as client:
        answer = await client.get("/")
    assert policies(answer.headers) == (
        [f"script-src 'self' 'nonce-{answer.text}' https://a.example"],
        [f"script-src 'nonce-{answer.text}'"],
    )


async def test_nonce_that_can_not_be() -> None:
    """A policy without `NONCE`, or an application without `install`, is told at once."""
    with pytest.raises(ConfigurationError, match="add NONCE"):
        _ = CSP(script_src=["self"]).nonce
    app = FastAPI()

    @app.get("/")
    async def home(nonce: Annotated[str, Depends(PAGES.nonce)]) -> str:
        return nonce

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="https://testserver"
    ) as client:
        with pytest.raises(ConfigurationError, match="install"):
            await client.get("/")


async def test_overrides() -> None:
    """The nonce can be replaced in tests, as every dependency."""
    app = with_nonces(PAGES)
    app.dependency_overrides[PAGES.nonce] = lambda: "fixed"
    assert (await get(app, "/page"))[:2] == ("fixed fixed", "script-src 'self'")


def test_strict() -> None:
    """The preset allows scripts by nonce alone; its directives can be replaced."""
    assert CSP.strict().policy.header("abc") == (
        "default-src 'self'; script-src 'nonce-abc' 'strict-dynamic'; "
        "style-src 'self' 'nonce-abc'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    other = CSP.strict(report_only=True, img_src=["self"], report_to="/csp")
    assert other.report_only
    assert "img-src 'self';" in str(other.policy)
    assert str(other.policy).endswith("; report-uri /csp")


def test_wrong() -> None:
    """What `Policy` refuses, `CSP` refuses."""
    with pytest.raises(ConfigurationError, match="script_src"):
        CSP(script_src=["a;b"])
    unknown: Any = {"scripts": ["self"]}
    with pytest.raises(TypeError, match="scripts"):
        CSP(**unknown)
    wrong: Any = "yes"
    with pytest.raises(ConfigurationError, match="CSP: report_only must be bool"):
        CSP(default_src=["self"], report_only=wrong)
