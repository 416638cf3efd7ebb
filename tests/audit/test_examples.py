"""The example applications have no findings."""

import importlib
from pathlib import Path

import pytest

from piccolo_api_fastapi.audit import audit_of
from piccolo_api_fastapi.rate_limiting import limiter
from piccolo_api_fastapi.testing import assert_guarded
from tests.conftest import KEY, SECRET

EXAMPLES = sorted(
    path.parent.name for path in (Path(__file__).parents[2] / "examples").glob("*/app.py")
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each guards its routes, or says that they are public."""
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", KEY)
    store = limiter.default_store()
    app = importlib.import_module(f"examples.{name}.app").app
    limiter.use_store(store)  # one example sets another
    assert audit_of(app).findings == ()
    assert_guarded(app)
