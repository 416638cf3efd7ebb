"""The guard of each operation of a `crud_router`."""

from collections.abc import Mapping
from typing import Any

from fastapi import Depends

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import ACCOUNT, FLAGS
from piccolo_api_fastapi.access.in_use import refuse_other_users
from piccolo_api_fastapi.access.optional_user import Optional
from piccolo_api_fastapi.access.requirements import require
from piccolo_api_fastapi.errors import ConfigurationError

Permission = str | Guard[Any]
"""A scope, or a guard."""

OPERATIONS = ("list", "read", "create", "update", "delete", "bulk")
"""The operations that permissions are given for."""

_SAME = {"list": "read", "read": "list", "options": "list", "replace": "update"}
"""Operations that need what another one needs, unless they are named."""


def strict_of(guard: Guard[Any] | Optional[Any]) -> Guard[Any]:
    """Return the guard that lets nobody in who is not signed in."""
    return guard._guard if isinstance(guard, Optional) else guard  # noqa: SLF001 - its own guard


class Guards:
    """
    Finds the guard of an operation.

    Args:
        guard: The guard of all operations; an optional one for reading only.
        permissions: What operations need beside it.

    Raises:
        ConfigurationError: An operation is unknown, or a guard has another user table.
    """

    def __init__(
        self, guard: Guard[Any] | Optional[Any], permissions: Mapping[str, Permission]
    ) -> None:
        unknown = sorted(permissions.keys() - set(OPERATIONS))
        if unknown:
            raise ConfigurationError(
                f"permissions has {', '.join(unknown)}; use {', '.join(OPERATIONS)}."
            )
        self._guard = guard
        self._strict: Guard[Any] = strict_of(guard)
        self._given = {name: self._made(given) for name, given in permissions.items()}

    def _made(self, given: Permission) -> Any:
        """Return the dependency of a permission."""
        if isinstance(given, str):
            is_own = given not in {ACCOUNT, *FLAGS}
            needed: Any = {"permission": given} if is_own else {"scopes": [given]}
            return Depends(require(self._strict, **needed).identity)
        refuse_other_users("crud_router", self._strict, given)
        return Depends(given.identity)

    def caller(self, operation: str) -> Any:
        """Return the dependency that finds the caller of an operation."""
        is_reading = operation in {"list", "read", "options"}
        return Depends((self._guard if is_reading else self._strict).identity)

    def beside(self, *operations: str) -> list[Any]:
        """Return the dependencies that requests must pass beside the guard."""
        found = []
        for operation in operations:
            same = _SAME.get(operation, "")
            names = (operation, same, _SAME.get(same, ""))
            found += [self._given[name] for name in names if name in self._given][:1]
        return found
