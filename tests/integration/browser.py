"""Drives a real Chromium by its DevTools protocol: open a page, run scripts, take a picture."""

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


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        number = next(self._numbers)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(await self._socket.recv())).get("id") != number:
            pass
        result: dict[str, Any] = answer.get("result", {})
        return result

    async def run(self, script: str) -> Any:
        """The value of an expression."""
        answer: dict[str, Any] = {}
        params = {"expression": script, "awaitPromise": True, "returnByValue": True}
        # Nothing is answered while the page makes way for the next one.
        for _ in range(200):
            answer = await self.call("Runtime.evaluate", **params)
            if answer:
                break
            await asyncio.sleep(0.05)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def wait(self, condition: str) -> None:
        """Wait until an expression is true."""
        script = f"""new Promise((resolve, reject) => {{
            const giveUp = setTimeout(() => reject("waited for " + {condition!r}), 20000)
            const poll = () => {condition} ? resolve(clearTimeout(giveUp)) : setTimeout(poll, 20)
            poll()
        }})"""
        await self.run(script)

    async def picture(self, path: Path) -> None:
        """Save what is seen."""
        answer = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))


@asynccontextmanager
async def browsing(address: str, profile: Path, *flags: str) -> AsyncIterator[Page]:
    """Within it, a browser shows a page."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=700,760"]
    command += [f"--user-data-dir={profile}", "--remote-debugging-port=0", *flags, address]
    with (profile / "log").open("w") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: ASYNC220
    try:
        async with connect(await _tab(profile), max_size=None) as socket:
            page = Page(socket)
            await page.wait("document.readyState === 'complete'")
            yield page
    finally:
        browser.terminate()
        await asyncio.to_thread(browser.wait, 20)


async def _tab(profile: Path) -> str:
    port = profile / "DevToolsActivePort"
    for _ in range(600):
        if port.exists() and port.read_text().strip():
            async with httpx.AsyncClient() as client:
                base = f"http://127.0.0.1:{port.read_text().split()[0]}"
                tabs = (await client.get(f"{base}/json")).json()
            for tab in tabs:
                if tab["type"] == "page" and tab["url"].startswith("http"):
                    found: str = tab["webSocketDebuggerUrl"]
                    return found
        await asyncio.sleep(0.05)
    raise AssertionError((profile / "log").read_text())
