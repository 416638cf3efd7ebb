"""The script of docs/front_ends.md, in a real browser, against every answer that is not the end."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Response
from fastapi.responses import HTMLResponse
from pyotp import totp as pyotp_totp

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    Cookie,
    Login,
    Session,
    SessionAuth,
    User,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    config_router,
    install,
    mfa_router,
    reauthentication_router,
    require,
    session_router,
)
from piccolo_api_fastapi.mail.messages import VerifyEmail
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import KEY, PASSWORD

from .browser import browsing, needs_chromium
from .serving import serving

DOCS = Path(__file__).parents[2] / "docs/front_ends.md"

PAGE = """<!doctype html><script type="module">
import { frontEnd } from "/front_end.js";
const config = await (await fetch("/auth/config")).json();
window.asked = [];
window.start = (...typed) => {
  window.asked = [];
  const ask = async (action, details) => {
    window.asked.push(action + (details.error ? ` after ${details.error.problem.code}` : ""));
    if (action === "enrol_factor") return (await fetch(`/code/${details.secret}`)).json();
    if (action === "keep_recovery_codes") return window.codes = details.recovery_codes;
    return typed.shift();
  };
  return frontEnd(ask, config);
};
window.tried = async (work) => {
  try { return { done: await work }; } catch ({ status, seconds, message }) {
    return { status, seconds, message };
  }
};
window.ready = true;
</script>"""


def script() -> str:
    """The module that the page shows."""
    found = re.search(
        r'```javascript title="front_end.js"\n(.*?)^```$',
        DOCS.read_text("utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    assert found
    return found[1]


def application(users: Users[User], outbox: Outbox) -> FastAPI:
    """An application with every way in which a request is not the end."""
    totp = TOTP(users, issuer="Movies", encryption=XChaCha20Poly1305(KEY))
    session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
    login = Login(users, factors=[totp], mfa_required=lambda user: user.username == "grace")
    accounts = Accounts(
        users,
        mail=outbox,
        base_url="https://app.example.com",
        schemes=[session],
        login=login,
        active_before_verified=True,
    )
    app = FastAPI()
    install(app)
    for router in (
        session_router(session, login),
        reauthentication_router(login, session),
        mfa_router(totp, session),
        accounts_router(accounts),
        config_router(session),
    ):
        app.include_router(router, prefix="/auth")

    @app.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE)

    @app.get("/front_end.js")
    async def module() -> Response:
        return Response(script(), media_type="text/javascript")

    @app.get("/code/{secret}")
    async def code(secret: str) -> dict[str, str]:
        return {"code": pyotp_totp.TOTP(secret).now()}

    lately = require(session, within=timedelta(minutes=5))

    @app.post("/transfer")
    async def transfer(_: Annotated[User, Depends(lately)]) -> str:
        return "transferred"

    @app.post("/comment")
    async def comment(_: Annotated[User, Depends(require(session, verified=True))]) -> str:
        return "published"

    return app


@needs_chromium
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_script_of_the_docs(database: Any, tmp_path: Path) -> None:
    """It asks for what is missing, asks again after what is wrong, and repeats the request."""
    users, outbox = Users(), Outbox()
    for name in ("ada", "grace"):
        await users.create(name, PASSWORD, email=f"{name}@example.com")
    ada, grace = ({"username": name, "password": PASSWORD} for name in ("ada", "grace"))

    with serving(application(users, outbox)) as address:
        own = address.replace("127.0.0.1", "localhost")
        async with browsing(own, tmp_path) as page:
            await page.wait("window.ready")

            async def run(work: str, *typed: Any) -> tuple[Any, list[str]]:
                """What comes of it, and what was asked meanwhile."""
                given = ", ".join(map(repr, typed))
                answer = await page.run(f"tried(start({given}).{work})")
                return answer, await page.run("asked")

            async def send(path: str, *typed: Any) -> tuple[Any, list[str]]:
                return await run(f'request("POST", "{path}")', *typed)

            answer, _ = await send("/transfer")
            assert answer["status"] == 401

            answer, asked = await run("logIn()", {**ada, "password": "wrong"}, ada)
            assert answer["done"]["status"] == "signed_in"
            assert asked == ["log_in", "log_in after invalid_credentials"]

            assert (await send("/transfer"))[0] == {"done": "transferred"}
            await Session.update({Session.factors: ""}, force=True)
            answer, asked = await send("/transfer", {"password": "no"}, {"password": PASSWORD})
            assert answer == {"done": "transferred"}
            assert asked == ["reauthenticate", "reauthenticate after invalid_credentials"]

            body = {"email": "ada@example.com"}
            await run(f'request("POST", "/auth/verify-email/request", {body!r})')
            for _ in range(600):
                if outbox.messages:
                    break
                await asyncio.sleep(0.05)
            code = outbox.last(VerifyEmail).code
            answer, asked = await send("/comment", {**body, "code": code})
            assert (answer, asked) == ({"done": "published"}, ["verify_email"])

            answer, asked = await run("logIn()", grace)
            assert asked == ["log_in", "enrol_factor", "keep_recovery_codes"]
            codes = await page.run("codes")
            answer, asked = await run("logIn()", grace, {"code": "no"}, {"code": codes[0]})
            assert answer["done"]["status"] == "signed_in"
            assert asked == ["log_in", "present_factor", "present_factor after invalid_code"]

            for _ in range(30):
                answer, _ = await run("logIn()", {**ada, "password": "wrong"}, {"username": ""})
                if answer.get("seconds"):
                    break
            assert answer["status"] == 429
