"""What a stranger can write to the database is bounded, on every route of every router."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.routing import APIRoute, iter_route_contexts

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    Captcha,
    EmailCode,
    EmailLogin,
    JWTAuth,
    Login,
    Pages,
    Passkeys,
    PiccoloStore,
    RateLimitState,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    email_login_router,
    install,
    jwt_router,
    mfa_router,
    optional,
    passkey_login_router,
    reauthentication_router,
    record_events,
    require,
    session_router,
    token_router,
    use_store,
)
from piccolo_api_fastapi.core.events import events
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import (
    KEY,
    PASSWORD,
    SECRET,
    STOCK,
    bearer,
    end_second,
    new_client,
    web_socket,
)

REQUESTS = 500

LOGINS = 20
"""Wrong passwords and CAPTCHAs of an address: `LoginLimits.address`."""

BOUNDS = {
    "auth_email": 10,
    "auth_event": 2 * LOGINS + 10,
    "auth_password": 10,
    "auth_password_failure": LOGINS,
    "auth_rate_limit": 2 * LOGINS + 5,  # of wrong and of right logins by name
    "auth_ticket": 20,
    "auth_unsent_mail": 20,
    "piccolo_user": 10,
}
"""Rows after 500 requests from one address. Tables that are not named here get none."""

PASSKEYS = 30
"""Challenges of passkeys that an address gets at once, and in each minute."""

SECTION = (
    (Path(__file__).parents[1] / "docs/security.md")
    .read_text("utf-8")
    .split("## What a stranger can write")[1]
    .split("## ")[0]
)

PARTS = ("accounts", "api", "app", "captcha", "email", "jwt", "passkeys", "plain", "session")
"""The prefixes of the routers. Together they have every route."""

FORMS = ("create_token", "revoke_token")


class Application:
    """An application with all routers, and credentials that have ended."""

    def __init__(self, users: Users[User]) -> None:
        self.vendor_calls = 0
        self.session = SessionAuth(users)
        self.jwt = JWTAuth(users, secret=SECRET)
        self.token = TokenAuth(users)
        encryption = XChaCha20Poly1305(KEY)
        totp = TOTP(users, encryption=encryption, issuer="Movies")
        sent = EmailCode(users, send=self._send, encryption=encryption, applies_to=lambda _: False)
        login = Login(users, factors=[totp, sent])
        origin = "https://app.example.com"
        passkeys = Passkeys(users, rp_id="app.example.com", rp_name="Movies", origins=[origin])
        with_passkeys = Login(users, factors=[totp, sent, passkeys])
        people = AnyOf(self.session, self.jwt)
        anyone = AnyOf(self.session, self.jwt, self.token, StaticTokens({"svc": "s" * 40}, users))
        options: Any = {"users": users, "login": login, "schemes": [self.session, self.jwt]}
        self.accounts = Accounts(
            mail=Outbox(is_down=True),
            base_url="https://app.example.com",
            extra=["first_name"],
            **options,
        )
        email_login = EmailLogin(self.accounts, sign_up=True)
        captcha = Captcha(self._verify)
        self.routers = (
            ("session", session_router(self.session, login)),
            ("captcha/session", session_router(self.session, login, captcha=captcha)),
            ("jwt", jwt_router(self.jwt, login)),
            ("captcha/jwt", jwt_router(self.jwt, login, captcha=captcha)),
            ("api", token_router(self.token, people)),
            ("api", mfa_router(totp, people)),
            ("api", reauthentication_router(login, people)),
            ("accounts", accounts_router(self.accounts)),
            ("email", email_login_router(email_login, login, self.session)),
            ("email", email_login_router(email_login, login, self.jwt)),
            ("passkeys", passkey_login_router(passkeys, with_passkeys, self.session)),
            ("passkeys", passkey_login_router(passkeys, with_passkeys, self.jwt)),
            ("plain", accounts_router(Accounts(**options))),
            ("app", self._routes(captcha, anyone)),
        )
        self.app = self.app_of(*PARTS)
        self.site = self._site(login, totp, options)
        self.ended: dict[str, str] = {}

    def app_of(self, *parts: str) -> FastAPI:
        """An application with the routers of these parts."""
        app = FastAPI()
        install(app)
        for prefix, router in self.routers:
            if prefix.split("/")[0] in parts:
                app.include_router(router, prefix=f"/{prefix}")
        return app

    async def _verify(self, *_: Any) -> bool:
        self.vendor_calls += 1
        return False

    async def _send(self, *_: Any) -> None:
        """Send no code."""

    def _site(self, login: Login[User], totp: TOTP, options: dict[str, Any]) -> FastAPI:
        """Another application, with the pages alone."""
        url = "https://app.example.com/pages"
        accounts = Accounts(mail=Outbox(is_down=True), base_url=url, **options)
        pages = Pages(
            self.session, login, accounts=accounts, totp=totp, tokens=self.token, prefix="/pages"
        )
        app = FastAPI()
        app.include_router(pages.router)
        pages.install(app)
        return app

    def _routes(self, captcha: Captcha, anyone: AnyOf[User]) -> APIRouter:
        """Routes of an application's own, with a guard each."""
        router = APIRouter()
        guards: dict[str, Any] = {
            "user": anyone,
            "admin": require(anyone, admin=True),
            "optional": optional(anyone),
            "claims": self.jwt.claims,
            "captcha": captcha,
        }
        for name, guard in guards.items():
            router.post(f"/{name}", dependencies=[Depends(guard)])(lambda: "fine")

        @router.websocket("/ws")
        async def ws(websocket: WebSocket, _: Annotated[User, Depends(anyone)]) -> None:
            await websocket.accept()

        return router

    async def end_credentials(self, user: User) -> None:
        """Make a credential of each kind that was valid once."""
        secret = (await self.token.create(user, "report")).secret
        await self.token.revoke(secret)
        async with new_client(self.app) as client:
            body = {"username": user.username, "password": PASSWORD}
            answer = await client.post("/session/login", json=body)
            cookie = answer.headers["set-cookie"].partition(";")[0]
            await client.post("/session/logout", headers={"Cookie": cookie})
            form = {"grant_type": "password", **body}
            tokens = (await client.post("/jwt/token", data=form)).json()
            await client.post("/jwt/token/revoke", data={"token": tokens["refresh_token"]})
        self.ended = {"cookie": cookie, "token": secret, **tokens}

    def operations(self, app: FastAPI | None = None) -> list[tuple[str, str, str]]:
        """The method, the path and the name of each route."""
        return [
            (method, str(route.path_format), str(route.name))
            for route in iter_route_contexts((app or self.app).routes)
            for method in route.methods or ()
            if isinstance(route.original_route, APIRoute)
        ]

    def headers(self, number: int) -> dict[str, str]:
        """What strangers send, in turn: nothing, another site, nonsense, what has ended."""
        variants = [
            {},
            {"Origin": "https://evil.example", "User-Agent": "A" * 255},
            {"Cookie": f"{self.session.cookie.name}={'x' * 43}", "Captcha-Response": "no"},
            {"Cookie": self.ended["cookie"], "Sec-Fetch-Site": "cross-site"},
            {"Cookie": self.ended["cookie"]},
            bearer("nonsense"),
            bearer(self.ended["token"]),
            bearer(self.ended["access_token"]),
            {"Captcha-Response": f"made up {number}"},
        ]
        return variants[number % len(variants)]

    def body(self, number: int) -> dict[str, str]:
        """Values for all the fields that routes have; each takes what it knows."""
        known = number % 3 == 0
        email = "ada@example.com" if known else f"stranger{number}@example.com"
        return {
            "username": "ada" if known else f"stranger{number}",
            "password": f"a new secret {number}",
            "new_password": f"a new secret {number}",
            "email": email,
            "token": self.ended["refresh_token"] if known else f"tkt_{number}",
            "refresh_token": self.ended["refresh_token"],
            "grant_type": "refresh_token" if known else "password",
            "challenge": "tkt_" + "x" * 43,
            "code": f"{number:06}",
            "method": "totp",
            "login": f"login_{number}",
        }


FIELDS: dict[str, tuple[str, ...]] = {
    "log_in": ("username", "password"),
    "log_in_mfa": ("challenge", "code"),
    "send_login_code": ("challenge", "method"),
    "create_token": ("grant_type", "username", "password", "refresh_token"),
    "create_token_mfa": ("challenge", "code"),
    "send_token_code": ("challenge", "method"),
    "revoke_token": ("token",),
    "register": ("username", "email", "password"),
    "forgot_password": ("email",),
    "reset_password": ("token", "password"),
    "request_email_verification": ("email",),
    "verify_email": ("email", "code"),
    "confirm_email_change": ("token",),
    "undo_email_change": ("token",),
    "change_password": ("new_password",),
    "change_email": ("email",),
    "reauthenticate": ("password",),
    "request_login_by_email": ("email",),
    "log_in_by_email_link": ("token",),
    "log_in_by_email_code": ("email", "code"),
    "request_token_by_email": ("email",),
    "create_token_by_email_code": ("login", "email", "code"),
}


NOT_IN_PAGES = {name for name in FIELDS if "token" in name or "by_email" in name}
"""The operations that have no form."""


@pytest.fixture
async def served(users: Users[User], ada: User) -> AsyncIterator[Application]:
    """The application, whose limits and events are in the database too."""
    application = Application(users)
    await application.end_credentials(ada)
    use_store(PiccoloStore())
    stop = record_events()
    yield application
    stop()


async def rows() -> dict[str, int]:
    """The number of rows of each table."""
    end_second()
    await asyncio.gather(*events._telling)
    return {table._meta.tablename: await table.count() for table in STOCK}


async def check(request: Callable[[int], Awaitable[int]], challenges: int = 0) -> None:
    """Make 500 requests, and compare the rows that they left with the bounds."""
    bounds = BOUNDS | ({"auth_ticket": challenges} if challenges else {})
    before, began = await rows(), time.monotonic()
    statuses = [await request(number) for number in range(REQUESTS)]
    assert max(statuses) < 500
    after, seconds = await rows(), time.monotonic() - began
    for name, count in after.items():
        # Meanwhile limits are refilled, and each of those that refuse tells once a second.
        meanwhile = seconds * 5 if name == "auth_event" else seconds / 30
        if name == "auth_ticket":
            meanwhile += seconds * challenges / 60
        more = count - before[name]
        assert more <= bounds.get(name, 0) + meanwhile, (name, more)
        assert not more or f"`{name}`" in SECTION, name


class Stranger:
    """Asks an application as httpx does, in half the time, and keeps the cookies that it sets."""

    def __init__(self, application: Application, app: FastAPI) -> None:
        self._application = application
        self._app = app
        self._cookies = SimpleCookie()

    async def ask(self, operation: tuple[str, str, str], number: int) -> int:
        """The status of a request."""
        method, path, name = operation
        headers, values = self._application.headers(number), self._application.body(number)
        if name == "register" and path.startswith("/plain"):
            values["username"] = values["email"]
        body = {field: values[field] for field in FIELDS.get(name.removeprefix("form_"), ())}
        is_form = name in FORMS or name.startswith("form_")
        content = (urlencode(body) if is_form else json.dumps(body)).encode()
        kind = "application/x-www-form-urlencoded" if is_form else "application/json"
        sent = {"Accept": "*/*", "User-Agent": "stranger", "Cookie": self._kept(), **headers}
        sent |= {"Content-Type": kind, "Content-Length": str(len(content))} if content else {}
        return await self._send(method, path.replace("{", "").replace("}", ""), sent, content)

    def _kept(self) -> str:
        kept = [(name, one.value) for name, one in self._cookies.items() if one["max-age"] != "0"]
        return "; ".join(f"{name}={value}" for name, value in kept)

    async def _send(self, method: str, path: str, headers: dict[str, str], content: bytes) -> int:
        headers = {"Host": "testserver", **headers}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(a.lower().encode(), b.encode()) for a, b in headers.items() if b],
            "server": ("testserver", None),
            "client": ("127.0.0.1", 123),
        }
        unread = [{"type": "http.request", "body": content, "more_body": False}]
        answers: list[Any] = []
        ended = asyncio.Event()

        async def receive() -> Any:
            if unread:
                return unread.pop()
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            answers.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended.set()

        await self._app(scope, receive, send)
        for name, value in answers[0]["headers"]:
            if name == b"set-cookie":
                self._cookies.load(value.decode())
        return int(answers[0]["status"])


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.security(98)
@pytest.mark.security(99)
@pytest.mark.parametrize("part", PARTS)
async def test_every_route(served: Application, part: str) -> None:
    """500 requests of strangers to a route leave no more rows than docs/security.md says."""
    operations = served.operations()
    assert {path.split("/")[1] for _, path, _ in operations} == set(PARTS)
    app = served.app_of(part)
    for operation in operations:
        if operation[1].split("/")[1] == part:
            await RateLimitState.delete(force=True)
            served.vendor_calls = 0
            challenges = PASSKEYS if operation[1].endswith("/passkey/options") else 0
            await check(partial(Stranger(served, app).ask, operation), challenges)
            assert served.vendor_calls <= LOGINS or part == "app"


@pytest.mark.slow
@pytest.mark.security(98)
@pytest.mark.parametrize("name", sorted(FIELDS.keys() - NOT_IN_PAGES))
async def test_forms(served: Application, name: str) -> None:
    """So do 500 forms of strangers to a page that takes them."""
    [form] = [one for one in served.operations(served.site) if one[2] == f"form_{name}"]
    await check(partial(Stranger(served, served.site).ask, form))


@pytest.mark.slow
async def test_pages(served: Application) -> None:
    """So do 500 requests for pages, and to forms of those who are logged in."""
    operations = served.operations(served.site)
    others = [one for one in operations if one[2].removeprefix("form_") not in FIELDS]
    assert len(others) > 20
    stranger = Stranger(served, served.site)

    async def visit(number: int) -> int:
        return await stranger.ask(others[number % len(others)], number)

    await check(visit)


@pytest.mark.slow
async def test_web_sockets(served: Application) -> None:
    """So do 500 handshakes."""

    async def connect(number: int) -> int:
        headers = served.headers(number)
        sent = await web_socket(served.app, "/app/ws", **headers)
        assert sent[-1]["type"] != "websocket.accept"
        return 403

    await check(connect)
