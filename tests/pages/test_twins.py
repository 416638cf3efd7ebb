"""A form is the operation of the API: the same endpoint, dependencies and budgets, nothing else."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

import piccolo_api_fastapi.pages as package
from piccolo_api_fastapi import (
    AccountLimits,
    Pages,
    RateLimit,
    SessionAuth,
    User,
    Users,
    accounts_router,
    email_login_router,
    install,
    mfa_router,
    oauth_router,
    passkey_login_router,
    passkey_router,
    reauthentication_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.pages.declared import Action, PageSet, operations_of
from piccolo_api_fastapi.pages.route import FormRoute, PageRoute, ScriptRoute
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import HEADERS, Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import Parts, log_in
from tests.pages.greetings import greeting_pages

OPERATIONS_WITHOUT_A_PAGE: dict[str, str] = {}
"""Operations that change something and that no form does, each with the reason."""


def json_routes(parts: Parts) -> dict[str, AuthRoute]:
    """The routes of the prebuilt routers of the same parts, made anew."""
    assert parts.email_login
    assert parts.social
    routers = (
        session_router(parts.session, parts.login),
        reauthentication_router(parts.login, parts.session),
        accounts_router(parts.accounts),
        mfa_router(parts.totp, parts.session),
        passkey_login_router(parts.passkeys, parts.login, parts.session),
        passkey_router(parts.passkeys, parts.session),
        token_router(parts.tokens, parts.session),
        email_login_router(parts.email_login, parts.login, parts.session),
        oauth_router(parts.social, parts.login, parts.session),
    )
    return {name: route for router in routers for name, route in operations_of(router).items()}


def calls(dependant: Dependant) -> Iterator[tuple[Any, ...]]:
    """All that FastAPI calls for a route, in its order, with what each one asks for."""
    for inner in dependant.dependencies:
        names = sorted(
            field.name
            for fields in (inner.query_params, inner.path_params, inner.header_params)
            for field in fields
        )
        yield (_identity(inner.call), inner.name, tuple(inner.own_oauth_scopes or ()), *names)
        yield from calls(inner)


def _identity(call: Any) -> Any:
    """What two dependencies have in common that were made for two routers of the same parts."""
    module = getattr(call, "__module__", type(call).__module__)
    name = getattr(call, "__qualname__", type(call).__qualname__)
    limit = getattr(call, "scope", None) if getattr(call, "is_limit", False) else None
    return (module, name, limit, getattr(call, "_scopes", None))


def forms(router: APIRouter) -> list[FormRoute]:
    """The routes that take forms."""
    return [
        context.original_route
        for context in iter_route_contexts(router.routes)
        if isinstance(context.original_route, FormRoute)
    ]


@reaches_no_sql
def test_every_form_is_an_operation(users: Users[User], outbox: Outbox) -> None:
    """Each form has the endpoint, the dependencies and the model of an operation of the API."""
    parts = Parts(users, mails_codes=True, extra=["first_name"])
    api = json_routes(parts)
    found = forms(parts.pages().router)
    assert len(found) > 20
    for route in found:
        twin = route.action.operation
        json_route = api[twin.operation]
        assert route.endpoint is twin.endpoint
        for other in (twin, json_route):
            name = f"{route.path}: {twin.operation}"
            assert list(calls(route.dependant)) == list(calls(other.dependant)), name
            assert route.status_code == other.status_code, name
            assert _model(route) == _model(other), name
            assert route.endpoint.__code__ is other.endpoint.__code__, name
            assert getattr(route.shares_limits_of, "operation", None) == other.operation


def _model(route: Any) -> str:
    return repr(route.body_field and route.body_field.field_info.annotation)


def for_scripts(router: APIRouter) -> list[Any]:
    """The routes that scripts ask for JSON."""
    return [
        context.original_route
        for context in iter_route_contexts(router.routes)
        if isinstance(context.original_route, ScriptRoute)
    ]


@reaches_no_sql
def test_scripts_ask_for_operations(users: Users[User], outbox: Outbox) -> None:
    """What scripts ask for is the operation of the API, at its path below the prefix."""
    parts = Parts(users)
    api, found = json_routes(parts), for_scripts(parts.pages().router)
    assert len(found) == 5
    for route in found:
        twin = api[route.shares_limits_of.operation]
        assert (route.path, route.methods) == (f"/account{twin.path}", twin.methods)
        assert list(calls(route.dependant)) == list(calls(twin.dependant)), route.path
        assert _model(route) == _model(twin)
        assert route.endpoint.__code__ is twin.endpoint.__code__
        assert not route.include_in_schema


@reaches_no_sql
def test_every_operation_has_a_form(users: Users[User], outbox: Outbox) -> None:
    """What the API changes, a form changes too."""
    parts = Parts(users, mails_codes=True, extra=["first_name"])
    router = parts.pages().router
    done = {route.action.operation.operation for route in forms(router)}
    done |= {route.shares_limits_of.operation for route in for_scripts(router)}
    unsafe = {name for name, route in json_routes(parts).items() if route.methods != {"GET"}}
    assert unsafe - done == set(OPERATIONS_WITHOUT_A_PAGE)


@reaches_no_sql
def test_every_page_is_an_operation(users: Users[User], outbox: Outbox) -> None:
    """A page that shows something has the endpoint and the guard of the operation that it shows."""
    parts = Parts(users)
    api = json_routes(parts)
    for context in iter_route_contexts(parts.pages().router.routes):
        route = context.original_route
        if isinstance(route, PageRoute) and not isinstance(route, FormRoute) and route.page.shows:
            twin = api[route.page.shows.operation]
            assert list(calls(route.dependant)) == list(calls(twin.dependant)), route.path
            assert twin.methods == {"GET"}, "a page's GET changes nothing"
            assert route.endpoint.__code__ is twin.endpoint.__code__


@reaches_no_sql
def test_a_strange_form_is_seen(users: Users[User], outbox: Outbox) -> None:
    """The comparison is not blind: a form with a dependency less is another one."""
    parts = Parts(users)
    api = json_routes(parts)
    login, logout = api["log_in"], api["log_out"]
    assert list(calls(login.dependant)) != list(calls(logout.dependant))
    assert list(calls(api["register"].dependant)) != list(calls(api["forgot_password"].dependant))


@pytest.mark.parametrize("path", sorted(Path(package.__file__).parent.rglob("*.py")), ids=str)
def test_no_flow_is_written_twice(path: Path) -> None:
    """Nothing under `pages/` checks a password, makes a row or sends mail: operations do."""
    tree = ast.parse(path.read_text("utf-8"))
    imported = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    assert not [name for name in imported if "queries" in name or ".tables" in name]
    posts = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value == "POST"
    ]
    assert len(posts) == (1 if path.name == "routing.py" else 0)


# Budgets: JSON and forms are counted together.

BUDGETS: dict[str, tuple[str, dict[str, Any], int]] = {
    "login": ("login", {"username": "ada", "password": "wrong one"}, 5),
    "register": (
        "register",
        {"email": "eve@example.com", "password": PASSWORD},
        5,
    ),
    "forgot": ("forgot-password", {"email": "ada@example.com"}, 5),
    "verify": ("verify-email", {"email": "ada@example.com", "code": "123456"}, 10),
    "request": ("verify-email/request", {"email": "ada@example.com"}, 5),
    "email": ("login/email", {"email": "ada@example.com"}, 5),
    "code": ("login/email/code", {"email": "ada@example.com", "code": "123456"}, 20),
    "reset": ("reset-password", {"token": "tkt_x", "password": PASSWORD}, 20),
}


@reaches_no_sql
@pytest.mark.parametrize("name", BUDGETS)
async def test_one_budget(browser: Browser, ada: User, name: str) -> None:
    """Whoever is refused by the API is refused by the page, and the other way round."""
    path, given, most = BUDGETS[name]
    statuses = []
    for number in range(most + 2):
        if number % 2:
            response = await browser.client.post(f"/account/{path}", data=given)
        else:
            headers = {**HEADERS, "accept": "application/json"}
            response = await browser.client.post(f"/auth/{path}", json=given, headers=headers)
        statuses.append(response.status_code)
    assert statuses.index(429) <= most, statuses
    page = await browser.send(f"/account/{path}", given)
    assert page.status == 429
    minutes = max(1, -(-int(page.headers["retry-after"]) // 60))
    said = TEXTS["error.wait.one"] if minutes == 1 else f"Try again in {minutes} minutes."
    assert page.errors[1:] == [said]


@reaches_no_sql
@pytest.mark.parametrize("has_api", [True, False])
async def test_limits_without_a_scope(users: Users[User], outbox: Outbox, *, has_api: bool) -> None:
    """A limit that counts by route counts the form with the operation, wherever both are."""
    limit = RateLimit("2/hour")
    parts = Parts(users, limits=AccountLimits(register_by_address=limit), mail=None, base_url=None)
    app = FastAPI()
    install(app)
    if has_api:
        app.include_router(accounts_router(parts.accounts), prefix="/auth")
    browser = Browser(parts.app(app=app))
    for number in range(2):
        given = {"username": f"ada{number}", "password": PASSWORD}
        if has_api:
            assert (await browser.client.post("/auth/register", json=given)).status_code == 201
        else:
            assert (await browser.send("/account/register", given)).status == 200
    page = await browser.send("/account/register", username="eve", password=PASSWORD)
    assert (page.status, page.title) == (429, "Register")


async def test_reauthentication_has_one_budget(browser: Browser, ada: User) -> None:
    """So it is with wrong passwords of who is signed in."""
    await log_in(browser)
    statuses = []
    for number in range(7):
        kind, prefix = ("data", "account") if number % 2 else ("json", "auth")
        given: Any = {kind: {"password": "wrong one"}}
        response = await browser.client.post(f"/{prefix}/reauthenticate", **given)
        statuses.append(response.status_code)
    assert statuses == [401] * 5 + [429, 429]


@reaches_no_sql
def test_an_action_needs_no_list(users: Users[User]) -> None:
    """`Action` and `PageSet` are all that a form is declared with."""
    api = operations_of(session_router(Parts(users, mail=None, base_url=None).session))
    action = Action(path="/x", operation=api["log_out"], page="logout")
    assert action.follow({}).page is None
    made: Callable[..., Any] = PageSet
    assert (
        made(folder=Path(), pages=(), actions=(action,)).actions[0].operation.operation == "log_out"
    )


def test_operations_of_a_mixed_router() -> None:
    """Only routes that answer every error as a problem are operations."""
    router = APIRouter()
    router.add_api_route("/plain", lambda: None)
    router.add_api_route("/strict", lambda: None, name="strict", route_class_override=AuthRoute)
    assert list(operations_of(router)) == ["strict"]


@reaches_no_sql
@pytest.mark.parametrize("is_first", [True, False])
async def test_limits_of_other_features(users: Users[User], *, is_first: bool) -> None:
    """A limit of a feature from outside counts its operation and its form together."""
    session, router = SessionAuth(users), APIRouter(route_class=AuthRoute)

    @router.post("/greeting", dependencies=[Depends(RateLimit("3/hour"))])
    async def greet() -> None: ...

    @router.get("/greeting")
    async def get_greeting() -> dict[str, str]:
        return {"name": "x"}

    pages = Pages(session, more=[greeting_pages(session, router)])
    app = FastAPI()
    for included in (router, pages.router) if is_first else (pages.router, router):
        app.include_router(included)
    browser = Browser(app)
    paths = ("/greeting", "/account/greeting") * 2
    statuses = [(await browser.client.post(path)).status_code for path in paths]
    assert statuses == [200, 303, 200, 429]
