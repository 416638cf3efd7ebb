"""Declared events: all that are emitted, and the page that lists them."""

import ast
from pathlib import Path

import piccolo_api_fastapi
from piccolo_api_fastapi.core.events.declared import EVENTS, events_table

PACKAGE = Path(piccolo_api_fastapi.__file__).parent
PAGE = PACKAGE.parent / "docs" / "security.md"


def texts() -> set[str]:
    """All strings of the package, but for the declarations themselves."""
    return {
        node.value
        for path in PACKAGE.rglob("*.py")
        if path.name != "events.py" and "piccolo_migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_page_lists_them() -> None:
    """The table in the documentation is the one that `list_events` prints."""
    assert events_table() in PAGE.read_text(encoding="utf-8")


def test_emitted_and_declared() -> None:
    """What is emitted is declared, and nothing else."""
    found = texts()
    prefixes = ("authn_", "authz_", "excess_", "sys_")
    emitted = {text for text in found if text.startswith(prefixes) and text.isidentifier()}
    assert emitted - {"sys_"} <= EVENTS.keys()
    assert EVENTS.keys() <= found
