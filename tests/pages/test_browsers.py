"""What browsers and others see of an application with `pages.install`."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.applications import Starlette
from starlette.routing import Mount, Router

from piccolo_api_fastapi import (
    AnyOf,
    AuthError,
    Cookie,
    JWTAuth,
    Login,
    Pages,
    SessionAuth,
    User,
    Users,
    install,
    public,
    session_router,
)
from piccolo_api_fastapi.errors import Unauthenticated
from piccolo_api_fastapi.pages.browsers import BrowserErrors
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, log_in, reaches_no_sql, unchanged, web_socket
from tests.pages.browsing import HEADERS, Browser, Page
from tests.pages.catalogue import TEXTS

HTML = HEADERS["accept"]


class Teapot(HTTPException):
    """An error of an application's own."""


def build(session: SessionAuth[User], jwt: JWTAuth[User], order: str) -> FastAPI:
    """An application with guards of several kinds, and pages."""
    pages, app = Pages(session, Login(session.users)), FastAPI()
    app.include_router(pages.router)
    app.include_router(session_router(session), prefix="/auth")
    for step in order.split(", "):
        if step == "install":
            install(app)
        elif step == "pages":
            pages.install(app)
    either = AnyOf(session, jwt)

    @app.get("/film")
    @app.head("/film")
    @app.post("/film")
    async def film(user: Annotated[User, Depends(session)]) -> dict[str, str]:
        return {"username": user.username}

    @app.get("/either")
    async def by_either(user: Annotated[User, Depends(either)]) -> dict[str, str]:
        return {"username": user.username}

    @app.get("/api")
    async def by_token(user: Annotated[User, Depends(jwt)]) -> dict[str, str]:
        return {"username": user.username}

    _add_errors(app)
    _add_pages(app, pages)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.get("/raised")
    async def raised() -> None:
        raise Unauthenticated

    @app.get("/boom")
    async def boom() -> None:
        raise ValueError("<secret>")

    @app.get("/gone/{status}")
    async def gone(status: int) -> None:
        raise HTTPException(status, {"reason": "<secret>"}, headers={"X-A": "b"})


def _add_pages(app: FastAPI, pages: Pages[User]) -> None:
    @app.get("/page")
    async def page(user: Annotated[User, Depends(pages.user)]) -> dict[str, str]:
        return {"username": user.username}

    @app.post("/page")
    async def post(user: Annotated[User, Depends(pages.user)]) -> dict[str, str]:
        return {"username": user.username}

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, user: Annotated[User, Depends(pages.user)]) -> None:
        await websocket.accept()
        await websocket.close()


ORDERS = ("pages", "install, pages", "pages, install")


@lru_cache
def _built(session: SessionAuth[User], jwt: JWTAuth[User], order: str) -> FastAPI:
    return build(session, jwt, order)


@pytest.fixture(params=ORDERS)
def app(
    session: SessionAuth[User], jwt: JWTAuth[User], request: pytest.FixtureRequest
) -> Iterator[FastAPI]:
    """The application, with and without `install`, in either order."""
    yield from unchanged(_built, session, jwt, request.param)


def client_of(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    """A client that sends these headers and no others of a browser."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="https://testserver", headers=given
    )


@reaches_no_sql
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "headers",
    [
        {"accept": HTML},
        {"accept": HTML, "sec_fetch_dest": "document"},
        {"accept": "text/html;level=1;q=0.5"},
        {"accept": "application/json;q=0.5, text/html;q=0.6"},
        {"accept": "TEXT/HTML; q=1.0, */*"},
        {"accept": HTML, "cookie": "__Host-session=ended"},
    ],
    ids=str,
)
async def test_navigation(app: FastAPI, method: str, headers: dict[str, str]) -> None:
    """A browser that opens a guarded address goes to the page to log in, and keeps the way back."""
    for path in ("/film", "/either", "/page"):
        if method == "HEAD" and path != "/film":
            continue
        response = await client_of(app, **headers).request(method, f"{path}?x=1")
        assert response.status_code == 303
        assert response.headers["location"] == f"/account/login?next=%2F{path[1:]}%3Fx%3D1"
        assert response.headers["cache-control"] == "no-store"
        if method == "GET":
            assert response.headers.get("content-length", "0") == str(len(response.content))
        if path != "/page":
            assert {"accept", "cookie"} <= {
                name.strip().lower() for name in response.headers["vary"].split(",")
            }


@reaches_no_sql
@pytest.mark.security(118, 119)
@pytest.mark.parametrize(
    "headers",
    [
        {"accept": "application/json"},
        {"accept": "*/*"},
        {"accept": ""},
        {"accept": HTML, "sec_fetch_dest": "empty"},
        {"accept": HTML, "sec_fetch_dest": "iframe"},
        {"accept": HTML, "authorization": "Bearer x"},
        {"accept": "text/html;q=0"},
        {"accept": "text/html;q=nonsense"},
        {"accept": "text/html;q=nan"},
        {"accept": "application/json, text/html;q=0.9"},
        {"accept": ",".join(["image/png"] * 20) + ",text/html"},
    ],
    ids=str,
)
async def test_no_navigation(app: FastAPI, headers: dict[str, str]) -> None:
    """Scripts and programs get their 401 as before."""
    for path in ("/film", "/either", "/page"):
        response = await client_of(app, **headers).get(path)
        assert response.status_code == 401
        assert "WWW-Authenticate" in response.headers
        assert "json" in response.headers["content-type"]
        assert "location" not in response.headers


@reaches_no_sql
async def test_post(app: FastAPI) -> None:
    """A form is not led away, since its body would be lost: it gets a page with a link."""
    for path in ("/film", "/page"):
        response = await client_of(app, accept=HTML).post(path)
        assert response.status_code == 401
        page = Page(response)
        page.check()
        assert page.errors == [TEXTS["error.not_authenticated"]]
        assert "/account/login" in [it["href"] for it in page.tags("a")]
    response = await client_of(app, accept="*/*").post("/film")
    assert "json" in response.headers["content-type"]


async def test_no_circles(app: FastAPI, ada: User) -> None:
    """Logging in does not help where another credential is asked for: the answer is a page."""
    browser = Browser(app)
    page = await browser.open("/api")
    assert (page.status, page.path) == (401, "/api")
    page = await browser.open("/raised")
    assert page.path == "/account/login"
    await browser.open("/film")
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.text == '{"username":"ada"}'
    for path in ("/either", "/page"):
        assert (await browser.open(path)).text == '{"username":"ada"}'
    for path in ("/api", "/raised"):
        page = await browser.open(path)
        assert (page.status, page.path) == (401, path)
        page.check()


@reaches_no_sql
async def test_htmx(app: FastAPI) -> None:
    """A part of a page that htmx asks for sends the whole page away."""
    current = "https://testserver/films?x=1"
    htmx = {"accept": "*/*", "hx_request": "true", "hx_current_url": current}
    response = await client_of(app, **htmx).get("/film")
    assert response.status_code == 401
    assert response.headers["hx-redirect"] == "/account/login?next=%2Ffilms%3Fx%3D1"
    response = await client_of(app, **htmx).post("/film")
    assert response.headers["hx-redirect"] == "/account/login?next=%2Ffilms%3Fx%3D1"
    response = await client_of(app, **{**htmx, "hx_current_url": "https://e.com//evil"}).get(
        "/film"
    )
    assert response.headers["hx-redirect"] == "/account/login"
    response = await client_of(app, **{**htmx, "hx_current_url": "https://e.com/films"}).get(
        "/film"
    )
    assert response.headers["hx-redirect"] == "/account/login?next=%2Ffilms"
    response = await client_of(app, **{**htmx, "hx_current_url": "http://["}).get("/film")
    assert response.headers["hx-redirect"] == "/account/login"
    assert "hx-redirect" not in (await client_of(app, **htmx).get("/api")).headers
    assert "hx-redirect" not in (await client_of(app, **htmx).get("/nothing")).headers


@reaches_no_sql
async def test_websocket(app: FastAPI) -> None:
    """A WebSocket is refused as before."""
    sent = await web_socket(app, "/ws", accept=HTML)
    assert sent[0]["type"] in {"websocket.close", "websocket.http.response.start"}
    assert sent[0].get("status", 401) == 401


@reaches_no_sql
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 429, 503])
async def test_errors(app: FastAPI, status: int) -> None:
    """Browsers see the errors of an application as pages, without what was meant for programs."""
    response = await client_of(app, accept=HTML).get(f"/gone/{status}")
    page = Page(response)
    page.check()
    assert (page.status, page.headers["x-a"]) == (status, "b")
    assert page.errors
    assert "secret" not in page.text
    response = await client_of(app, accept="application/json").get(f"/gone/{status}")
    assert response.status_code == status
    assert "json" in response.headers["content-type"]


@reaches_no_sql
async def test_other_statuses(app: FastAPI) -> None:
    """What is no error of browsers stays as it is."""
    response = await client_of(app, accept=HTML).get("/gone/418")
    assert "json" in response.headers["content-type"]
    response = await client_of(app, accept=HTML).post("/gone/418")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
    Page(response).check()


@reaches_no_sql
async def test_api(app: FastAPI) -> None:
    """The JSON routers stay JSON, even for browsers."""
    response = await client_of(app, accept=HTML).get("/auth/sessions")
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


async def test_bearer(app: FastAPI, jwt: JWTAuth[User], ada: User) -> None:
    """An invalid token is told as one, even if it comes with a cookie."""
    client = client_of(app, accept="*/*")
    await log_in(client)
    response = await client.get("/either", headers={"authorization": "Bearer x", "accept": HTML})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@reaches_no_sql
async def test_handlers_of_the_application(session: SessionAuth[User], jwt: Any) -> None:
    """Handlers that an application has, by status and by class, serve all that are no browsers."""
    app = FastAPI()

    @app.exception_handler(404)
    async def not_found(_: Request, __: Exception) -> PlainTextResponse:
        return PlainTextResponse("nothing", 404)

    threads: list[threading.Thread] = []

    @app.exception_handler(403)
    def forbidden(_: Request, __: Exception) -> PlainTextResponse:
        threads.append(threading.current_thread())
        return PlainTextResponse("no", 403)

    @app.exception_handler(AuthError)
    async def auth(_: Request, error: AuthError) -> JSONResponse:
        return JSONResponse({"ours": error.code}, error.status_code)

    pages = Pages(session)
    app.include_router(pages.router)
    pages.install(app)

    @app.get("/film", dependencies=[Depends(session)])
    async def film() -> None:
        """Nothing."""

    @app.get("/teapot")
    async def teapot() -> None:
        raise Teapot(403)

    program = client_of(app, accept="*/*")
    assert (await program.get("/nothing")).text == "nothing"
    assert (await program.get("/teapot")).text == "no"
    assert threads != [threading.current_thread()]
    assert (await program.get("/film")).json() == {"ours": "not_authenticated"}
    assert (await program.get("/film")).headers["vary"] == "Accept"
    browser = client_of(app, accept=HTML)
    assert "<!doctype html>" in (await browser.get("/nothing")).text
    assert (await browser.get("/film")).status_code == 303


async def test_two_sites(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """With pages for the staff beside those of the customers, each guard leads to its own."""
    app = FastAPI()
    customers, staff = SessionAuth(users), SessionAuth(users, name="staff")
    for session, prefix in ((customers, "/account"), (staff, "/staff")):
        pages = Pages(session, prefix=prefix, default_next=f"{prefix}/sessions")
        app.include_router(pages.router)
        pages.install(app)
    handler: Any = app.exception_handlers[404]
    assert isinstance(handler, BrowserErrors)
    assert len(handler.sites) == 2
    for name, guard in (("shop", customers), ("desk", staff)):
        app.add_api_route(f"/{name}", _nothing, dependencies=[Depends(guard)])
    browser = Browser(app)
    assert (await browser.open("/desk")).url == "/staff/login?next=%2Fdesk"
    page = await browser.submit("/staff/login", username="ada", password=PASSWORD)
    assert page.path == "/desk"
    assert (await browser.open("/shop")).url == "/account/login?next=%2Fshop"
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.path == "/shop"
    page = await browser.open("/staff/nothing")
    assert "/staff/logout" in [form.action for form in page.forms] or page.status == 404
    page = await browser.open("/staff/sessions")
    assert next(form.action for form in page.forms) == "/staff/logout"
    await browser.submit("/staff/logout")
    assert (await browser.open("/desk")).path == "/staff/login"
    assert (await browser.open("/shop")).path == "/shop"


async def _nothing() -> dict[str, str]:
    return {}


@pytest.mark.parametrize("is_ours", [True, False])
async def test_whole_application_guarded(users: Users[User], ada: User, *, is_ours: bool) -> None:
    """Pages stay reachable in an application that is guarded as a whole, by any guard."""
    session = SessionAuth(users)
    pages = Pages(session)
    guard: Any = pages.user if is_ours else session
    app = FastAPI(dependencies=[Depends(guard)])
    app.include_router(pages.router)
    pages.install(app)
    app.add_api_route("/film", _nothing)
    app.add_api_route("/open", public(_nothing_public))
    browser = Browser(app)
    assert (await browser.open("/open")).text == "{}"
    page = await browser.open("/film")
    assert page.url == "/account/login?next=%2Ffilm"
    assert (await browser.client.get(next(page.tags("script"))["src"])).status_code == 200
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.path == "/film"


async def _nothing_public() -> dict[str, str]:
    return {}


async def test_overrides(users: Users[User], ada: User) -> None:
    """An override of the guard holds for the pages, too: also for what a refused form shows."""
    session = SessionAuth(users)
    pages = Pages(session)
    app = FastAPI()
    app.include_router(pages.router)
    pages.install(app)
    app.add_api_route("/film", _nothing, dependencies=[Depends(session)])
    browser = Browser(app)
    assert (await browser.open("/film")).path == "/account/login"
    app.dependency_overrides[session] = lambda: ada
    assert (await browser.open("/film")).text == "{}"


@reaches_no_sql
async def test_twice(session: SessionAuth[User]) -> None:
    """Two equal schemes are one for browsers: their cookie tells."""
    app = FastAPI()
    pages = Pages(session)
    app.include_router(pages.router)
    pages.install(app)
    app.add_api_route("/film", _nothing, dependencies=[Depends(SessionAuth(session.users))])
    other = SessionAuth(session.users, cookie=Cookie(name="__Host-other"))
    app.add_api_route("/other", _nothing, dependencies=[Depends(other)])
    browser = Browser(app)
    assert (await browser.open("/film")).path == "/account/login"
    assert (await browser.open("/other")).status == 401


async def test_step_up_by_pages_user(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """`pages.user` leads to where a factor is presented, if its scheme asks for one."""
    session = SessionAuth(users)
    pages = Pages(session)
    app = FastAPI()
    app.include_router(pages.router)
    app.add_api_route("/film", _nothing, dependencies=[Depends(pages.user)])
    browser = Browser(app)
    await browser.open("/film")
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.path == "/film"
    clock.advance(timedelta(days=400))
    assert (await browser.open("/film")).path == "/account/login"
    response = await client_of(app, accept="*/*").get("/film")
    assert response.status_code == 401


@reaches_no_sql
async def test_unexpected_errors(app: FastAPI) -> None:
    """An unexpected error is a page for browsers, and what it was for all others."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="https://testserver")
    response = await client.get("/boom", headers={"accept": HTML})
    page = Page(response)
    page.check()
    assert (page.status, page.errors) == (500, [TEXTS["error.internal_server_error"]])
    response = await client.get("/boom", headers={"accept": "*/*"})
    assert (response.status_code, "<" in response.text) == (500, False)


@reaches_no_sql
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
async def test_words_of_the_application(session: SessionAuth[User], status: int) -> None:
    """An error that an application explains is shown in its words, on any page of it."""
    app = FastAPI()
    pages = Pages(session)
    app.include_router(pages.router)
    pages.install(app)

    @app.get("/film")
    async def film() -> None:
        raise HTTPException(status, "Choose a date <b>in the future</b>.")

    page = await Browser(app).open("/film")
    assert (page.status, page.errors) == (status, ["Choose a date <b>in the future</b>."])


@reaches_no_sql
@pytest.mark.parametrize("mounted", ["/static", "/shops/{shop}/static"])
async def test_errors_of_mounts(session: SessionAuth[User], mounted: str) -> None:
    """The page for an error below a mount is that of the application around it."""
    app, inner, outer = FastAPI(), Starlette(), FastAPI()
    pages = Pages(session)
    app.include_router(pages.router)
    pages.install(app)
    app.mount(mounted, Router())
    app.mount("/deep", Router([Mount("/er", Router())]))
    app.mount("/in", inner)
    outer.mount("/api", app)
    for path in (mounted.format(shop="x"), "/deep/er", "/nothing"):
        for site, root in ((app, ""), (outer, "/api")):
            page = await Browser(site).open(f"{root}{path}/style.css")
            assert page.status == 404
            assert next(page.tags("script"))["src"].startswith(f"{root}/account/")
            page = await Browser(site).open(f"{root}/account/login")
            assert next(page.tags("script"))["src"].startswith(f"{root}/account/")


async def test_pages_with_a_prefix(session: SessionAuth[User], ada: User) -> None:
    """Where the application has put the pages, it finds them."""
    app, bare = FastAPI(), FastAPI()
    pages = Pages(session)
    app.include_router(pages.router, prefix="/de")
    for site in (app, bare):
        pages.install(site)
        site.add_api_route("/film", _nothing, dependencies=[Depends(session)])
    browser = Browser(app)
    page = await browser.open("/film")
    assert page.url == "/de/account/login?next=%2Ffilm"
    page = await browser.submit("/de/account/login", username="ada", password=PASSWORD)
    assert page.path == "/film"
    page = await browser.open("/nothing")
    assert next(page.tags("script"))["src"].startswith("/de/account/")
    response = await Browser(bare).client.get("/film")
    assert response.headers["location"] == "/account/login?next=%2Ffilm"
