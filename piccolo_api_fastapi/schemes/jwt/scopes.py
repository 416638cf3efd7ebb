"""The `scope` parameter of token requests."""

from piccolo_api_fastapi.access.identity import SCOPE_TOKEN
from piccolo_api_fastapi.errors import InvalidScope


def narrow(may: frozenset[str], scope: str) -> frozenset[str]:
    """
    Narrow the allowed scopes to the requested ones (RFC 6749 section 3.3).

    Args:
        may: The allowed scopes.
        scope: The requested scopes, separated by spaces; all allowed ones if empty.

    Raises:
        InvalidScope: A requested scope is malformed or not allowed.
    """
    if not scope:
        return may - {""}
    asked = frozenset(scope.split(" ")) - {""}
    if not asked <= may or not all(SCOPE_TOKEN.fullmatch(name) for name in asked):
        raise InvalidScope
    return asked
