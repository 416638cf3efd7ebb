"""The name, the logo and the colours of a site."""

from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import Brand, ConfigurationError, Pages, SessionAuth, User
from piccolo_api_fastapi.pages.brand import _DEFAULTS, CONTRAST, contrast
from tests.conftest import reaches_no_sql
from tests.pages.browsing import Browser


def test_contrast() -> None:
    """The ratio is that of WCAG 2.2, whichever colour comes first."""
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == 21
    assert contrast("#777777", "#777777") == 1
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


@pytest.mark.parametrize("mode", [0, 1])
def test_defaults(mode: int) -> None:
    """The colours of the package are readable, and on the accent as well."""
    colors = {name: pair[mode] for name, pair in _DEFAULTS.items()}
    for name in ("accent", "text", "danger"):
        assert contrast(colors[name], colors["surface"]) >= CONTRAST


def test_stylesheet() -> None:
    """The variables of one mode keep the defaults of the other; browsers of old get the light."""
    brand = Brand(
        "Movies",
        colors={"accent": "#7a1fa2"},
        dark={"text": "#ffffff"},
        radius="8px",
        font="Inter, 'Open Sans', \"Noto\", sans-serif",
    )
    assert brand.stylesheet == (
        ":root {\n"
        "  --paf-radius: 8px;\n"
        "  --paf-font: Inter, 'Open Sans', \"Noto\", sans-serif;\n"
        "  --paf-accent: #7a1fa2;\n"
        "  --paf-accent: light-dark(#7a1fa2, #93b4ff);\n"
        "  --paf-text: #1b1f24;\n"
        "  --paf-text: light-dark(#1b1f24, #ffffff);\n"
        "}\n"
    )
    assert Brand("Movies").stylesheet == ""


@pytest.mark.parametrize(
    "options",
    [
        {"colors": {"accent": "#ffff00"}},
        {"colors": {"surface": "#1d4ed8"}},
        {"dark": {"text": "#333333"}},
        {"colors": {"accent": "red"}},
        {"colors": {"accent": "#fff"}},
        {"colors": {"accent": "#7a1fa2;}"}},
        {"colors": {"accent": "#7a1fa2\n"}},
        {"colors": {"background": "#ffffff"}},
        {"logo": "https://cdn.example.com/logo.svg"},
        {"logo": "//cdn.example.com/logo.svg"},
        {"logo": "/\\cdn.example.com/logo.svg"},
        {"logo": "javascript:alert(1)"},
        {"logo": "logo.svg"},
        {"logo": "/a b.svg"},
        {"radius": "8px; color: red"},
        {"radius": "-8px"},
        {"radius": "\u0663px"},
        {"font": "Inter; } body { display: none"},
        {"font": "'Inter"},
        {"font": "url(https://example.com)"},
        {"font": ""},
        {"name": 7},
    ],
    ids=str,
)
def test_configuration(options: dict[str, Any]) -> None:
    """What is hard to read, or would break out of the stylesheet, is refused."""
    with pytest.raises(ConfigurationError):
        Brand(**{"name": "Movies", **options})


@reaches_no_sql
async def test_hostile_name(session: SessionAuth[User]) -> None:
    """The name is a text, whatever is in it."""
    name = '<b onload="x">{{ 7 * 7 }}\u202e{count}'
    app = FastAPI()
    app.include_router(Pages(session, brand=Brand(name, logo='/logo.svg?"x"')).router)
    page = await Browser(app).open("/account/login")
    assert page.said("brand") == name
    assert page.said("title").endswith(f"– {name}")
    assert [it["src"] for it in page.tags("img")] == ['/logo.svg?"x"']
