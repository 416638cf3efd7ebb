"""What pages say, in the languages that there are."""

import re
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import pytest
from fastapi import FastAPI
from pydantic_core.core_schema import ErrorType

from piccolo_api_fastapi import ConfigurationError, Pages, SessionAuth, User, Users, errors
from piccolo_api_fastapi.pages.site import DETOURS
from piccolo_api_fastapi.pages.texts import RIGHT_TO_LEFT, Texts, direction
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import reaches_no_sql
from tests.pages.browsing import Browser, Page
from tests.pages.catalogue import FOLDERS, ROOT, TEXTS, read
from tests.pages.conftest import Parts

CALL = re.compile(r"""\bt\(\s*"([a-z_.]+)"(?:\s*,\s*(count))?""")
BUILT = {"column.", "factor.", "hint.", "send."}
"""Beginnings that templates complete by themselves."""


def values_of(text: str) -> set[str | None]:
    """The values that a text asks for."""
    return {name for _, name, _, _ in Formatter().parse(text)} - {None}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_language_is_complete(folder: Path) -> None:
    """Every key is in every language, with the same values."""
    english = read(folder, "en")
    for file in (folder / "texts").glob("*.json"):
        texts = read(folder, file.stem)
        assert texts.keys() == english.keys(), file
        for key, text in texts.items():
            wanted = values_of(english[key])
            assert values_of(text) == wanted or key.endswith(".one"), (file, key)
            assert text.strip() == text, (file, key)
            assert text, (file, key)
    assert len(list((folder / "texts").glob("*.json"))) >= 2


def test_keys_are_unique() -> None:
    """No feature takes the key of another one."""
    assert sum(len(read(folder, "en")) for folder in FOLDERS) == len(TEXTS)


def asked_for() -> set[str]:
    """The keys that templates ask for."""
    found: set[str] = set()
    for template in ROOT.rglob("*.html"):
        for key, count in CALL.findall(template.read_text("utf-8")):
            found |= {f"{key}.one", f"{key}.other"} if count else {key}
    return found


def test_templates_ask_for_texts_that_exist() -> None:
    """Every `t("…")` of the templates has a text."""
    keys = {key for key in asked_for() if key not in BUILT}
    assert len(keys) > 50
    assert keys - TEXTS.keys() == set()


OTHERS = {"error.wait.one", "error.wait.other", "error.internal_server_error"}


def told_by_python(users: Users[User]) -> set[str]:
    """The keys that the Python of the pages asks for: titles, what was done, errors."""
    pages = Parts(users, mails_codes=True).pages()
    names = [*pages._composer.pages, *(name for one in pages._sets for name in one.shown)]
    words = set(re.findall(r'"([a-z_.]+)"', "".join(p.read_text() for p in ROOT.rglob("*.py"))))
    done = {f"done.{word}" for word in words}
    codes = {
        f"error.{kind.code}"
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.AuthError)
    }
    policy = {f"error.{word}" for word in _codes_of_fields()}
    titles = {f"{name}.title" for name in [*names, "error"]}
    titles |= {f"{name}.menu" for name in names}
    codes |= {f"{name}.{code}" for name in names for code in codes}
    return titles | done | codes | policy | OTHERS


def _codes_of_fields() -> set[str]:
    """The codes of invalid fields, of Pydantic's and of the package's own."""
    sources = "".join(path.read_text("utf-8") for path in ROOT.parent.rglob("*.py"))
    return {*re.findall(r'"([a-z_]+)"', sources), *get_args(ErrorType)}


@reaches_no_sql
def test_no_text_is_unused(users: Users[User], outbox: Outbox) -> None:
    """Every text of the catalogue is said somewhere."""
    built = {key for key in TEXTS if key.startswith(tuple(BUILT))}
    assert TEXTS.keys() - asked_for() - told_by_python(users) - built == set()


@reaches_no_sql
def test_every_outcome_has_a_text(users: Users[User], outbox: Outbox) -> None:
    """What follows an action, and where an error leads, can be said."""
    pages = Parts(users, mails_codes=True).pages()
    for brought in pages._sets:
        for action in brought.actions:
            step: Any = action.then
            if not callable(step) and step.done is not None:
                assert f"done.{step.done}" in TEXTS
    assert {f"{name}.title" for name in DETOURS.values()} <= TEXTS.keys()


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE-at", "de"),
        ("fr, de;q=0.5, en;q=0.4", "de"),
        ("de;q=0.4, en;q=0.5", "en"),
        ("de;q=0, fr", "en"),
        ("de;q=x", "en"),
        ("de;q=nan", "en"),
        ("de;q=9, en", "de"),
        ("de;q=-1", "en"),
        ("*", "en"),
        (",;=,;q", "en"),
        ("fr," * 30 + "de", "en"),
        ("pt-BR", "pt-BR"),
        ("pt", "en"),
        ("x" * 10_000, "en"),
    ],
)
def test_choice(accept: str, language: str) -> None:
    """The language that a browser wants most, of those that there are."""
    texts = Texts(FOLDERS, {}, {"pt-BR": {"home": "Início"}})
    assert texts.choose(accept) == language


def test_own_texts() -> None:
    """An application replaces texts and adds languages; what these lack is English."""
    own = {"en": {"home": "Start"}, "fr": {"home": "Accueil", "mfa.codes_left.one": "{count} code"}}
    texts = Texts(FOLDERS, {"home": "brought", "column.age": "Age"}, own)
    assert [texts.get(language, "home") for language in ("en", "fr")] == ["Start", "Accueil"]
    assert texts.get("fr", "log_out") == TEXTS["log_out"]
    assert texts.get("de", "column.age") == "Age"
    assert texts.get("en", "api_tokens.days", 1) == "One day"
    assert texts.get("en", "api_tokens.days", 2) == "{count} days"
    assert texts.languages == ("de", "en", "fr")
    assert Texts(FOLDERS, {"home": "brought"}, {}).get("en", "home") == TEXTS["home"]


@pytest.mark.parametrize(
    "texts",
    [
        {"en": {"no_such_key": "x"}},
        {"fr": {"home": "{name}"}},
        {"fr": {"home": "{"}},
        {"fr": {"home": "{}"}},
        {"fr": {"api_tokens.days.other": "{days} jours"}},
        {"fr": "home"},
        {"fr": {"home": 7}},
    ],
    ids=str,
)
def test_configuration(texts: Any) -> None:
    """A key that no page has, and a value that a text does not get, are refused."""
    with pytest.raises(ConfigurationError):
        Pages(SessionAuth(), tokens=None, texts=texts)


@reaches_no_sql
async def test_pages_speak(session: SessionAuth[User]) -> None:
    """A page says its language and direction, and what it answers depends on."""
    app = FastAPI()
    pages = Pages(session, texts={"ar": {"login.title": "تسجيل الدخول"}})
    app.include_router(pages.router)
    browser = Browser(app)
    for accept, language, way in (("de", "de", "ltr"), ("ar-EG", "ar", "rtl"), ("x", "en", "ltr")):
        page = await browser.open("/account/login", headers={"accept-language": accept})
        assert [(it["lang"], it["dir"]) for it in page.tags("html")] == [(language, way)]
        page = Page(
            await browser.client.post("/account/login", headers={"accept-language": accept})
        )
        assert [it["lang"] for it in page.tags("html")] == [language]


def test_direction() -> None:
    """Regions do not change the direction."""
    assert {direction(language) for language in RIGHT_TO_LEFT} == {"rtl"}
    assert [direction(name) for name in ("ar-EG", "HE", "en", "de-AT")] == [
        "rtl",
        "rtl",
        "ltr",
        "ltr",
    ]
