"""`assert_guarded`: open routes are named, and so are needless exceptions."""

from pathlib import Path

import pytest
from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from piccolo_api_fastapi import (
    ConfigurationError,
    SessionAuth,
    optional,
    public,
    session_router,
)
from piccolo_api_fastapi.testing import assert_guarded

SESSION = SessionAuth()


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    """An application with open routes of each kind."""
    app = FastAPI()
    app.include_router(session_router(SESSION), prefix="/auth")
    app.get("/closed", dependencies=[Depends(SESSION)])(lambda: None)
    app.get("/maybe", dependencies=[Depends(optional(SESSION))])(lambda: None)
    app.get("/public")(public(lambda: None))
    app.get("/open")(lambda: None)
    app.websocket("/ws")(lambda: None)
    app.mount("/static", StaticFiles(directory=tmp_path))
    return app


OPEN = ["GET /open", "WS /ws", "MOUNT /static"]


def test_open_routes(app: FastAPI) -> None:
    """Each open route is named."""
    with pytest.raises(AssertionError) as raised:
        assert_guarded(app)
    assert str(raised.value).splitlines() == [f"Nothing guards {name}." for name in OPEN]
    with pytest.raises(AssertionError, match=r"^Nothing guards GET /open\.$"):
        assert_guarded(app, except_for=OPEN[1:])


def test_exceptions(app: FastAPI) -> None:
    """Exceptions are open routes; FastAPI's documentation may be among them."""
    assert_guarded(app, except_for=OPEN)
    assert_guarded(app, except_for=[*OPEN, "GET /docs"])


@pytest.mark.parametrize("name", ["GET /none", "/open", "POST /open", "GET /closed", "GET /public"])
def test_needless_exceptions(app: FastAPI, name: str) -> None:
    """An exception for a route that does not exist, or is guarded or public, is an error."""
    with pytest.raises(AssertionError, match=f"^except_for has '{name}', which is no open route"):
        assert_guarded(app, except_for=[*OPEN, name])


def test_one_text(app: FastAPI) -> None:
    """A text is not taken for a list of letters."""
    with pytest.raises(ConfigurationError, match="Put it into a list"):
        assert_guarded(app, except_for="GET /open")
