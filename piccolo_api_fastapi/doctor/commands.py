"""The command that prints what the doctor finds."""

from pkgutil import resolve_name
from typing import Any

from piccolo_api_fastapi.errors import ConfigurationError

from .report import as_json, as_text
from .service import examine

_FORMATS = {"text": as_text, "json": as_json}


async def doctor(
    app: str,
    format: str = "text",  # noqa: A002
    strict: bool = False,  # noqa: FBT001, FBT002
    workers: int = 0,
    start: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """
    Check the configuration of an application, its database, and the servers that it uses.

    The application is imported. The exit code is 1 if there is an error.

    :param app:
        The module and the name of the application, such as `main:app`.
    :param format:
        `text` or `json`.
    :param strict:
        End with exit code 1 if there are warnings, too.
    :param workers:
        The number of processes that serve. Default: that in WEB_CONCURRENCY, or 1.
    :param start:
        Run the lifespan of the application, which may start a connection pool.

    """
    if format not in _FORMATS:
        raise ConfigurationError(f"format is {format!r}; use text or json.")
    found = await examine(_imported(str(app)), workers=workers, start=start)
    print(_FORMATS[format](found))  # noqa: T201 - a command
    if found.of("error") or (strict and found.of("warning")):
        raise SystemExit(1)


def _imported(place: str) -> Any:
    """Return the application at a place such as `main:app`."""
    if ":" not in place:
        raise ConfigurationError(f"app is {place!r}; name a module and an object: main:app.")
    try:
        return resolve_name(place)
    except (ValueError, ImportError, AttributeError) as problem:
        raise ConfigurationError(f"There is no application {place!r}: {problem}.") from None
