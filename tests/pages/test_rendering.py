"""Templates of an application, and what a template may use."""

import builtins
from collections.abc import Callable
from dataclasses import fields
from inspect import getdoc
from pathlib import Path
from typing import Any

import jinja2
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import ConfigurationError, Pages, SessionAuth, User, Users
from piccolo_api_fastapi.pages import PageContext
from piccolo_api_fastapi.pages.rendering import Renderer
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import Browser
from tests.pages.conftest import Parts, enrol, log_in


@pytest.fixture
def browse(users: Users[User], tmp_path: Path) -> Callable[..., Browser]:
    """Makes a browser of a site with templates of its own."""

    def make(**templates: str) -> Browser:
        for name, text in templates.items():
            file = tmp_path / f"{name.replace('__', '/')}.html"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        app = FastAPI()
        app.include_router(Pages(SessionAuth(users), templates=tmp_path).router)
        return Browser(app)

    return make


@reaches_no_sql
async def test_own_layout(browse: Callable[..., Browser]) -> None:
    """A layout of the application's own extends that of the package, and changes all pages."""
    browser = browse(
        layout='{% extends "package/layout.html" %}{% block footer %}Imprint{% endblock %}'
    )
    for path in ("/account/login", "/account/logout"):
        page = await browser.open(path)
        assert page.said("footer") == "Imprint"
        assert page.title


@reaches_no_sql
async def test_one_element(browse: Callable[..., Browser]) -> None:
    """One element that is overridden changes all forms."""
    button = (
        '{% macro button(label, kind="") %}<button class="own">{{ label }}</button>{% endmacro %}'
    )
    browser = browse(elements__button=button)
    for path in ("/account/login", "/account/logout"):
        assert (await browser.open(path)).said("own")


@reaches_no_sql
async def test_one_page(browse: Callable[..., Browser]) -> None:
    """A page may extend the one that it replaces."""
    browser = browse(
        login='{% extends "package/login.html" %}{% block header %}Hello{% endblock %}'
    )
    page = await browser.open("/account/login")
    assert page.said("header") == "Hello"
    assert "password" in page.forms[0].names
    assert (await browser.open("/account/logout")).said("header") != "Hello"


async def test_own_pages_with_passkeys(
    parts: Parts, ada: User, clock: FrozenClock, tmp_path: Path
) -> None:
    """Pages that are written anew show the buttons for passkeys by including them."""
    for name, element in PASSKEYS.items():
        text = '{% extends "layout.html" %}{% block content %}{% include "elements/X" %}'
        whole = text.replace("X", f"{element}.html") + "{% endblock %}"
        (tmp_path / f"{name}.html").write_text(whole)
    browser = Browser(parts.app(parts.pages(templates=tmp_path)))
    page = await browser.open("/account/login")
    assert [form.action for form in page.forms] == ["/account/login/passkey"]
    await browser.send("/account/login", username="ada", password=PASSWORD)
    page = await browser.open("/account/reauthenticate?acr=mfa")
    assert page.forms[1].action == "/account/reauthenticate/passkey"
    await enrol(browser, clock)
    await browser.press("/logout")
    page = await browser.send("/account/login", username="ada", password=PASSWORD)
    assert [form.action for form in page.forms] == ["/account/login/mfa/passkey"]
    assert page.value("_methods") == "totp recovery_code"


PASSKEYS = {
    "login": "passkey_login",
    "login_mfa": "passkey_second_step",
    "reauthenticate": "passkey_again",
}


@pytest.mark.parametrize(
    "text", ["{{ no_such_name }}", "{{ page.no_such_name }}", "{{ t('x.y') }}"]
)
@reaches_no_sql
async def test_unknown_names(browse: Callable[..., Browser], text: str) -> None:
    """What a template does not have fails, rather than to show nothing."""
    browser = browse(login=text)
    with pytest.raises((jinja2.UndefinedError, KeyError)):
        await browser.open("/account/login")


@reaches_no_sql
async def test_nonce(browse: Callable[..., Browser]) -> None:
    """A template that asks for the nonce gets one per page, which the policy admits."""
    script = '<script nonce="{{ csp_nonce() }}">1</script><style nonce="{{ csp_nonce() }}"></style>'
    browser = browse(login=script)
    nonces = set()
    for _ in range(3):
        response = await browser.client.get("/account/login")
        nonce = response.text.split('"')[1]
        assert response.text.count(nonce) == 2
        assert response.headers["content-security-policy"].count(f"'nonce-{nonce}'") == 2
        nonces.add(nonce)
    assert len(nonces) == 3
    assert "nonce" not in (await browser.open("/account/logout")).text


@reaches_no_sql
async def test_context(
    users: Users[User], ada: User, outbox: Outbox, clock: FrozenClock, tmp_path: Path
) -> None:
    """Every page gets what `PageContext` documents, and nothing else."""
    known = {one.name for one in fields(PageContext)}
    documented = {
        line.strip().partition(":")[0]
        for line in str(getdoc(PageContext)).partition("Args:")[2].splitlines()
        if line.startswith("    ") and ":" in line
    }
    assert known <= documented
    given: list[set[str]] = []
    parts = Parts(users)
    pages = parts.pages()
    render = pages._composer.renderer.render

    def spy(context: PageContext) -> str:
        names = {one.name for one in fields(context)}
        assert all(getattr(context, name) is not None for name in names - {"username", "captcha"})
        given.append(names)
        return render(context)

    object.__setattr__(pages._composer.renderer, "render", spy)
    browser = Browser(parts.app(pages))
    await browser.open("/account/login")
    await log_in(browser)
    for page in pages._composer.pages.values():
        await browser.open(f"/account{page.path}")
    assert len(given) > 15
    assert all(names == known for names in given)


def test_configuration(tmp_path: Path) -> None:
    """A folder that is none is refused, and so is a site without the extra."""
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "none", str(tmp_path / "file")):
        with pytest.raises(ConfigurationError, match="templates= must be a folder"):
            Pages(SessionAuth(), templates=folder)


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Jinja2 the error says what to install."""
    real = builtins.__import__

    def refuse(name: str, *args: Any, **options: Any) -> Any:
        if name == "jinja2":
            raise ModuleNotFoundError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigurationError, match=r"piccolo-api-fastapi\[pages\]"):
        Renderer(None, [])


@reaches_no_sql
async def test_what_users_typed_is_no_template(browse: Callable[..., Browser]) -> None:
    """Names from the request are never looked up as templates."""
    browser = browse(login="{{ values.username }}")
    for name in ("{{ 7 * 7 }}", "../../etc/passwd", "{% include 'layout.html' %}"):
        form = {"username": name, "password": PASSWORD}
        response = await browser.client.post("/account/login", data=form)
        assert "49" not in response.text
        assert "<html" not in response.text
