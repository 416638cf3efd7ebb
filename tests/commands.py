"""Commands by name, as Piccolo's command line runs them."""

from typing import Any

from piccolo_api_fastapi.piccolo_app import APP_CONFIG


def command(name: str) -> Any:
    """The command of this name, for the stock user table."""
    return next(one for one in APP_CONFIG.commands if getattr(one, "__name__", "") == name)
