"""CAPTCHA, against a server that speaks the vendors' documented protocol."""

import asyncio
import functools
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Form
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from piccolo_api_fastapi import (
    AuthEvent,
    Captcha,
    ClientInfo,
    ConfigurationError,
    HCaptcha,
    JWTAuth,
    Login,
    ReCaptchaV2,
    ReCaptchaV3,
    SessionAuth,
    Turnstile,
    User,
    Users,
    install,
    jwt_router,
    session_router,
)
from piccolo_api_fastapi.captcha.siteverify import MAXIMUM_VERDICT
from piccolo_api_fastapi.errors import CaptchaUnavailable
from tests.conftest import PASSWORD, SECRET, bearer, end_second, log_in, new_client
from tests.documents import expanded
from tests.integration.serving import serving

SECRET_KEY = "0x4AAA-the-secret-of-the-site"
SOLVED = "10000000-aaaa-bbbb-cccc-000000000001"
VENDORS: dict[str, Any] = {
    "hcaptcha": HCaptcha,
    "recaptcha2": ReCaptchaV2,
    "recaptcha3": functools.partial(ReCaptchaV3, action="login"),
    "turnstile": Turnstile,
}


class Vendor:
    """The side of the vendor: what was asked, and how it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.spent: set[str] = set()
        self.verdict: dict[str, Any] = {}
        self.answer: Response | None = None
        self.delay = 0.0
        self.app = FastAPI()
        self.app.post("/siteverify", response_model=None)(self.siteverify)

    async def siteverify(self, request: Request) -> Response:
        """`siteverify` as hCaptcha, Google and Cloudflare document it: a form in, JSON out."""
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.asked.append(form)
        await asyncio.sleep(self.delay)
        if self.answer is not None:
            return self.answer
        if form["secret"] != SECRET_KEY:
            return self.refuse("invalid-input-secret")
        if form["response"] in self.spent:
            return self.refuse("timeout-or-duplicate")
        if form["response"] != SOLVED:
            return self.refuse("invalid-input-response")
        self.spent.add(form["response"])
        verdict = {
            "success": True,
            "challenge_ts": "2026-11-25T02:00:00Z",
            "hostname": "example.com",
            "action": "login",
            "score": 0.9,
            "error-codes": [],
        }
        return JSONResponse(verdict | self.verdict)

    @staticmethod
    def refuse(code: str) -> Response:
        """A verdict that says no."""
        return JSONResponse({"success": False, "error-codes": [code]})


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Vendor, str]]:
    """A vendor on a real socket."""
    vendor = Vendor()
    with serving(vendor.app) as address:
        yield vendor, f"{address}/siteverify"


@pytest.fixture
def vendor(served: tuple[Vendor, str]) -> Vendor:
    """The vendor, who has forgotten the test before."""
    vendor = served[0]
    vendor.__dict__ |= {"asked": [], "spent": set(), "verdict": {}, "answer": None, "delay": 0.0}
    return vendor


@pytest.fixture
def url(served: tuple[Vendor, str]) -> str:
    """Where the vendor is."""
    return served[1]


def app_with(captcha: Captcha) -> FastAPI:
    """An application with a guarded route for JSON and one for forms."""
    app = FastAPI()
    install(app)

    @app.post("/comment", dependencies=[Depends(captcha)])
    async def comment() -> str:
        return "published"

    @app.post("/form", dependencies=[Depends(captcha)])
    async def form(text: Annotated[str, Form()]) -> str:
        return text

    return app


async def comment(captcha: Captcha, response: str | None = SOLVED) -> httpx.Response:
    """Send a comment with a solved CAPTCHA."""
    headers = {} if response is None else {"Captcha-Response": response}
    async with new_client(app_with(captcha)) as client:
        return await client.post("/comment", headers=headers)


@pytest.mark.parametrize("name", VENDORS)
async def test_vendors(vendor: Vendor, url: str, name: str, events: list[AuthEvent]) -> None:
    """A solved CAPTCHA passes once; a wrong, spent or missing one does not (D-U6)."""
    captcha = VENDORS[name](SECRET_KEY, url=url)
    answer = await comment(captcha)
    assert (answer.status_code, answer.json()) == (200, "published")
    assert vendor.asked == [{"secret": SECRET_KEY, "response": SOLVED}]
    for response in (SOLVED, "wrong", "x" * 8193):
        answer = await comment(captcha, response)
        assert (answer.status_code, answer.json()["code"]) == (403, "captcha_failed")
    for missing in (None, ""):
        answer = await comment(captcha, missing)
        assert (answer.status_code, answer.json()["code"]) == (403, "captcha_required")
    assert [event.name for event in events] == ["authn_captcha_fail"] * 3
    reasons = [event.data["reason"] for event in events]
    assert reasons == ["timeout-or-duplicate", "invalid-input-response", "too-long"]
    assert len(vendor.asked) == 3
    assert SECRET_KEY not in repr(events) + repr(captcha._verifier)


@pytest.mark.parametrize("name", VENDORS)
async def test_the_field_of_the_widget(vendor: Vendor, url: str, name: str) -> None:
    """A form brings the response in the field that the vendor's widget fills."""
    captcha = VENDORS[name](SECRET_KEY, url=url)
    fields = {
        "hcaptcha": "h-captcha-response",
        "recaptcha2": "g-recaptcha-response",
        "recaptcha3": "g-recaptcha-response",
        "turnstile": "cf-turnstile-response",
    }
    async with new_client(app_with(captcha)) as client:
        form = {"text": "hello", fields[name]: SOLVED}
        answer = await client.post("/form", data=form)
        assert (answer.status_code, answer.json()) == (200, "hello")
        vendor.spent.clear()
        files: Any = {"text": (None, b"hello"), fields[name]: (None, SOLVED.encode())}
        assert (await client.post("/form", files=files)).status_code == 200
        vendor.spent.clear()
        files = {"text": (None, b"hello"), fields[name]: ("a.txt", SOLVED.encode())}
        assert (await client.post("/form", files=files)).status_code == 403
        assert (await client.post("/comment", data={fields[name]: SOLVED})).status_code == 200
        assert (await client.post("/comment", json={fields[name]: SOLVED})).status_code == 403


@pytest.mark.parametrize(
    ("make", "verdict", "reason"),
    [
        (functools.partial(HCaptcha, hostnames=["a.com"]), {}, "hostname"),
        (functools.partial(ReCaptchaV2, hostnames=["a.com"]), {"hostname": None}, "hostname"),
        (functools.partial(ReCaptchaV3, action="register"), {}, "action"),
        (functools.partial(ReCaptchaV3, action="login"), {"action": None}, "action"),
        (functools.partial(ReCaptchaV3, action="login"), {"score": 0.49}, "score"),
        (functools.partial(ReCaptchaV3, action="login", score=0.0), {"score": None}, "score"),
        (functools.partial(ReCaptchaV3, action="login", score=0.0), {"score": "1"}, "score"),
        (functools.partial(ReCaptchaV3, action="login"), {"score": True}, "score"),
        (functools.partial(Turnstile, action="register"), {}, "action"),
        (HCaptcha, {"success": "true"}, "not-solved"),
        (HCaptcha, {"success": 1, "error-codes": "all"}, "not-solved"),
        (HCaptcha, {"success": False, "error-codes": [1, "X\r\n", "a b"]}, "not-solved"),
    ],
)
async def test_verdicts(
    vendor: Vendor, url: str, events: list[AuthEvent], make: Any, verdict: Any, reason: str
) -> None:
    """`success` alone does not do: host, action and score have to be those expected."""
    vendor.verdict = verdict
    answer = await comment(make(SECRET_KEY, url=url))
    assert (answer.status_code, answer.json()["code"]) == (403, "captcha_failed")
    assert [event.data["reason"] for event in events] == [reason]


async def test_a_verdict_without_a_hostname(
    vendor: Vendor, url: str, events: list[AuthEvent]
) -> None:
    """If a hostname is expected, a verdict that names none is refused."""
    vendor.answer = JSONResponse({"success": True})
    answer = await comment(HCaptcha(SECRET_KEY, hostnames=["a.com"], url=url))
    assert answer.status_code == 403
    assert answer.json()["code"] == "captcha_failed"
    assert [event.data["reason"] for event in events] == ["hostname"]


async def test_what_is_expected(vendor: Vendor, url: str) -> None:
    """The right host, action and score pass; the site key and the address are sent if asked."""
    vendor.verdict = {"score": 0.7}
    expecting: Any = {"hostnames": ["example.com"], "action": "login", "url": url}
    assert (await comment(ReCaptchaV3(SECRET_KEY, score=0.7, **expecting))).status_code == 200
    captcha = HCaptcha(SECRET_KEY, site_key="10000000-ffff", send_ip=True, url=url)
    vendor.spent.clear()
    assert (await comment(captcha)).status_code == 200
    assert vendor.asked[1] == {
        "secret": SECRET_KEY,
        "response": SOLVED,
        "sitekey": "10000000-ffff",
        "remoteip": "127.0.0.1",
    }
    app = app_with(captcha)
    nowhere = httpx.ASGITransport(app=app, client=("unix", 0))
    vendor.spent.clear()
    async with httpx.AsyncClient(transport=nowhere, base_url="https://test") as client:
        headers = {"Captcha-Response": SOLVED}
        assert (await client.post("/comment", headers=headers)).status_code == 200
    assert "remoteip" not in vendor.asked[2]


OUTAGES = {
    "500": JSONResponse({"success": True}, 500),
    "429": PlainTextResponse("slow down", 429),
    "html": PlainTextResponse("<html>all is well</html>"),
    "list": JSONResponse([True]),
    "internal-error": JSONResponse({"success": False, "error-codes": ["internal-error"]}),
    "deep": PlainTextResponse("[" * 50_000),
    "long": PlainTextResponse(f'{{"success": true, "x": "{"x" * MAXIMUM_VERDICT}"}}'),
}


@pytest.mark.parametrize("outage", [*OUTAGES, "slow", "drip", "refused"])
async def test_outage(vendor: Vendor, url: str, events: list[AuthEvent], outage: str) -> None:
    """A vendor who can't tell is a 503 with an event, never a silent pass, never a 500 (D-U6)."""
    vendor.answer = OUTAGES.get(outage)
    vendor.delay = 5 if outage == "slow" else 0
    if outage == "drip":
        vendor.answer = Dripping()
    options: Any = {"url": "http://127.0.0.1:9/" if outage == "refused" else url, "timeout": 0.2}
    answer = await comment(Turnstile(SECRET_KEY, **options))
    assert (answer.status_code, answer.json()["code"]) == (503, "captcha_unavailable")
    assert answer.headers["retry-after"] == "1"
    end_second()
    answer = await comment(Turnstile(SECRET_KEY, on_outage="allow", **options))
    assert answer.status_code == 200
    assert [event.name for event in events] == ["sys_captcha_unavailable"] * 2
    assert events[0].data["captcha"] == "Turnstile"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (JSONResponse({"success": False, "error-codes": ["bad-request"]}), "bad-request"),
        (JSONResponse({"error-codes": ["invalid-input-response"]}, 400), "invalid-input-response"),
        (JSONResponse({"error-codes": ["invalid-input-response"]}, 500), "invalid-input-response"),
        (PlainTextResponse("<html>no</html>", 400), "status-400"),
        (JSONResponse({"success": True}, 400), "status-400"),
    ],
)
async def test_what_is_no_outage(
    vendor: Vendor, url: str, events: list[AuthEvent], answer: Response, reason: str
) -> None:
    """Whoever sends something that the vendor takes ill is refused, not let in as by an outage."""
    vendor.answer = answer
    got = await comment(Turnstile(SECRET_KEY, url=url, on_outage="allow"))
    assert (got.status_code, got.json()["code"]) == (403, "captcha_failed")
    assert [(event.name, event.data["reason"]) for event in events] == [
        ("authn_captcha_fail", reason)
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (JSONResponse({"error-codes": ["invalid-input-secret"]}, 400), "invalid-input-secret"),
        (Response(status_code=302, headers={"location": "/elsewhere"}), "status-302"),
        (PlainTextResponse("no such page", 404), "status-404"),
        (JSONResponse({"success": True}, 403), "status-403"),
    ],
)
async def test_a_wrong_setting(
    vendor: Vendor, url: str, events: list[AuthEvent], answer: Response, reason: str
) -> None:
    """A wrong secret or address is no outage either: nobody passes, and an event tells."""
    vendor.answer = answer
    got = await comment(Turnstile(SECRET_KEY, url=url, on_outage="allow"))
    assert (got.status_code, got.json()["code"]) == (503, "captcha_unavailable")
    assert [(event.name, event.data["reason"]) for event in events] == [
        ("sys_captcha_misconfigured", reason)
    ]


class Dripping(Response):
    """An answer that never ends, a byte at a time."""

    async def __call__(self, _: Any, __: Any, send: Any) -> None:
        """Keep the client waiting without ever being silent."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(40):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"{}"})


@pytest.mark.parametrize("on_outage", ["deny", "allow"])
async def test_a_wrong_secret(
    vendor: Vendor, url: str, events: list[AuthEvent], on_outage: Any
) -> None:
    """A wrong secret is our fault, told by an event; nobody passes, whatever the option says."""
    captcha = HCaptcha("another", url=url, on_outage=on_outage)
    answer = await comment(captcha)
    assert (answer.status_code, answer.json()["code"]) == (503, "captcha_unavailable")
    assert [event.name for event in events] == ["sys_captcha_misconfigured"]
    data = {"reason": "invalid-input-secret", "captcha": "HCaptcha", "failures": 1}
    assert dict(events[0].data) == data


class Verifier:
    """Verifiers of an application's own, in every form that can be called."""

    async def method(self, response: str, _: ClientInfo) -> bool:
        """A bound method."""
        return response == "good"

    async def __call__(self, response: str, _: ClientInfo) -> bool:
        """A callable object."""
        return response == "good"


def plain(response: str, _: ClientInfo) -> bool:
    """A function."""
    return response == "good"


async def with_more(response: str, _: ClientInfo, *, good: str) -> bool:
    """A coroutine function with a parameter more."""
    return response == good


VERIFIERS: list[Callable[..., Any]] = [
    plain,
    Verifier(),
    Verifier().method,
    functools.partial(with_more, good="good"),
    lambda response, _: with_more(response, ClientInfo(), good="good"),
]


@pytest.mark.parametrize("verifier", VERIFIERS)
async def test_any_callable(verifier: Callable[..., Any]) -> None:
    """Whatever can be called is called (D-U6)."""
    assert (await comment(Captcha(verifier), "good")).status_code == 200
    assert (await comment(Captcha(verifier), "bad")).status_code == 403


@pytest.mark.parametrize("verdict", [None, 1, "yes", {}])
async def test_a_verifier_without_a_verdict(verdict: Any) -> None:
    """A forgotten `return` is an error and lets nobody through (D-U6)."""
    answer = await comment(Captcha(lambda *_: verdict), "good")
    assert answer.status_code == 500


async def sleeps(_: str, __: ClientInfo) -> bool:
    """A verifier that takes too long."""
    await asyncio.sleep(5)
    return True


async def test_a_verifier_that_blocks() -> None:
    """A sync one runs in a thread: the loop goes on, and nobody waits for it longer than agreed."""
    loop, ended = asyncio.get_running_loop(), threading.Event()

    def verifier(_: str, __: ClientInfo) -> bool:
        # Only the loop can end it, so it would never end if the loop waited for it.
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(10)
        return True

    def hangs(_: str, __: ClientInfo) -> bool:
        return ended.wait(10)

    assert (await comment(Captcha(verifier), "good")).status_code == 200
    assert (await comment(Captcha(hangs, timeout=0.05), "good")).status_code == 503
    ended.set()


def raises(error: Exception) -> Callable[..., Any]:
    """A verifier that fails."""

    def verifier(*_: Any) -> bool:
        raise error

    return verifier


@pytest.mark.parametrize(
    "verifier", [sleeps, raises(ConnectionError()), raises(CaptchaUnavailable())]
)
async def test_a_verifier_that_cannot_tell(
    verifier: Callable[..., Any], events: list[AuthEvent]
) -> None:
    """Too slow, no connection, or said so: a 503 with an event."""
    assert (await comment(Captcha(verifier, timeout=0.05), "good")).status_code == 503
    end_second()
    captcha = Captcha(verifier, timeout=0.05, on_outage="allow")
    assert (await comment(captcha, "good")).status_code == 200
    assert [event.name for event in events] == ["sys_captcha_unavailable"] * 2


@pytest.fixture
async def client(users: Users[User], ada: User) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application whose logins ask for a CAPTCHA."""
    app = FastAPI()
    install(app)
    captcha = Captcha(plain)
    session, jwt = SessionAuth(users), JWTAuth(users, secret=SECRET)
    login = Login(users)
    app.include_router(session_router(session, login, captcha=captcha), prefix="/auth")
    app.include_router(jwt_router(jwt, login, captcha=captcha), prefix="/auth")
    async with new_client(app) as client:
        yield client


async def test_login(client: httpx.AsyncClient) -> None:
    """Logins ask for it before they look at the password, and OpenAPI tells."""
    assert (await log_in(client)).json()["code"] == "captcha_required"
    assert (await log_in(client, "nobody")).json()["code"] == "captcha_required"
    client.headers["Captcha-Response"] = "good"
    assert (await log_in(client)).status_code == 200
    schema = expanded((await client.get("/openapi.json")).json())
    operation = schema["paths"]["/auth/login"]["post"]
    assert [item["name"] for item in operation["parameters"]] == ["Captcha-Response"]
    assert {"captcha_required", "captcha_failed"} <= set(
        operation["responses"]["403"]["content"]["application/problem+json"]["examples"]
    )


async def test_token(client: httpx.AsyncClient) -> None:
    """So does a password at the token endpoint, in a header or a field; a refresh does not."""
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    answer = await client.post("/auth/token", data=form)
    assert (answer.status_code, answer.json()["code"]) == (403, "captcha_required")
    answer = await client.post("/auth/token", data={**form, "captcha": "bad"})
    assert (answer.status_code, answer.json()["code"]) == (403, "captcha_failed")
    answer = await client.post("/auth/token", data=form, headers={"Captcha-Response": "good"})
    assert answer.status_code == 200
    tokens = (await client.post("/auth/token", data={**form, "captcha": "good"})).json()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    access = (await client.post("/auth/token", data=form)).json()["access_token"]
    answer = await client.get("/auth/token/families", headers=bearer(access))
    assert answer.status_code == 200


@pytest.mark.security(99)
@pytest.mark.parametrize(
    ("path", "with_install"),
    [
        ("/auth/login", True),
        pytest.param("/auth/login", False, marks=pytest.mark.slow),
        pytest.param("/auth/token", True, marks=pytest.mark.slow),
        pytest.param("/auth/token", False, marks=pytest.mark.slow),
    ],
)
async def test_limits(
    users: Users[User],
    ada: User,
    path: str,
    with_install: bool,  # noqa: FBT001
) -> None:
    """Wrong answers count before the vendor is called, for the address if there is one."""
    app, calls = FastAPI(), list[str]()

    def verifier(response: str, _: ClientInfo) -> bool:
        calls.append(response)
        if response == "down":
            raise ConnectionError
        return response == "good"

    if with_install:
        install(app)
    session, jwt, login = SessionAuth(users), JWTAuth(users, secret=SECRET), Login(users)
    captcha = Captcha(verifier)
    app.include_router(session_router(session, login, captcha=captcha), prefix="/auth")
    app.include_router(jwt_router(jwt, login, captcha=captcha), prefix="/auth")
    body = {"username": "ada", "password": PASSWORD}
    form = {**body, "grant_type": "password"}
    sent: Any = {"json": body} if path == "/auth/login" else {"data": form}

    async def ask(response: str, times: int) -> list[int]:
        headers = {"Captcha-Response": response}
        return [(await one.post(path, headers=headers, **sent)).status_code for _ in range(times)]

    async with new_client(app) as one:
        assert set(await ask("good", 30)) == {200}
        assert set(await ask("down", 30)) == {503}
        calls.clear()
        assert await ask("bad", 60) == [403] * 20 + [429] * 40
        assert await ask("good", 1) == [429]
    assert calls == ["bad"] * 20
    calls.clear()
    nowhere = httpx.ASGITransport(app=app, client=("unix", 0))
    async with httpx.AsyncClient(transport=nowhere, base_url="https://test") as one:
        assert await ask("bad", 30) == [403] * 20 + [429] * 10
    assert calls == ["bad"] * 20


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Captcha, {"verifier": plain, "timeout": 0}),
        (Captcha, {"verifier": plain, "on_outage": "ignore"}),
        (Captcha, {"verifier": None}),
        (HCaptcha, {"secret": ""}),
        (HCaptcha, {"secret": SECRET_KEY, "hostnames": "example.com"}),
        (ReCaptchaV3, {"secret": SECRET_KEY, "action": "login", "score": 1.1}),
    ],
)
def test_configuration(make: Callable[..., Captcha], options: dict[str, Any]) -> None:
    """What makes no sense raises when the dependency is made."""
    with pytest.raises(ConfigurationError):
        make(**options)


def test_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error names it."""
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ConfigurationError, match="http"):
        Turnstile(SECRET_KEY)
