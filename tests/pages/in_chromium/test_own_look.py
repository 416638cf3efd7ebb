"""A site's own layout, elements, colours and languages change every page, and break none."""

from pathlib import Path
from typing import Any

import pytest

from piccolo_api_fastapi import Brand
from piccolo_api_fastapi.testing import no_rate_limits
from tests.integration.browser import Chromium, needs_chromium
from tests.pages.in_chromium.conftest import visiting
from tests.pages.in_chromium.gallery import create_users, gallery
from tests.pages.in_chromium.inspection import inspect, inspect_by_axe
from tests.pages.in_chromium.site import open_site

pytestmark = [
    needs_chromium,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

LAYOUT = """{% extends "package/layout.html" %}
{% block footer %}<p id="own">Our own {{ page.name }}</p>{% endblock %}"""

BUTTON = """{% macro button(label, kind="") %}
<button class="ours {{ kind }}">{{ label }}</button>
{% endmacro %}"""

ARABIC = {
    "error_prefix": "خطأ:",
    "skip": "انتقل إلى المحتوى",
    "login.title": "تسجيل الدخول",
    "login.username": "اسم المستخدم أو البريد الإلكتروني",
    "login.submit": "تسجيل الدخول",
    "password": "كلمة المرور",
    "login.error.invalid_credentials": "اسم المستخدم أو كلمة المرور غير صحيحة.",
    "problem": "حدثت مشكلة",
    "show": "إظهار",
    "show_password": "إظهار كلمة المرور",
    "account.title": "حسابك",
    "sessions.title": "الجلسات",
    "log_out": "تسجيل الخروج",
}


async def test_own_templates(chromium: Chromium, database_of_any_loop: Any, tmp_path: Path) -> None:
    """One layout and one overridden element are in all pages."""
    (tmp_path / "elements").mkdir()
    (tmp_path / "layout.html").write_text(LAYOUT)
    (tmp_path / "elements" / "button.html").write_text(BUTTON)
    with no_rate_limits(), open_site(templates=tmp_path) as site:
        await create_users(site)
        async with visiting(chromium, site)(javascript=False) as visitor:
            async for state in gallery(visitor):
                assert (await visitor.text("#own")).startswith("Our own "), state
                forms = await visitor.page.run("!!document.querySelector('main form:not(.row)')")
                assert forms == await visitor.page.run("!!document.querySelector('.ours')"), state


async def test_own_colors(chromium: Chromium, database_of_any_loop: Any, axe: str) -> None:
    """The colours of a brand are used, and axe finds nothing in them."""
    brand = Brand("Club", colors={"accent": "#7a1fa2"}, dark={"accent": "#e0b0ff"}, radius="0")
    with open_site(brand=brand) as site:
        async with visiting(chromium, site)() as visitor:
            await visitor.page.run_aside(axe)
            await visitor.go("/login")
            button = (
                "getComputedStyle(document.querySelector('main form > button')).backgroundColor"
            )
            assert await visitor.page.run(button) == "rgb(122, 31, 162)"
            assert await inspect(visitor) + await inspect_by_axe(visitor, colors=True) == []


@pytest.mark.parametrize(("language", "direction"), [("de", "ltr"), ("ar", "rtl")])
async def test_languages(
    chromium: Chromium, database_of_any_loop: Any, axe: str, language: str, direction: str
) -> None:
    """Every page is right in German and from right to left, and fits a narrow screen."""
    errors = {"de": "Fehler: ", "ar": "خطأ: "}[language]
    with no_rate_limits(), open_site(texts={"ar": ARABIC}) as site:
        await create_users(site)
        async with visiting(chromium, site)() as visitor:
            headers = {"Accept-Language": language}
            await visitor.page.call("Network.setExtraHTTPHeaders", headers=headers)
            await visitor.page.run_aside(axe)
            problems = {}
            async for state in gallery(visitor):
                found = await visitor.page.run("document.documentElement.lang + document.dir")
                assert found == language + direction
                problems[state] = await inspect(visitor, errors_in=errors)
                problems[state] += await inspect_by_axe(visitor)
            assert {state: found for state, found in problems.items() if found} == {}
