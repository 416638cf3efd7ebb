"""The front end of the example: its script in Node, its page in Chromium, and other origins."""

import asyncio
import json
import os
import re
import runpy
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from examples.front_end import app as example
from piccolo_api_fastapi import EmailStatus, Session
from tests.conftest import PASSWORD
from tests.integration.browser import Page, browsing, needs_chromium
from tests.integration.serving import serving

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "front_end"
SCRIPT = FOLDER / "static" / "app.js"
NODE = shutil.which("node")

ADA = {"username": "ada", "password": PASSWORD}
GRACE = {"username": "grace", "password": PASSWORD}

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
needs_node = pytest.mark.skipif(
    NODE is None and not os.environ.get("CI"), reason="Node is not installed"
)


class Console:
    """
    The script of the example in Node.

    Args:
        process: The program that evaluates lines.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, script: str, *typed: Any) -> dict[str, Any]:
        """Evaluate an expression while a user types this; its result, and what was asked."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"start({json.dumps(typed)}); {script}\n".encode())
        line = await asyncio.wait_for(self._process.stdout.readline(), 20)
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def send(self, path: str, *typed: Any) -> dict[str, Any]:
        """Send a POST."""
        return await self.run(f'request("POST", "{path}")', *typed)


@asynccontextmanager
async def node(address: str) -> AsyncIterator[Console]:
    """Within it, Node runs the script."""
    assert NODE is not None
    program = str(Path(__file__).with_name("front_end.mjs"))
    process = await asyncio.create_subprocess_exec(
        NODE,
        program,
        str(SCRIPT),
        address,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Console(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@pytest.fixture
async def console(database: Any) -> AsyncIterator[Console]:
    """The script in Node, with two users in the database."""
    await example.users.create("ada", PASSWORD, email="ada@example.com")
    await example.users.create("grace", PASSWORD, email="grace@example.com", admin=True)
    with serving(example.app) as address:
        async with node(address) as console:
            yield console


def asked(answer: dict[str, Any]) -> list[Any]:
    """The forms that were shown: the action, and after an error its code as well."""
    return [
        (form["action"], form["error"]) if form["error"] else form["action"]
        for form in answer["asked"]
    ]


async def printed(pattern: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Wait until the mail is on the console, and return what was looked for in it."""
    text = ""
    for _ in range(600):
        text += capsys.readouterr().out
        if found := re.search(pattern, text):
            return found[1]
        await asyncio.sleep(0.02)
    raise AssertionError(text)


async def wait_out_the_factors() -> None:
    """Let the factors that were presented be too old."""
    await Session.update({Session.factors: ""}, force=True)


def test_docs() -> None:
    """The page about front ends shows the script and the configuration of Vite as they are."""
    page = (ROOT / "docs" / "front_ends.md").read_text("utf-8")
    for path in (SCRIPT, FOLDER / "vite.config.js"):
        assert f'```javascript title="{path.name}"\n{path.read_text("utf-8")}```\n' in page


@needs_node
@on_sqlite
async def test_log_in(console: Console) -> None:
    """It shows the form again after a wrong password, and logs in when a request needs it."""
    answer = await console.run("logIn()", {**ADA, "password": "wrong"}, ADA)
    assert answer["done"]["status"] == "signed_in"
    assert asked(answer) == ["log_in", ("log_in", "invalid_credentials")]
    await console.send("/auth/logout")
    answer = await console.send("/api/transfer", ADA)
    assert (answer["done"], asked(answer)) == ("Transferred.", ["log_in"])
    answer = await console.run('request("GET", "/nothing")')
    assert (answer["status"], answer["code"]) == (404, "not_found")


@needs_node
@on_sqlite
async def test_cancel(console: Console) -> None:
    """A form that the user cancels ends the request."""
    answer = await console.send("/api/transfer")
    assert (answer["message"], asked(answer)) == ("Cancelled.", ["log_in"])


@pytest.mark.slow
@needs_node
@on_sqlite
async def test_second_factor(console: Console) -> None:
    """An administrator sets up a second factor, and presents it at the next login."""
    answer = await console.run("logIn()", GRACE)
    assert asked(answer) == ["log_in", "enrol_factor"]
    assert answer["asked"][1]["qr_svg"].startswith("<svg")
    # The user cancelled. The next request leads there again.
    answer = await console.send("/api/transfer", {"code": "000000"}, {"scan": True}, {})
    assert asked(answer) == [
        "enrol_factor",
        ("enrol_factor", "wrong_confirmation"),
        "keep_recovery_codes",
    ]
    assert answer["done"] == "Transferred."
    codes = answer["asked"][2]["recovery_codes"]
    await console.send("/auth/logout")
    answer = await console.run("logIn()", GRACE, {"code": "000000"}, {"code": codes[0]})
    assert answer["done"]["status"] == "signed_in"
    assert asked(answer) == ["log_in", "present_factor", ("present_factor", "invalid_code")]
    assert answer["asked"][1]["methods"] == ["totp", "recovery_code"]


@pytest.mark.slow
@needs_node
@on_sqlite
async def test_expired_challenge(console: Console) -> None:
    """If the challenge of a login has expired, it begins again."""
    await console.run("logIn()", GRACE, {"scan": True}, {})
    await console.send("/auth/logout")
    wrong = [{"code": "000000"}] * 6
    answer = await console.run("logIn()", GRACE, *wrong)
    assert asked(answer)[-1] == ("log_in", "invalid_ticket")


@pytest.mark.slow
@needs_node
@on_sqlite
async def test_step_up(console: Console) -> None:
    """It asks for the password, and sends the request again."""
    await console.run("logIn()", ADA)
    assert (await console.send("/api/transfer"))["asked"] == []
    await wait_out_the_factors()
    answer = await console.send("/api/transfer", {"password": "no"}, {"password": PASSWORD})
    assert answer["done"] == "Transferred."
    assert asked(answer) == ["reauthenticate", ("reauthenticate", "invalid_credentials")]
    await wait_out_the_factors()
    new = {"new_password": "another horse battery"}
    change = f'request("POST", config.links.change_password.href, {json.dumps(new)})'
    answer = await console.run(change, {"password": PASSWORD})
    assert (answer["done"], asked(answer)) == ({}, ["reauthenticate"])


@pytest.mark.slow
@needs_node
@on_sqlite
async def test_wait(console: Console) -> None:
    """A 429 says when to try again: to the caller of a request, and to the form of a login."""
    await console.run("logIn()", ADA)
    for _ in range(3):
        assert "done" in await console.run('request("GET", "/api/quote")')
    answer = await console.run('request("GET", "/api/quote")')
    assert answer["status"] == 429
    assert 0 < answer["seconds"] <= 60
    wrong = {**ADA, "password": "wrong"}
    answer = await console.run("logIn()", *[wrong] * 30)
    last = answer["asked"][-1]
    assert last["error"] == "too_many_requests"
    assert last["seconds"] > 0


@pytest.mark.slow
@needs_node
@on_sqlite
async def test_verify_by_code(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """It asks for the code of the mail, sends one, and repeats the request."""
    await console.run("logIn()", ADA)
    email = {"email": "ada@example.com"}
    answer = await console.send("/api/comments", {"send": email}, {**email, "code": "1"})
    assert asked(answer) == ["verify_email", ("verify_email", "invalid_ticket")]
    code = await printed(r"\b(\d{6})\b", capsys)
    wrong = {**email, "code": f"{(int(code) + 1) % 1000000:06}"}
    answer = await console.send("/api/comments", wrong, {**email, "code": code})
    assert answer["done"] == "Published."
    assert asked(answer) == ["verify_email", ("verify_email", "invalid_ticket")]


@pytest.mark.slow
@needs_node
@on_sqlite
async def test_choose_password(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """If an address was registered with two passwords, it says to look for another mail."""
    bob = {"email": "bob@example.com", "password": PASSWORD}
    register = 'request("POST", config.links.register.href, {})'
    await console.run(register.format(json.dumps(bob)))
    code = await printed(r"type the code (\d{6})", capsys)
    await console.run("logIn()", {"username": bob["email"], "password": PASSWORD})
    await console.run(register.format(json.dumps({**bob, "password": "another horse battery"})))
    for _ in range(600):
        if await EmailStatus.exists().where(EmailStatus.is_contested.eq(value=True)):
            break
        await asyncio.sleep(0.02)
    email = {"email": bob["email"]}
    answer = await console.send("/api/comments", {**email, "code": code}, {})
    assert asked(answer) == ["verify_email", "choose_password", "log_in"]


@pytest.mark.slow
@needs_node
@on_sqlite
async def test_links(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """The link of a mail shows a form, whose secret is sent with what the user typed, once."""
    answer = await console.run('open("/"), openMailedLink()')
    assert (answer["done"], answer["asked"]) == (None, [])
    forgot = 'request("POST", config.links.forgot_password.href, {email: "ada@example.com"})'
    await console.run(forgot)
    link = await printed(r"(http://localhost:8000/reset-password#token=\S+)", capsys)
    new = {"password": "another horse battery"}
    answer = await console.run(f'open("{link}"), openMailedLink()', {"password": "password"}, new)
    assert answer["done"] == {}
    assert asked(answer) == ["reset_password", ("reset_password", "weak_password")]
    assert (await console.run("location.shown"))["done"] == "/reset-password"
    answer = await console.run(f'open("{link}"), openMailedLink()', new)
    assert (answer["status"], answer["code"]) == (401, "invalid_ticket")
    answer = await console.run("logIn()", {**ADA, **new})
    assert answer["done"]["status"] == "signed_in"


async def fill(page: Page, action: str, **typed: str) -> None:
    """Wait for a form, and send it."""
    await page.wait(f"document.querySelector('dialog[open]')?.dataset.action === '{action}'")
    for name, value in typed.items():
        await page.type(f"dialog [name={name}]", value)
    await page.click("dialog form > button")


async def says(page: Page, text: str) -> None:
    """Wait until the page says something."""
    await page.wait(f"document.querySelector('#said').textContent === {text!r}")


@asynccontextmanager
async def opened(address: str, folder: Path) -> AsyncIterator[Page]:
    """Within it, the page is open. It is on localhost, as the cookie is for localhost."""
    async with browsing(address.replace("127.0.0.1", "localhost"), folder) as page:
        await page.wait("document.body.dataset.ready")
        yield page


@pytest.mark.slow
@needs_chromium
@on_sqlite
async def test_page(database: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page logs in, steps up, and takes the link of a mail."""
    await example.users.create("ada", PASSWORD, email="ada@example.com")
    with serving(example.app) as address:
        async with opened(address, tmp_path) as page:
            await page.click("#transfer")
            await fill(page, "log_in", **{**ADA, "password": "wrong"})
            await page.wait("document.querySelector('[role=alert]').textContent")
            await fill(page, "log_in", **ADA)
            await says(page, "Transferred.")
            await wait_out_the_factors()
            await page.click("#transfer")
            await fill(page, "reauthenticate", password=PASSWORD)
            await says(page, "Transferred.")
            await page.click("#forgot")
            await fill(page, "forgot_password", email="ada@example.com")
            await says(page, "Look at your mail.")
            link = await printed(r"http://localhost:8000(/reset-password#token=\S+)", capsys)
            await page.open(address.replace("127.0.0.1", "localhost") + link)
            await fill(page, "reset_password", password="another horse battery")
            await says(page, "Done.")
            assert await page.run("location.hash") == ""


@pytest.mark.slow
@needs_chromium
@on_sqlite
async def test_other_origin(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page on another port logs in, if the API trusts its origin and lets it read answers."""
    await example.users.create("ada", PASSWORD, email="ada@example.com")
    front, html = FastAPI(), (FOLDER / "index.html").read_text("utf-8")
    front.mount("/static", StaticFiles(directory=FOLDER / "static"))
    with serving(front) as address:
        monkeypatch.setenv("FRONT_END", address.replace("127.0.0.1", "localhost"))
        api = runpy.run_path(str(FOLDER / "app.py"))["app"]
        with serving(api) as api_address:
            other = api_address.replace("127.0.0.1", "localhost")

            @front.get("/")
            async def page_of_another_origin() -> HTMLResponse:
                return HTMLResponse(html.replace('data-api=""', f'data-api="{other}"'))

            async with opened(address, tmp_path) as page:
                await page.click("#transfer")
                await fill(page, "log_in", **ADA)
                await says(page, "Transferred.")
                for begins in ("Of", "Of", "Of", "Try again in"):
                    await page.click("#quote")
                    await page.wait("document.querySelector('#said').textContent")
                    said = await page.run("document.querySelector('#said').textContent")
                    assert said.startswith(begins)
