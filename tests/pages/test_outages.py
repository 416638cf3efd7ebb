"""While the database is down, pages say so, and nobody is let in."""

import sqlite3
from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import User
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import Browser, Page
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import forms_of, log_in, path_of

DOWN = TEXTS["error.unavailable"]


@reaches_no_sql
@pytest.mark.security(111)
async def test_down(
    browser: Browser, app: FastAPI, ada: User, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page and every form is a 503, as a page; afterwards all is as before."""
    await log_in(browser)

    async def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    with monkeypatch.context() as broken:
        broken.setattr(type(database), "run_querystring", fail)
        for path in ("", "/login", "/sessions", "/mfa", "/api-tokens", "/reauthenticate"):
            page = await browser.open(f"/account{path}")
            assert (page.status, DOWN in page.errors) == (503, True), path
            assert page.headers["retry-after"]
            assert "set-cookie" not in page.headers
        assert (await browser.open("/home")).status == 503
        for context in forms_of(app):
            path = path_of(context)
            given = {"username": "ada", "password": PASSWORD, "email": "a@example.com"}
            response = await browser.client.post(path, data=given)
            assert response.status_code in {303, 422, 503}, (path, response.text)
            if response.status_code == 303:
                assert "forgot" in path or "logout" in path, (path, response.headers)
            else:
                Page(response).check()
        page = await browser.send("/account/login", username="eve", password="x")
        assert (page.status, page.title) == (503, TEXTS["login.title"])
    assert (await browser.open("/home")).text == '{"username":"ada"}'
