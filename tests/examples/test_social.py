"""The guest book: signing in with the toy provider, as its pages do."""

import re
from typing import Any

import httpx
import pytest

from examples.social import provider
from examples.social.app import BASE_URL, app
from piccolo_api_fastapi import User


@pytest.fixture
async def client(database: Any) -> Any:
    """A browser at the example."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        yield client


async def test_sign_in(client: httpx.AsyncClient) -> None:
    """From the button to the page with the name, over the form of the toy."""
    page = (await client.get("/")).text
    [action] = re.findall(r'action="([^"]+)"', page)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post(action, headers=kind)
    assert answer.status_code == 303, answer.text
    form = await client.get(answer.headers["location"])
    assert provider.WARNING in form.text
    answer = await client.post(str(form.url), data={"email": "ada@example.com"})
    answer = await client.get(answer.headers["location"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    assert (await client.get("/me")).json() == {"email": "ada@example.com"}
    assert "Hello, ada@example.com." in (await client.get("/")).text
    assert await User.count() == 1


async def test_the_toy_is_strict_about_the_protocol(client: httpx.AsyncClient) -> None:
    """It believes every name, but no request of others and no code without its verifier."""
    answer = await client.post("/toy-provider/authorize?client_id=x", data={"email": "a@b.c"})
    assert answer.status_code == 400
    form = {"code": "x", "code_verifier": "y", "redirect_uri": "z"}
    assert (await client.post("/toy-provider/token", data=form)).status_code == 400
