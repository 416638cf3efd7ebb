"""The command that prints the audit of an application."""

import importlib
from typing import Any

from piccolo_api_fastapi.core.commands import declare_commands
from piccolo_api_fastapi.errors import ConfigurationError

from .report import as_json, as_table
from .service import audit_of

_FORMATS = {"table": as_table, "json": as_json}


async def audit(app: str, format: str = "table", strict: bool = False) -> None:  # noqa: A002, FBT001, FBT002
    """
    Print what guards each route of an application, and what nothing guards.

    The application is imported, but not started.

    :param app:
        The module and the name of the application, such as `main:app`.
    :param format:
        `table` or `json`.
    :param strict:
        End with exit code 1 if there are findings.

    """
    if format not in _FORMATS:
        raise ConfigurationError(f"format is {format!r}; use table or json.")
    found = audit_of(_imported(app))
    print(_FORMATS[format](found))  # noqa: T201 - a command
    if strict and found.findings:
        raise SystemExit(1)


def _imported(place: str) -> Any:
    """Return the application at a place such as `main:app`."""
    module, _, name = str(place).partition(":")
    if not module or not name:
        raise ConfigurationError(f"app is {place!r}; name a module and an object: main:app.")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # it is the application that imports it
        raise ConfigurationError(f"There is no module {error.name!r}.") from None
    except AttributeError:
        raise ConfigurationError(f"{module!r} has no {name!r}.") from None


declare_commands(audit)
