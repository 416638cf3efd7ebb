"""Drives a real Chromium by its DevTools protocol: open pages, type, click, take pictures."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed"
)

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
    "--window-size=700,760",
    "--remote-debugging-port=0",
)
"""What lets it run anywhere. Its own address bar is made of pages that nobody looks at."""

ASIDE = "aside"
"""The name of a world of scripts that is not the page's."""

PATIENCE = 20
"""Seconds after which a page that does not come is an error."""


class Chromium:
    """
    A browser.

    Args:
        socket: The connection to its DevTools.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}

    async def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Send one command of the protocol, and return its result."""
        answer = await self.answer(method, session, **params)
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    async def answer(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Send one command of the protocol, and return its answer, which may be an error."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params}
        await self._socket.send(json.dumps(command | ({"sessionId": session} if session else {})))
        while number not in self._answers:
            await self.listen()
        return self._answers.pop(number)

    async def listen(self) -> None:
        """Wait for an answer or an event. No task does it, since a test's tasks end with it."""
        message = json.loads(await asyncio.wait_for(self._socket.recv(), PATIENCE))
        if "id" in message:
            self._answers[message["id"]] = message
        elif page := self._pages.get(message.get("sessionId", "")):
            page.notice(message["method"], message["params"])

    @asynccontextmanager
    async def tab(
        self, *, javascript: bool = True, beside: "Page | None" = None
    ) -> AsyncIterator["Page"]:
        """
        Open a tab, in a profile of its own unless it is beside another.

        Args:
            javascript: Whether pages may run scripts.
            beside: The tab whose cookies it shares.
        """
        profile = beside.profile if beside else await self._new_profile()
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=profile)
        session = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page = self._pages[session["sessionId"]] = Page(self, session["sessionId"], profile)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.call(f"{domain}.enable")
        await page.call("Emulation.setScriptExecutionDisabled", value=not javascript)
        try:
            yield page
        finally:
            await self.call("Target.closeTarget", targetId=target["targetId"])
            if not beside:
                await self.call("Target.disposeBrowserContext", browserContextId=profile)

    async def _new_profile(self) -> str:
        profile: str = (await self.call("Target.createBrowserContext"))["browserContextId"]
        return profile


class Page:
    """
    A tab, with what happened in it.

    Args:
        chromium: The browser.
        session: The session of the protocol.
        profile: The profile, whose tabs share cookies.
    """

    def __init__(self, chromium: Chromium, session: str, profile: str) -> None:
        self._chromium = chromium
        self._session = session
        self.profile = profile
        self.complaints: list[str] = []
        """Messages of the console."""
        self.requests: list[dict[str, Any]] = []
        """Requests, as `Network.requestWillBeSent` tells of them."""
        self.documents: list[dict[str, Any]] = []
        """Responses that are pages."""
        self._is_loaded = False

    def notice(self, event: str, params: dict[str, Any]) -> None:
        """Note an event."""
        if event == "Page.loadEventFired":
            self._is_loaded = True
        elif event == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif event == "Network.requestWillBeSent":
            self.requests.append(params)
            if params.get("redirectResponse") and params["type"] == "Document":
                self.documents.append(params["redirectResponse"])
        elif event == "Network.responseReceived" and params["type"] == "Document":
            self.documents.append(params["response"])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command of the protocol, and return its result."""
        return await self._chromium.call(method, self._session, **params)

    @asynccontextmanager
    async def loading(self) -> AsyncIterator[None]:
        """Wait at the end until another page is loaded."""
        self._is_loaded = False
        yield
        try:
            while not self._is_loaded:
                await self._chromium.listen()
        except asyncio.TimeoutError:
            shown = await self.run("document.body.innerText")
            raise AssertionError(f"Nothing was loaded after: {shown}") from None

    async def open(self, address: str) -> None:
        """Go to an address, and wait until it is loaded."""
        async with self.loading():
            await self.call("Page.navigate", url=address)

    async def run(self, script: str, **params: Any) -> Any:
        """Return the value of an expression."""
        options = {"expression": script, "awaitPromise": True, "returnByValue": True, **params}
        answer: dict[str, Any] = {}
        # Nothing is answered while the page makes way for the next one.
        for _ in range(200):
            answer = await self._chromium.answer("Runtime.evaluate", self._session, **options)
            if "result" in answer:
                break
            await asyncio.sleep(0.05)
        assert "exceptionDetails" not in answer["result"], answer
        return answer["result"]["result"].get("value")

    async def aside(self) -> int:
        """Make a world for `run(…, contextId=…)` that the policy of the page does not bind."""
        frame = (await self.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        world = await self.call("Page.createIsolatedWorld", frameId=frame, worldName=ASIDE)
        return int(world["executionContextId"])

    async def run_aside(self, source: str) -> None:
        """Run a script in the world of `aside()` on each page from now on, before its own."""
        added = {"source": source, "worldName": ASIDE}
        await self.call("Page.addScriptToEvaluateOnNewDocument", **added)

    async def wait(self, condition: str) -> None:
        """Wait until an expression is true."""
        for _ in range(PATIENCE * 50):
            if await self.run(f"Boolean({condition})"):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"waited for {condition}")

    async def click(self, selector: str, times: int = 1) -> None:
        """Click on an element with the mouse."""
        at = await self.run(f"""(() => {{
            const found = document.querySelector({selector!r})
            found.scrollIntoView({{block: "center", behavior: "instant"}})
            const box = found.getBoundingClientRect()
            return {{x: box.x + box.width / 2, y: box.y + box.height / 2}}
        }})()""")
        for number in range(1, times + 1):
            mouse = {**at, "button": "left", "clickCount": number}
            await self.call("Input.dispatchMouseEvent", type="mousePressed", **mouse)
            await self.call("Input.dispatchMouseEvent", type="mouseReleased", **mouse)

    async def type(self, selector: str, text: str) -> None:
        """Type a text into an input, instead of what it has."""
        await self.run(f"document.querySelector({selector!r}).focus()")
        await self.run(f"document.querySelector({selector!r}).select()")
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, **more: Any) -> None:
        """Press a key."""
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        keys = {"key": key, "code": key, "windowsVirtualKeyCode": code, **more}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **keys, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **keys)

    async def picture(self, path: Path, *, whole: bool = False) -> None:
        """Save what is seen, or the whole page."""
        answer = await self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole
        )
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))


@asynccontextmanager
async def open_chromium(profile: Path, *flags: str) -> AsyncIterator[Chromium]:
    """
    Within it, a browser runs.

    Args:
        profile: An empty folder.
        flags: Further flags of the command line.
    """
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *flags, "about:blank"]
    with (profile / "log").open("w") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: ASYNC220
    try:
        async with connect(await _address(profile), max_size=None, ping_interval=None) as socket:
            yield Chromium(socket)
    finally:
        browser.terminate()
        await asyncio.to_thread(browser.wait, 20)


@asynccontextmanager
async def browsing(address: str, profile: Path, *flags: str) -> AsyncIterator[Page]:
    """Within it, a browser shows a page."""
    async with open_chromium(profile, *flags) as chromium, chromium.tab() as page:
        await page.open(address)
        yield page


async def _address(profile: Path) -> str:
    """Return the address of the DevTools, which the browser writes into its profile."""
    port = profile / "DevToolsActivePort"
    for _ in range(600):
        if port.exists() and len(lines := port.read_text().split()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        await asyncio.sleep(0.05)
    raise AssertionError((profile / "log").read_text())


async def tab_address(profile: Path, url: str) -> str:
    """Return the address of the DevTools of one tab, for a second connection to it."""
    port = (profile / "DevToolsActivePort").read_text().split()[0]
    async with httpx.AsyncClient() as client:
        tabs = (await client.get(f"http://127.0.0.1:{port}/json/list")).json()
    return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["url"] == url)
