"""A real browser on a page of another site can't change state here."""

import asyncio
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.responses import HTMLResponse, Response

from piccolo_api_fastapi import Cookie, Session, SessionAuth, User, Users, session_router
from tests.conftest import PASSWORD
from tests.integration.serving import serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# `localhost` and `127.0.0.1` are two sites to a browser, and it trusts both without TLS.
HOME = """
<script>
(async () => {
  const json = {"Content-Type": "application/json"}
  const body = JSON.stringify({username: "ada", password: "%s"})
  await fetch("/auth/login", {method: "POST", headers: json, body})
  await fetch("/write", {method: "POST"})
  location = "%s"
})()
</script>
"""

ATTACK = """
<form method="post" action="%(app)s/write"></form>
<script>
(async () => {
  const options = {method: "POST", mode: "no-cors", credentials: "include"}
  const types = ["text/plain", "application/x-www-form-urlencoded"]
  for (const type of types) {
    const headers = {"Content-Type": type}
    await fetch("%(app)s/write", {...options, headers, body: "a=b"}).catch(() => 0)
    await fetch("%(app)s/auth/login", {...options, headers, body: "{}"}).catch(() => 0)
  }
  await fetch("%(app)s/auth/logout", options).catch(() => 0)
  await new Promise(done => {
    const image = new Image()
    image.onload = image.onerror = done
    image.src = "%(app)s/write"
  })
  document.querySelector("form").submit()
})()
</script>
"""


@pytest.mark.slow
@pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed"
)
@pytest.mark.security(27)
@pytest.mark.security(33)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_other_site(users: Users[User], ada: User, tmp_path: Path) -> None:
    """
    Forms, no-cors fetches and images of another site arrive with the cookie, since it is
    `SameSite=None`, and are refused all the same; the site's own page may write.
    """
    session = SessionAuth(users, cookie=Cookie("session", same_site="none"))
    seen: list[tuple[str, str, bool, int]] = []
    pages: dict[str, str] = {}
    over = threading.Event()
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")

    @app.middleware("http")
    async def record(request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        if request.url.path in {"/write", "/auth/login", "/auth/logout"}:
            site = request.headers.get("sec-fetch-site", "")
            has_cookie = "session=" in request.headers.get("cookie", "")
            seen.append(
                (f"{request.method} {request.url.path}", site, has_cookie, answer.status_code)
            )
            if seen[-1][:3] == ("POST /write", "cross-site", True):  # the form, the last of all
                over.set()
        return answer

    @app.get("/page/{name}")
    async def page(name: str) -> HTMLResponse:
        return HTMLResponse(pages[name])

    @app.post("/write")
    async def write(user: Annotated[User, Depends(session)]) -> str:
        return user.username

    with serving(app) as address:
        own = address.replace("127.0.0.1", "localhost")
        pages["home"] = HOME % (PASSWORD, f"{address}/page/attack")
        pages["attack"] = ATTACK % {"app": own}
        assert CHROMIUM is not None
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"]
        command += [f"--user-data-dir={tmp_path}", "--remote-debugging-port=0"]
        with (tmp_path / "log").open("w") as log:
            browser = subprocess.Popen([*command, f"{own}/page/home"], stdout=log, stderr=log)  # noqa: ASYNC220
        is_over = await asyncio.to_thread(over.wait, 60)
        browser.terminate()
        await asyncio.to_thread(browser.wait, 20)
    assert is_over, seen
    assert ("POST /auth/login", "same-origin", False, 200) in seen
    assert ("POST /write", "same-origin", True, 200) in seen
    attacks = [entry for entry in seen if entry[1] != "same-origin"]
    assert {site for _, site, _, _ in attacks} == {"cross-site"}
    assert [name for name, _, _, _ in attacks] == [
        "POST /write",
        "POST /auth/login",
        "POST /write",
        "POST /auth/login",
        "POST /auth/logout",
        "GET /write",
        "POST /write",
    ]
    # Browsers that block third-party cookies send the fetches without; the form has it.
    assert attacks[-1][2:] == (True, 403)
    assert {status for _, _, _, status in attacks} <= {401, 403, 405, 415}
    assert await Session.count() == 1
