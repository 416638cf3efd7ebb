"""What dependencies of an application answer in place of the operation of a page."""

from typing import Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from piccolo_api_fastapi import (
    CSP,
    ConfigurationError,
    Cookie,
    Login,
    Pages,
    RateLimit,
    SessionAuth,
    User,
    Users,
    optional,
)
from piccolo_api_fastapi.core.http.router import AuthRouter
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import Parts, log_in
from tests.pages.greetings import Greeting, greeting_pages, greeting_router


class Door:
    """A dependency of an application that refuses with a status, once it is shut."""

    def __init__(self, status: int = 0, **headers: str) -> None:
        self.status, self.headers = status, headers

    async def __call__(self) -> None:
        """Refuse, if it is shut."""
        if self.status:
            raise HTTPException(self.status, "Shut.", headers=self.headers)


def guarded(session: SessionAuth[User], *dependencies: Any, **options: Any) -> Browser:
    """A browser of a site with dependencies for everything."""
    app = FastAPI(dependencies=[Depends(it) for it in dependencies])
    pages = Pages(session, **options)
    app.include_router(pages.router)
    pages.install(app)
    return Browser(app)


@pytest.mark.security(33)
async def test_guard_of_an_included_router(users: Users[User], ada: User) -> None:
    """What a router that includes the operations asks for, their pages ask for too."""
    session, door = SessionAuth(users), Door(403)
    outer = APIRouter()
    outer.include_router(greeting_router(session), dependencies=[Depends(door)])
    app = FastAPI()
    pages = Pages(session, more=[greeting_pages(session, outer)])
    app.include_router(pages.router)
    app.include_router(outer, prefix="/api")
    browser = Browser(app)
    await log_in(browser)
    assert (await browser.client.post("/api/greeting", json={"name": "x"})).status_code == 403
    assert (await browser.send("/account/greeting", name="x")).status == 403
    assert (await browser.open("/account/greeting")).status == 403
    door.status = 0
    assert (await browser.open("/account/greeting")).title == "Greeting"


@pytest.mark.security(33)
@reaches_no_sql
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_guard_that_a_page_lacks(users: Users[User], method: str) -> None:
    """A page does not do what the application guards: it says that it is not set up for that."""
    session = SessionAuth(users)
    router = AuthRouter(users=users.table)

    @router.get("/greeting", operation_id="get_greeting")
    @router.post("/greeting", operation_id="greet")
    async def greet() -> dict[str, str]:
        raise AssertionError

    app = FastAPI()
    app.include_router(Pages(session, more=[greeting_pages(session, router)]).router)
    app.include_router(router, dependencies=[Depends(Door(403))])
    client = Browser(app).client
    assert (await client.request(method, "/greeting")).status_code == 403
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="asks for more at /greeting"):
            await client.request(method, "/account/greeting")


@pytest.mark.parametrize("path", ["", "/login", "/password", "/sessions"])
async def test_redirects(users: Users[User], ada: User, parts: Parts, path: str) -> None:
    """A redirect of a dependency is passed on: nothing was shown, and nothing was done."""
    session, door = SessionAuth(users), Door()
    browser = guarded(session, door, accounts=Parts(users, session).accounts)
    await log_in(browser)
    door.status, door.headers = 303, {"Location": "/terms"}
    response = await browser.client.get(f"/account{path}")
    assert (response.status_code, response.headers.get_list("location")) == (303, ["/terms"])
    form = {"current_password": PASSWORD, "new_password": "x" * 20}
    response = await browser.client.post("/account/password", data=form)
    assert (response.status_code, response.headers.get_list("location")) == (303, ["/terms"])
    door.status = 0
    assert (await browser.open("/account/sessions")).status == 200


async def test_redirect_of_what_a_form_shows(users: Users[User], ada: User) -> None:
    """A form that fails shows its page again, or leads where that page leads."""
    session, door = SessionAuth(users), Door(303, Location="/terms")
    inner = AuthRouter(users=session.users.table)

    @inner.get("/greeting", operation_id="get_greeting", dependencies=[Depends(door)])
    async def get_greeting() -> Greeting:
        return Greeting(name="x")

    @inner.post("/greeting", operation_id="greet")
    async def greet(greeting: Greeting) -> None: ...

    browser = guarded(session, more=[greeting_pages(session, inner)])
    response = await browser.client.post("/account/greeting", data={"name": "x" * 21})
    assert (response.status_code, response.headers["location"]) == (303, "/terms")


@pytest.mark.parametrize(
    "made",
    [PlainTextResponse("as it is"), RedirectResponse("/away", 307), Response(status_code=304)],
)
async def test_responses_of_other_types(users: Users[User], ada: User, made: Response) -> None:
    """What is no JSON is no page: a download stays one."""
    session = SessionAuth(users)
    router = AuthRouter(users=session.users.table)

    @router.get("/greeting", operation_id="get_greeting", response_model=None)
    async def get_greeting() -> Response:
        return made

    @router.post("/greeting", operation_id="greet", response_model=None)
    async def greet() -> Response:
        return made

    browser = guarded(session, more=[greeting_pages(session, router)])
    for response in (
        await browser.client.get("/account/greeting"),
        await browser.client.post("/account/greeting"),
    ):
        assert (response.status_code, response.content) == (made.status_code, made.body)


async def test_refusal_after_a_cookie(users: Users[User]) -> None:
    """The cookies and tasks of a form that failed are kept, even if its page is refused."""
    session = SessionAuth(users)
    done: list[int] = []
    router = AuthRouter(users=session.users.table)

    @router.get("/greeting", operation_id="get_greeting", dependencies=[Depends(Door(403))])
    async def get_greeting() -> Greeting:
        return Greeting(name="x")

    @router.post("/greeting", operation_id="greet", response_model=None)
    async def greet(tasks: BackgroundTasks) -> Response:
        tasks.add_task(done.append, 1)
        response = Response(b'{"detail":"No."}', 409, media_type="application/json")
        response.set_cookie("seen", "1")
        response.background = tasks
        return response

    browser = guarded(session, more=[greeting_pages(session, router)])
    response = await browser.client.post("/account/greeting")
    assert (response.status_code, done) == (403, [1])
    assert response.headers["set-cookie"].startswith("seen=1")


async def test_headers_of_dependencies(users: Users[User]) -> None:
    """A page has its own headers once, and those of dependencies beside them."""

    async def stamp(response: Response) -> None:
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Stamp"] = "1"
        response.set_cookie("seen", "1")

    browser = guarded(SessionAuth(users), CSP(default_src=["self"]), stamp)
    for path in ("login", "logout"):
        page = await browser.open(f"/account/{path}")
        assert page.headers.get_list("referrer-policy") == ["same-origin"]
        assert page.headers["x-stamp"] == "1"
        assert page.headers["set-cookie"].startswith("seen=1")


@pytest.mark.security(33)
@pytest.mark.parametrize("status", [402, 403, 429])
@pytest.mark.parametrize("path", ["login", "register"])
async def test_refusals_of_dependencies(
    users: Users[User], ada: User, status: int, path: str, parts: Parts
) -> None:
    """What an application refuses stays refused, and a session lives on."""
    session, door = SessionAuth(users), Door()
    browser = guarded(session, door, accounts=Parts(users, session).accounts)
    await log_in(browser)
    door.status, door.headers = status, {"Retry-After": "60"}
    for visitor in (browser, Browser(browser.client._transport.app)):  # type: ignore[attr-defined]
        page = await visitor.open(f"/account/{path}")
        assert (page.status, page.title) == (status, TEXTS["error.title"])
        assert "set-cookie" not in page.headers
        assert page.headers["retry-after"] == "60"
    door.status = 0
    assert (await browser.open(f"/account/{path}?next=/account")).path == "/account"


async def test_limit_of_everything(users: Users[User]) -> None:
    """A limit for the whole application holds for the page to log in as well."""
    browser = guarded(SessionAuth(users), RateLimit("2/minute", scope="all"))
    statuses = [(await browser.open("/account/login")).status for _ in range(3)]
    assert statuses == [200, 200, 429]


# Callers whom another guard has found.


async def two_sites(users: Users[User]) -> Browser:
    """A browser of a site that looks for the staff at every request, with `boss` among them."""
    session = SessionAuth(users)
    staff = SessionAuth(users, name="staff", cookie=Cookie("__Host-staff"))
    app = FastAPI(dependencies=[Depends(optional(staff))])
    for it, prefix in ((session, "/account"), (staff, "/staff")):
        accounts = Parts(users, it).accounts if it is session else None
        pages = Pages(it, Login(users), accounts=accounts, prefix=prefix)
        app.include_router(pages.router)
        pages.install(app)
    app.add_api_route("/home", _nothing, dependencies=[Depends(session)])
    await users.create("boss", PASSWORD, email="boss@example.com")
    browser = Browser(app)
    await browser.open("/staff/login")
    await browser.submit("/staff/login", username="boss", password=PASSWORD)
    return browser


async def _nothing() -> dict[str, str]:
    return {}


async def test_no_circles(users: Users[User], ada: User) -> None:
    """Who is signed in elsewhere is a stranger here, and can log in."""
    browser = await two_sites(users)
    page = await browser.open("/home")
    assert (page.path, page.said("who")) == ("/account/login", "")
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.path == "/home"


@pytest.mark.security(29)
async def test_whose_page(users: Users[User], ada: User) -> None:
    """A page names the user whose data it shows, whoever else is signed in."""
    browser = await two_sites(users)
    await browser.open("/account/login")
    await browser.submit("/account/login", username="ada", password=PASSWORD)
    page = await browser.open("/account")
    assert page.said("who") == "ada"
    assert "ada@example.com" in page.said("dd")
    page = await browser.open("/staff/sessions")
    assert page.said("who") == "boss"


async def test_dead_session_of_another_guard(users: Users[User], ada: User) -> None:
    """A malformed cookie of another guard is no reason to end a session of this one."""
    browser = await two_sites(users)
    await browser.open("/account/login")
    await browser.submit("/account/login", username="ada", password=PASSWORD)
    cookies = dict(browser.client.cookies)
    del cookies["__Host-staff"]
    browser.client.cookies.clear()
    own = "; ".join(f"{name}={value}" for name, value in cookies.items())
    browser.client.headers["cookie"] = f"{own}; __HOST-staff=x"
    page = await browser.open("/account/login")
    assert page.status in {200, 401}
    assert "set-cookie" not in page.headers
