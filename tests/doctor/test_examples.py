"""The example applications are examined to the end."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from piccolo_api_fastapi.doctor import as_text, examine
from piccolo_api_fastapi.rate_limiting import limiter
from tests.conftest import KEY, SECRET, use_engine

EXAMPLES = sorted(
    path.parent.name for path in (Path(__file__).parents[2] / "examples").glob("*/app.py")
)


@pytest.mark.parametrize("name", EXAMPLES)
async def test_examples(name: str, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No check fails, and no secret is printed."""
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", KEY)
    store = limiter.default_store()
    app = importlib.import_module(f"examples.{name}.app").app
    limiter.use_store(store)  # one example sets another
    use_engine(database)  # some have user tables of their own, which are missing
    printed = as_text(await examine(app, workers=2))
    assert "check_failed" not in printed
    assert SECRET not in printed
    assert KEY not in printed
