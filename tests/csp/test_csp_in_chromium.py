"""In a real browser: what has the nonce runs, what has none is blocked and reported."""

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from websockets.asyncio.client import ClientConnection, connect

from piccolo_api_fastapi import CSP, AuthEvent, csp_report_router, install, subscribe
from tests.integration.browser import Page, browsing, needs_chromium, tab_address
from tests.integration.certificates import write_certificate
from tests.integration.serving import serving

pytestmark = [needs_chromium, pytest.mark.slow]

RECORDER = """
window.violations = []
document.addEventListener("securitypolicyviolation", violation => {
  window.violations.push(violation.effectiveDirective + " " + violation.blockedURI)
})
"""

PAGE = """
<!doctype html>
<title>Movies</title>
<script nonce="{nonce}">
window.ran = ["own"]
const further = document.createElement("script")
further.src = "/app.js"
document.head.append(further)
</script>
<style nonce="{nonce}">h1 {{ color: rgb(1, 2, 3) }}</style>
<h1>Movies</h1>
<script>ran.push("foreign")</script>
<script nonce="AAAAAAAAAAAAAAAAAAAAAA">ran.push("guessed")</script>
<script src="/foreign.js"></script>
<img src="data:," onerror="ran.push('handler')">
<style>h1 {{ color: red }}</style>
"""

SWAGGER = """
window.SwaggerUIBundle = function (options) {
  fetch(options.url).then(answer => answer.json()).then(schema => {
    document.querySelector(options.dom_id).textContent = schema.info.title
  })
}
SwaggerUIBundle.presets = {}
"""

CDN = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5"
STUBS = {
    f"{CDN}/swagger-ui-bundle.js": ("text/javascript", SWAGGER),
    f"{CDN}/swagger-ui.css": ("text/css", "#swagger-ui { color: rgb(1, 2, 3) }"),
    "https://fastapi.tiangolo.com/img/favicon.png": ("image/png", ""),
}


async def fulfil(socket: ClientConnection) -> None:
    """Answer requests to other hosts, and none but those that are known."""
    async for message in socket:
        event = json.loads(message)
        if event.get("method") != "Fetch.requestPaused":
            continue
        params: dict[str, Any] = {"requestId": event["params"]["requestId"]}
        stub = STUBS.get(event["params"]["request"]["url"])
        if stub is None:
            params["errorReason"] = "BlockedByClient"
        else:
            params["responseCode"] = 200
            params["responseHeaders"] = [{"name": "Content-Type", "value": stub[0]}]
            params["body"] = base64.b64encode(stub[1].encode()).decode()
        method = "Fetch.failRequest" if stub is None else "Fetch.fulfillRequest"
        await socket.send(json.dumps({"id": 2, "method": method, "params": params}))


@asynccontextmanager
async def browser_without_network(address: str, profile: Path) -> AsyncIterator[Page]:
    """Within it, a browser records violations, and other hosts answer what a test lays down."""
    async with (
        browsing(f"{address}/start", profile) as page,
        connect(await tab_address(profile, f"{address}/start")) as socket,
    ):
        patterns = [{"urlPattern": "https://*"}]
        enable = {"id": 1, "method": "Fetch.enable", "params": {"patterns": patterns}}
        await socket.send(json.dumps(enable))
        await socket.recv()
        answering = asyncio.create_task(fulfil(socket))
        await page.call("Page.enable")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=RECORDER)
        yield page
        answering.cancel()


async def visit(page: Page, address: str, condition: str) -> None:
    """Open a page, and wait until a condition holds there."""
    await page.call("Page.navigate", url=address)
    path = json.dumps(address)
    await page.wait(f"location.href === {path} && document.readyState === 'complete'")
    await page.wait(condition)


@contextmanager
def hearing(number: int) -> Iterator[Callable[[], Awaitable[list[AuthEvent]]]]:
    """Within it, a function waits for a number of events, and returns them."""
    told: list[AuthEvent] = []
    complete = threading.Event()

    def hear(event: AuthEvent) -> None:
        told.append(event)
        if len(told) == number:
            complete.set()

    async def reports() -> list[AuthEvent]:
        assert await asyncio.to_thread(complete.wait, 60), told
        return told

    unsubscribe = subscribe(hear)
    yield reports
    unsubscribe()


def assert_blocked(told: list[AuthEvent], address: str) -> None:
    """Each script and style without the nonce was reported."""
    assert {(event.data["directive"], event.data["blocked"]) for event in told} == {
        ("script-src-elem", "inline"),
        ("script-src-elem", f"{address}/foreign.js"),
        ("script-src-attr", "inline"),
        ("style-src-elem", "inline"),
    }
    assert {event.data["document"] for event in told} == {f"{address}/page"}
    assert {event.data["disposition"] for event in told} == {"enforce"}


def application(csp: CSP) -> FastAPI:
    """An application with a page, scripts, docs, and an endpoint for reports."""
    app = FastAPI(title="Movie club")
    install(app, csp=csp)
    app.include_router(csp_report_router())

    @app.get("/start")
    async def start() -> PlainTextResponse:
        return PlainTextResponse("")

    @app.get("/page", response_class=HTMLResponse)
    async def show(nonce: Annotated[str, Depends(csp.nonce)]) -> str:
        return PAGE.format(nonce=nonce)

    @app.get("/{name}.js")
    async def script(name: str) -> Response:
        return Response(f"ran.push('{name}.js')", media_type="text/javascript")

    return app


async def test_nonces(tmp_path: Path) -> None:
    """Scripts with the nonce and what they load run; nothing else does, and all is reported."""
    with serving(application(CSP.strict(report_to="/csp"))) as address, hearing(5) as reports:
        async with browser_without_network(address, tmp_path) as page:
            await visit(page, f"{address}/page", "window.ran?.includes('app.js')")
            assert await page.run("ran") == ["own", "app.js"]
            colour = await page.run("getComputedStyle(document.querySelector('h1')).color")
            assert colour == "rgb(1, 2, 3)"
            await page.wait("violations.length === 5")
            assert_blocked(await reports(), address)


async def test_reports_over_tls(tmp_path: Path) -> None:
    """Over TLS the browser sends the newer format, several violations in one request."""
    formats: set[str] = set()
    app = application(CSP.strict(report_to="/csp"))

    @app.middleware("http")
    async def record(request: Request, call_next: Any) -> Response:
        if request.url.path == "/csp":
            formats.add(request.headers["Content-Type"])
        answer: Response = await call_next(request)
        return answer

    certificate = write_certificate(tmp_path)
    flags = ("--ignore-certificate-errors", "--short-reporting-delay")
    with serving(app, certificate) as address, hearing(5) as reports:
        async with browsing(f"{address}/page", tmp_path, *flags):
            assert_blocked(await reports(), address)
    assert formats == {"application/reports+json"}


async def test_report_only(tmp_path: Path) -> None:
    """A policy on trial blocks nothing, and reports the same."""
    csp = CSP.strict(report_only=True, report_to="/csp")
    with serving(application(csp)) as address, hearing(5) as reports:
        async with browser_without_network(address, tmp_path) as page:
            await visit(page, f"{address}/page", "window.ran?.length === 6")
            assert {event.data["disposition"] for event in await reports()} == {"report"}


async def test_docs(tmp_path: Path) -> None:
    """Swagger UI starts with no violation, and a script that somebody injects does not run."""
    with serving(application(CSP.strict())) as address:
        async with browser_without_network(address, tmp_path) as page:
            swagger = "document.querySelector('#swagger-ui')"
            await visit(page, f"{address}/docs", f"{swagger}?.textContent === 'Movie club'")
            assert await page.run("violations") == []
            assert await page.run(f"getComputedStyle({swagger}).color") == "rgb(1, 2, 3)"
            await page.run("""
                const script = document.createElement("script")
                script.textContent = "window.injected = true"
                document.body.append(script)
            """)
            await page.wait("violations.length === 1")
            assert await page.run("window.injected") is None
            await visit(page, f"{address}/docs/oauth2-redirect", "document.scripts.length === 1")
            assert await page.run("violations") == []
            assert await page.run("typeof run") == "function"
