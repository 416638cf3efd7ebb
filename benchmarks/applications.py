"""The contenders: applications by hand and of this library, and calls of both."""

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, TypeAlias
from uuid import UUID, uuid4

import jwt as pyjwt
import nacl.pwhash
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from piccolo_api_fastapi import (
    Claims,
    JWTAuth,
    RefreshFamily,
    Session,
    SessionAuth,
    User,
    jwt_router,
    session_router,
)

Call: TypeAlias = Callable[[], Awaitable[Any]]

PASSWORD = "correct horse battery"
SECRET = secrets.token_urlsafe(32)
COOKIE = "__Host-session"
REQUESTS = ("session", "JWT", "JWT, claims only", "login")
OK = 200

BY_SESSION = """
    SELECT u.id, u.username, u.active FROM auth_session s JOIN piccolo_user u ON u.id = s."user"
    WHERE s.digest = {} AND s.expires_at > {}
"""
BY_FAMILY = """
    SELECT u.id, u.username, u.active FROM auth_refresh_family f
    JOIN piccolo_user u ON u.id = f."user"
    WHERE f.id = {} AND f.expires_at > {} AND f.revoked_at IS NULL
"""
BY_NAME = """
    SELECT u.id, u.username, u.active, p.hash FROM piccolo_user u
    JOIN auth_password p ON p."user" = u.id WHERE u.username = {}
"""
NEW_SESSION = """
    INSERT INTO auth_session
    (id, digest, "user", created_at, last_seen_at, expires_at, absolute_expires_at)
    VALUES ({}, {}, {}, {}, {}, {}, {})
"""


class Credentials(BaseModel):
    """The body of a login."""

    username: str
    password: str


async def by_session(request: Request) -> dict[str, Any]:
    """The user of a session: a cookie, a digest, one statement."""
    token = request.cookies.get(COOKIE, "")
    digest = hashlib.sha256(token.encode()).hexdigest()
    for user in await Session.raw(BY_SESSION, digest, datetime.now(timezone.utc)):
        if user["active"]:
            return dict(user)
    raise HTTPException(401)


def decode(request: Request) -> dict[str, Any]:
    """The claims of a token, as PyJWT gives them."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        return pyjwt.decode(token, SECRET, algorithms=["HS256"], audience="bench", issuer="bench")
    except pyjwt.PyJWTError:
        raise HTTPException(401) from None


async def by_jwt(request: Request) -> dict[str, Any]:
    """The user of a token: PyJWT and one statement."""
    family = UUID(decode(request)["sid"])
    for user in await RefreshFamily.raw(BY_FAMILY, family, datetime.now(timezone.utc)):
        if user["active"]:
            return dict(user)
    raise HTTPException(401)


async def claims_of(request: Request) -> dict[str, Any]:
    """The claims, without the database."""
    return decode(request)


async def log_in(credentials: Credentials, response: Response) -> dict[str, str]:
    """A login: one statement, one hash in a thread, one row."""
    (user,) = await User.raw(BY_NAME, credentials.username)
    password = credentials.password.encode()
    await run_in_threadpool(nacl.pwhash.verify, user["hash"].encode(), password)
    token, now = secrets.token_urlsafe(32), datetime.now(timezone.utc)
    digest = hashlib.sha256(token.encode()).hexdigest()
    idle, absolute = now + timedelta(days=14), now + timedelta(days=30)
    await Session.raw(NEW_SESSION, uuid4(), digest, user["id"], now, now, idle, absolute)
    response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="lax")
    return {"username": user["username"]}


def by_hand() -> FastAPI:
    """The least that does the job, with none of the care."""
    app = FastAPI()
    app.post("/auth/login")(log_in)

    @app.get("/session")
    async def session(user: Annotated[dict[str, Any], Depends(by_session)]) -> dict[str, str]:
        return {"username": user["username"]}

    @app.get("/jwt")
    async def jwt(user: Annotated[dict[str, Any], Depends(by_jwt)]) -> dict[str, str]:
        return {"username": user["username"]}

    @app.get("/claims")
    async def claims(found: Annotated[dict[str, Any], Depends(claims_of)]) -> dict[str, str]:
        return {"subject": found["sub"]}

    return app


def ours() -> FastAPI:
    """The same with this library, as its tutorial has it."""
    session_auth = SessionAuth()
    jwt_auth = JWTAuth(secret=SECRET, issuer="bench", audience="bench")
    app = FastAPI()
    app.include_router(session_router(session_auth), prefix="/auth")
    app.include_router(jwt_router(jwt_auth), prefix="/auth")

    @app.get("/session")
    async def session(user: Annotated[User, Depends(session_auth)]) -> dict[str, str]:
        return {"username": user.username}

    @app.get("/jwt")
    async def jwt(user: Annotated[User, Depends(jwt_auth)]) -> dict[str, str]:
        return {"username": user.username}

    @app.get("/claims")
    async def claims(found: Annotated[Claims, Depends(jwt_auth.claims)]) -> dict[str, str]:
        return {"subject": found.subject}

    return app


def call_of(
    app: FastAPI, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> Callable[[], Awaitable[tuple[dict[str, str], bytes]]]:
    """A function that makes one request, and gives the headers and the body of its answer."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def call() -> tuple[dict[str, str], bytes]:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"bench"), *raw],
            "client": ("127.0.0.1", 1),
            "server": ("bench", 443),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        if sent[0]["status"] != OK:
            msg = f"{path}: {sent}"
            raise RuntimeError(msg)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return answered, sent[1]["body"]

    return call


async def make_applications() -> dict[str, Call]:
    """Every contender by its name, logged in."""
    credentials = {"username": "ada", "password": PASSWORD}
    typed = {"content-type": "application/json"}
    library = ours()
    log_in_here = call_of(library, "POST", "/auth/login", typed, json.dumps(credentials).encode())
    headers, _ = await log_in_here()
    cookie = {"cookie": headers["set-cookie"].partition(";")[0]}
    form = {"content-type": "application/x-www-form-urlencoded"}
    grant = b"grant_type=password&username=ada&password=correct+horse+battery"
    _, tokens = await call_of(library, "POST", "/auth/token", form, grant)()
    bearer = {"authorization": f"Bearer {json.loads(tokens)['access_token']}"}
    calls: dict[str, Call] = {}
    for suffix, app in ((", by hand", by_hand()), ("", library)):
        calls[f"session{suffix}"] = call_of(app, "GET", "/session", cookie)
        calls[f"JWT{suffix}"] = call_of(app, "GET", "/jwt", bearer)
        calls[f"JWT, claims only{suffix}"] = call_of(app, "GET", "/claims", bearer)
        body = json.dumps(credentials).encode()
        calls[f"login{suffix}"] = call_of(app, "POST", "/auth/login", typed, body)
    return calls
