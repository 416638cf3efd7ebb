"""Callbacks in a real browser: a form that a provider posts, and one that an attacker posts."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi.responses import HTMLResponse

from piccolo_api_fastapi import OIDC, OAuthAccount
from tests.integration.browser import browsing, needs_chromium
from tests.integration.later import Later
from tests.integration.serving import serving

from .conftest import CALLBACK, MakeApp, begin, company
from .hostile import Provider

BEGIN = """fetch("/auth/oauth/company", {
  method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"
}).then(answer => answer.json()).then(body => body.authorization_url)"""


class Posting(OIDC):
    """The provider, which posts a form as Apple does."""

    posts_callback = True


def posting(action: str, fields: dict[str, str]) -> str:
    """A page that posts a form at once."""
    inputs = "".join(f'<input name="{name}" value="{text}">' for name, text in fields.items())
    form = f'<form method="post" action="{action}">{inputs}</form>'
    return f"<!doctype html>{form}<script>document.forms[0].submit()</script>"


@needs_chromium
@pytest.mark.slow
@pytest.mark.security(166)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_posted_by_another_site(
    database_of_any_loop: Any, make_app: MakeApp, provider: Provider, tmp_path: Path
) -> None:
    """What the provider posts signs in, as Apple does; what an attacker posts links nothing."""
    later, pages = Later(), {"home": "<!doctype html><title>Movies</title>"}
    with serving(later) as address:
        own = address.replace("127.0.0.1", "localhost")  # two sites to a browser
        later.app = make_app(company(Posting), base_url=own, has_factors=False)

        async def show(name: str) -> str:
            return pages[name]

        later.app.add_api_route("/page/{name}", show, response_class=HTMLResponse)
        async with browsing(f"{own}/page/home", tmp_path) as page:
            parameters = provider.authorize(await page.run(BEGIN))
            pages["provider"] = posting(f"{own}{CALLBACK}", parameters)
            await page.open(f"{address}/page/provider")
            await page.wait(
                'location.hostname === "localhost" && document.readyState !== "loading"'
            )
            assert await page.run('fetch("/me").then(answer => answer.status)') == 200

            pages["attacker"] = posting(f"{own}/auth/oauth/company/link", {})
            await page.open(f"{address}/page/attacker")
            await page.wait('location.pathname.endsWith("/link") && document.body.textContent')
            refused = json.loads(await page.run("document.body.textContent"))
            assert refused["status"] in {403, 415}
    assert await OAuthAccount.count() == 1


@needs_chromium
@pytest.mark.slow
@pytest.mark.security(157)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_callback_of_an_attacker(
    database_of_any_loop: Any, make_app: MakeApp, provider: Provider, tmp_path: Path
) -> None:
    """A victim who follows the attacker's callback is not signed in as the attacker."""
    later = Later()
    with serving(later) as address:
        own = address.replace("127.0.0.1", "localhost")
        later.app = make_app(base_url=own, has_factors=False)
        async with httpx.AsyncClient(base_url=own) as attacker:
            parameters = provider.authorize(await begin(attacker))
        trap = f"{own}{CALLBACK}?{urlencode(parameters)}"
        async with browsing(trap, tmp_path) as page:
            refused = json.loads(await page.run("document.body.textContent"))
            assert refused["code"] == "login_flow_unknown"
            assert await page.run('fetch("/me").then(answer => answer.status)') == 401
            await page.run(BEGIN)  # the victim has a log-in under way, and so a cookie
            await page.open(trap)
            refused = json.loads(await page.run("document.body.textContent"))
            assert refused["code"] == "login_flow_unknown"
    assert await OAuthAccount.count() == 0
