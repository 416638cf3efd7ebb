"""The quickstart of docs/passkeys.md, from an empty application to a log-in, in a real browser."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import HTMLResponse

from piccolo_api_fastapi import Users
from tests.conftest import PASSWORD

from .browser import browsing, needs_chromium
from .later import Later
from .serving import serving
from .virtual_authenticators import add_authenticator

DOCS = (Path(__file__).parents[2] / "docs/passkeys.md").read_text(encoding="utf-8")


def first_block(kind: str) -> str:
    """The first block of code of a kind."""
    found = re.search(rf"^```{kind}\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def run(source: str) -> dict[str, Any]:
    """What a block of Python defines."""
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - our own documentation
    return namespace


@needs_chromium
@pytest.mark.slow
@pytest.mark.security(140)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_quickstart(database_of_any_loop: Any, tmp_path: Path) -> None:
    """Ada logs in by password, adds a passkey, logs out, and logs in by it."""
    await Users().create("ada", PASSWORD)
    later = Later()
    with serving(later) as address:
        own = address.replace("127.0.0.1", "localhost")
        app = run(first_block("python").replace("http://localhost:8000", own))["app"]
        later.app = app
        script = f"<script>{first_block('javascript')}</script>"

        async def home() -> str:
            return f"<!doctype html><title>Movies</title>{script}"

        app.add_api_route("/", home, response_class=HTMLResponse)
        async with browsing(f"{own}/", tmp_path) as page:
            await add_authenticator(page)
            await page.run(f'post("/auth/login", {{username: "ada", password: "{PASSWORD}"}})')
            added = await page.run('addPasskey("My computer")')
            assert added["name"] == "My computer"
            assert len(added["recovery_codes"]) == 10
            await page.run('fetch("/auth/logout", {method: "POST"}).then(answer => answer.status)')
            assert await page.run('fetch("/auth/passkeys").then(answer => answer.status)') == 401
            answer = await page.run("logIn()")
            assert answer["status"] == "signed_in"
            assert answer["user"]["username"] == "ada"
