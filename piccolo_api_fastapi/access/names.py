"""The names of schemes, and what OpenAPI calls schemes and operations after them."""

import re
from typing import Any

from piccolo_api_fastapi.errors import ConfigurationError

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", re.ASCII)


def checked_name(name: str | None, setting: str = "name") -> str | None:
    """
    Return a name of the configuration.

    Args:
        name: The name, or `None` if there is none.
        setting: The argument that it is.

    Raises:
        ConfigurationError: It is not of lower-case words and digits.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{setting} is {name!r}; use lower-case letters, digits, - and _, such as 'staff'."
        )
    return name


def scheme_name_of(name: str | None, kind: str) -> str:
    """
    Return the name of a scheme in OpenAPI: `StaffSession`.

    Args:
        name: The name that the application gave it.
        kind: The name of a scheme that has none.
    """
    return "".join(map(str.capitalize, re.split("[_-]", name or ""))) + kind


def operation_prefix_of(name: str | None) -> str:
    """Return the prefix of the operation ids of a named scheme."""
    return (name or "").replace("-", "_")


def operation_prefix(given: str | None, *owners: Any) -> str:
    """
    Return the prefix of the operation ids of a router.

    Args:
        given: The prefix that the application gave.
        owners: Schemes and guards, whose common prefix is the default.

    Raises:
        ConfigurationError: The given prefix is not of lower-case words and digits.
    """
    if given is not None:
        return operation_prefix_of(checked_name(given, "operation_prefix"))
    prefixes = {scheme.operation_prefix for owner in owners for scheme in owner.schemes}
    return prefixes.pop() if len(prefixes) == 1 else ""
