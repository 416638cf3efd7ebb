"""Every error of the token endpoint is one that an OAuth client reads (RFC 6749 section 5.2)."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request

from piccolo_api_fastapi import (
    TOTP,
    JWTAuth,
    Login,
    LoginAttempt,
    RateLimit,
    User,
    Users,
    XChaCha20Poly1305,
    install,
    jwt_router,
)
from piccolo_api_fastapi.errors import CaptchaRequired, HasherBusy
from tests.conftest import KEY, PASSWORD, SECRET, new_client, reaches_no_sql

FORM = {"grant_type": "password", "username": "ada", "password": PASSWORD}
ROUTES = ["/auth/token", "/auth/token/revoke", "/auth/token/mfa", "/auth/token/mfa/send"]


def make_app(users: Users[User], before: Any = (), **options: Any) -> FastAPI:
    """An application with all routes of the token endpoint."""
    app = FastAPI()
    install(app, **options.pop("install", {}))
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    login = Login(users, factors=[totp], before=before)
    app.include_router(
        jwt_router(JWTAuth(users, secret=SECRET), login, **options.pop("router", {})),
        prefix="/auth",
        **options,
    )
    return app


def check(answer: httpx.Response, status: int, error: str, code: str) -> None:
    """It is what RFC 6749 says, and a problem."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    body = answer.json()
    assert (body["error"], body["code"], body["status"]) == (error, code, status)
    assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", body["error_description"])
    assert {"type", "title", "detail"} <= body.keys()


def failing(error: Exception) -> Callable[[LoginAttempt], None]:
    """A hook that raises."""

    def fail(_: LoginAttempt) -> None:
        raise error

    return fail


@reaches_no_sql
@pytest.mark.parametrize("path", ROUTES)
async def test_requests_that_are_not_read(users: Users[User], path: str) -> None:
    """A body that is too large or of another type, and another method."""
    wrong_type = {"Content-Type": "text/plain"}
    async with new_client(make_app(users)) as client:
        check(
            await client.post(path, content=b"x" * 20_000),
            413,
            "invalid_request",
            "content_too_large",
        )
        refused = await client.post(path, content=b"x", headers=wrong_type)
        check(refused, 415, "invalid_request", "unsupported_media_type")
        refused = await client.get(path)
        check(refused, 405, "invalid_request", "method_not_allowed")
        assert refused.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("", {"data": {"username": "ada"}}, "The request lacks grant_type."),
        (
            "",
            {"data": {"grant_type": "password", "username": "ada"}},
            "The grant type password needs username and password.",
        ),
        (
            "",
            {"data": {"grant_type": "refresh_token"}},
            "The grant type refresh_token needs refresh_token.",
        ),
        ("", {"json": FORM}, "The body must be application/x-www-form-urlencoded in UTF-8."),
        ("/revoke", {"data": {"x": "y"}}, "The request lacks token."),
        ("/mfa", {"json": {"code": "1"}}, "The request lacks challenge."),
        ("/mfa", {"json": {"code": 1, "challenge": 1}}, "The token request is malformed."),
        ("/mfa/send", {"json": {}}, "The request lacks challenge and method."),
    ],
)
async def test_what_is_missing(
    users: Users[User], ada: User, path: str, body: dict[str, Any], sentence: str
) -> None:
    """The error names the parameters that are missing, and the content type that is read."""
    async with new_client(make_app(users)) as client:
        refused = await client.post(f"/auth/token{path}", **body)
    assert refused.status_code == (415 if "must be" in sentence else 400)
    assert refused.json()["error"] == "invalid_request"
    assert refused.json()["detail"] == refused.json()["error_description"] == sentence


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("where", ["application", "router"])
async def test_rate_limits(users: Users[User], ada: User, path: str, where: str) -> None:
    """A limit of the whole application and one of the router, and headers as always."""
    limit = RateLimit("1/minute")
    options: Any = (
        {"install": {"limit": limit}}
        if where == "application"
        else {"dependencies": [Depends(limit)]}
    )
    async with new_client(make_app(users, **options)) as client:
        body: Any = {"json": {}} if "mfa" in path else {"data": FORM}
        await client.post(path, **body)
        refused = await client.post(path, **body)
        check(refused, 429, "too_many_requests", "too_many_requests")
        assert "retry-after" in refused.headers


async def test_limits_of_logins(users: Users[User], ada: User) -> None:
    """After too many wrong passwords."""
    async with new_client(make_app(users)) as client:
        for _ in range(5):
            await client.post("/auth/token", data=FORM | {"password": "wrong"})
        refused = await client.post("/auth/token", data=FORM | {"password": "wrong"})
    check(refused, 429, "too_many_requests", "too_many_requests")


@pytest.mark.parametrize(
    ("error", "status", "expected", "code"),
    [
        (HasherBusy(), 503, "temporarily_unavailable", "busy"),
        (CaptchaRequired(), 403, "captcha_required", "captcha_required"),
        (RuntimeError(), 500, "server_error", "internal_server_error"),
    ],
)
async def test_what_else_happens(
    users: Users[User], ada: User, error: Exception, status: int, expected: str, code: str
) -> None:
    """What the server can't do, and what nobody foresaw."""

    async def captcha(_: Request) -> None:
        raise error

    by_hook = make_app(users, before=[failing(error)])
    by_captcha = make_app(users, router={"captcha": captcha})
    for app in (by_hook, by_captcha):
        async with new_client(app) as client:
            check(await client.post("/auth/token", data=FORM), status, expected, code)


async def test_reasons_of_hooks(users: Users[User], ada: User) -> None:
    """A description has only what RFC 6749 allows; `detail` is the reason as it was given."""
    app = make_app(users, before=[lambda _: 'Später, "Ada" \\o/\n'])
    async with new_client(app) as client:
        refused = await client.post("/auth/token", data=FORM)
    check(refused, 400, "invalid_grant", "login_refused")
    assert refused.json()["error_description"] == "Sp?ter, 'Ada' /o/?"
    assert refused.json()["detail"] == 'Später, "Ada" \\o/\n'


@reaches_no_sql
async def test_other_routes(users: Users[User], database: Any) -> None:
    """A limit of the application refuses other routes, known and unknown, with a problem."""
    app = make_app(users, install={"limit": RateLimit("1/minute")})

    @app.get("/")
    async def show() -> None:
        return None

    async with new_client(app) as client:
        await client.get("/")
        for path in ("/", "/nowhere", "/auth/token/families"):
            refused = await client.get(path)
            assert refused.status_code == 429
            assert refused.headers["content-type"] == "application/problem+json"
            assert "error" not in refused.json()
