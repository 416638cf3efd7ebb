"""The names of permissions: scopes that roles grant and routes ask for."""

import re
from typing import Any

from piccolo_api_fastapi.errors import ConfigurationError

from .identity import ACCOUNT, FLAGS

EVERYTHING = "*"
"""The permission that stands for every permission that the application knows."""

RESERVED = FLAGS | {ACCOUNT}
"""Scopes that no role grants: those of flags of the user, and that of every user."""

NAME_LENGTH = 100
"""Characters. The scope of an API token may not be longer."""

PERMISSION = r"[a-z0-9][a-z0-9._\-]*(:[a-z0-9][a-z0-9._\-]*)*"
"""The form of a name: words in lower case, joined by colons."""

_PERMISSION = re.compile(PERMISSION, re.ASCII)


def is_permission(name: str) -> bool:
    """Whether a role can grant this permission."""
    is_name = len(name) <= NAME_LENGTH and _PERMISSION.fullmatch(name) is not None
    return (is_name and name not in RESERVED) or name == EVERYTHING


def checked_permission(name: str, setting: str) -> str:
    """
    Return the name of one permission of the configuration.

    Args:
        name: The name.
        setting: The argument that it is.

    Raises:
        ConfigurationError: It is not of lower-case words joined by colons, or it is reserved.
    """
    if not is_permission(name) or name == EVERYTHING:
        raise ConfigurationError(
            f"{setting} is {name!r}; use lower-case words such as 'movies:write', but none of "
            f"{', '.join(sorted(RESERVED))}."
        )
    return name


def roles_of(scheme: Any) -> Any:
    """Return the `Roles` of the users of a scheme, or `None` if it has no such users."""
    return getattr(getattr(scheme, "users", None), "roles", None)


def declare_permissions(guard: Any, *names: str) -> None:
    """
    Let the roles of a guard know permissions, so that `*` includes them.

    Args:
        guard: The guard, whose schemes may have users with roles.
        names: The scopes that the code asks for. Reserved ones are left out.
    """
    for scheme in guard.schemes:
        if (roles := roles_of(scheme)) is not None:
            roles.known.update(set(names) - RESERVED)
