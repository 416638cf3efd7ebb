"""What an audit says of guards, limits, checks of the origin and CAPTCHAs."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    AnyOf,
    Captcha,
    FailureLimit,
    JWTAuth,
    Login,
    LoginLimits,
    RateLimit,
    SameOrigin,
    SessionAuth,
    StaticTokens,
    by_user,
    in_person,
    install,
    jwt_router,
    optional,
    public,
    require,
    session_router,
    unlimited,
)
from piccolo_api_fastapi.audit import GuardSummary, LimitSummary, Route, StepUpSummary, audit_of
from tests.conftest import SECRET

SESSION = SessionAuth()
FIVE = timedelta(minutes=5)


async def endpoint() -> None:
    """Never called."""
    pytest.fail("An audit called an endpoint.")


def route_with(*dependencies: Any, method: str = "GET", **options: Any) -> Route:
    """The route of an application that has one."""
    app = FastAPI(openapi_url=None, **options)
    app.api_route("/", methods=[method], dependencies=list(dependencies))(endpoint)
    [route] = audit_of(app).routes
    return route


def guard_with(guard: Any, *scopes: str) -> GuardSummary:
    """The guard of a route that has one."""
    [found] = route_with(Security(guard, scopes=list(scopes))).guards
    return found


def test_scopes() -> None:
    """Scopes come from `require`, however deep, from permissions and from `Security`."""
    guard = require(require(SESSION, scopes=["reports:read"]), admin=True)
    assert guard_with(guard, "b", "a") == GuardSummary(
        ("Session",), ("admin", "reports:read", "b", "a")
    )
    assert guard_with(guard.identity, "b").scopes == ("admin", "reports:read", "b")
    assert guard_with(optional(guard)).scopes == ("admin", "reports:read")
    assert guard_with(JWTAuth(secret=SECRET).claims, "a") == GuardSummary(("JWT",), ("a",))


def test_scopes_of_several_places() -> None:
    """Scopes that the application asks for are needed beside those of a route."""
    app = FastAPI(openapi_url=None, dependencies=[Security(SESSION, scopes=["a"])])

    async def nested(_: Annotated[Any, Security(SESSION, scopes=["c"])]) -> None:
        """Never called."""

    router = APIRouter(dependencies=[Security(nested, scopes=["b"])])
    router.get("/")(endpoint)
    app.include_router(router)
    [route] = audit_of(app).routes
    assert route.guards == (GuardSummary(("Session",), ("a", "b", "c")),)


@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        (require(SESSION, mfa=True), StepUpSummary(mfa=True)),
        (require(SESSION, factor="totp"), StepUpSummary(factor="totp")),
        (require(SESSION, within=FIVE), StepUpSummary(within=300)),
        (in_person(SESSION, mfa=True, within=FIVE), StepUpSummary(mfa=True, within=300)),
        (in_person(SESSION, mfa=None, within=FIVE), StepUpSummary("as_login", within=300)),
    ],
)
def test_step_up(guard: Any, expected: StepUpSummary) -> None:
    """The factor, and its age in seconds."""
    assert guard_with(guard).step_up == (expected,)


def test_further_requirements() -> None:
    """Verified addresses, checks of the application, and people in person."""
    guard = require(require(SESSION, verified=True), check=lambda _: True)
    assert guard_with(guard) == GuardSummary(("Session",), verified=True, check=True)
    anyone = AnyOf(SESSION, StaticTokens({"metrics": "s" * 40}))
    assert guard_with(in_person(anyone)) == GuardSummary(("Session",), ("account",), in_person=True)
    assert guard_with(in_person(require(SESSION, within=FIVE), within=FIVE)).step_up == (
        StepUpSummary(within=300),
    )


def test_origin_checks() -> None:
    """Schemes with a cookie and `SameOrigin`, on methods that write and on WebSockets."""
    trusting = SameOrigin(trusted_origins=["https://b.example", "https://*.a.example"])
    named = SessionAuth(name="staff", csrf=trusting)
    anyone = AnyOf(SESSION, named, JWTAuth(secret=SECRET))
    origins = "(trusts https://*.a.example, https://b.example)"
    guarded = Depends(require(anyone, admin=True).identity)
    assert route_with(guarded, method="POST").csrf == ("Session", f"StaffSession {origins}")
    assert route_with(guarded).csrf == ()
    assert route_with(Depends(SameOrigin()), method="PUT").csrf == ("SameOrigin",)
    app = FastAPI(openapi_url=None, dependencies=[Depends(SESSION)])
    app.websocket("/")(endpoint)
    assert audit_of(app).routes[0].csrf == ("Session",)


def plan(connection: HTTPConnection) -> str:
    """Limits of a request."""
    return str(connection)


async def customer(x_key: str) -> str:
    """A key that is a dependency."""
    return x_key


def test_limits() -> None:
    """The limits, their key and scope, whether failures alone count, and whether they refuse."""
    limits = [
        RateLimit("10/minute", "1/second"),
        FailureLimit("5/hour", scope="vouchers", shadow=True),
        RateLimit(partial(plan), key=customer, scope="api"),
        RateLimit("9/hour", key=by_user(SESSION)),
    ]
    found = route_with(*map(Depends, limits)).limits
    assert found == (
        LimitSummary("10/minute, 1/second", "by_address"),
        LimitSummary(
            "5/hour",
            "by_address",
            "vouchers",
            failures_only=True,
            shadow=True,
            budget=found[1].budget,
        ),
        LimitSummary("of plan", "customer", "api"),
        LimitSummary("9/hour", "by_user"),
    )
    assert found[1].budget


class OwnLimit:
    """A limit of another package."""

    is_limit = True

    async def __call__(self) -> None:
        """Never called."""


def test_limits_of_other_packages() -> None:
    """A dependency that says that it is a limit is listed by its name."""
    assert route_with(Depends(OwnLimit())).limits == (LimitSummary("OwnLimit"),)


def test_exempt_from_limits() -> None:
    """What is `unlimited` has the limits that it asks for itself."""
    app = FastAPI(openapi_url=None, dependencies=[Depends(RateLimit("1/hour", scope="all"))])
    app.get("/")(unlimited(endpoint_of()))
    [route] = audit_of(app).routes
    assert route.limits == ()


def endpoint_of() -> Any:
    """An endpoint that nobody has marked."""

    async def made() -> None:
        """Never called."""

    return made


def test_the_limit_of_install() -> None:
    """It covers every route, mounts included. The outermost `install` alone limits."""
    outer, plain, inner = (FastAPI(openapi_url=None) for _ in range(3))
    install(outer, limit=FailureLimit("100/minute"))
    install(inner, limit=RateLimit("7/minute"))
    inner.add_middleware(CORSMiddleware)
    inner.get("/")(endpoint)
    plain.mount("/inner", inner)
    outer.mount("/plain", plain)

    def limits_of(app: FastAPI) -> list[list[str]]:
        return [[limit.limits for limit in route.limits] for route in audit_of(app).routes]

    assert limits_of(outer) == [["100/minute"]] * 3
    assert limits_of(plain) == [[], ["7/minute"]]
    install(plain)
    assert limits_of(plain) == [[], []]


def test_logins() -> None:
    """A login has the limits and the CAPTCHA that it checks itself."""
    captcha = Captcha(lambda *_: True)
    login = Login(limits=LoginLimits(account=None))
    app = FastAPI(openapi_url=None)
    app.include_router(session_router(SESSION, login, captcha=captcha))
    app.include_router(jwt_router(JWTAuth(secret=SECRET), login, captcha=captcha))
    routes = {route.name: route for route in audit_of(app).routes}
    for name in ("POST /login", "POST /token"):
        assert routes[name].captcha == "Captcha"
        assert [
            (limit.limits, limit.key, limit.scope, limit.failures_only)
            for limit in routes[name].limits
        ] == [
            ("20/15minutes", None, "login: address", True),
            ("240/hour", None, "login: success", False),
        ]
    assert routes["GET /sessions"].captcha is None


def test_a_captcha_of_a_public_route() -> None:
    """A CAPTCHA stays where guards are exempted."""
    app = FastAPI(openapi_url=None, dependencies=[Depends(SESSION)])
    captcha = Depends(Captcha(lambda *_: True))
    app.post("/", dependencies=[captcha])(public(endpoint_of()))
    [route] = audit_of(app).routes
    assert (route.captcha, route.guards, route.public) == ("Captcha", (), "public")
