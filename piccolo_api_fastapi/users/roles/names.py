"""The name, permissions and description of a role, validated."""

import re
from collections.abc import Iterable

from piccolo_api_fastapi.access.permissions import NAME_LENGTH, is_permission
from piccolo_api_fastapi.errors import FieldError, Unprocessable

MAXIMUM_PERMISSIONS = 100
"""The number of permissions of a role."""

MAXIMUM_DESCRIPTION = 200
"""Characters."""

ROLE = r"[a-z0-9][a-z0-9._\-]{0,63}"
"""The form of the name of a role."""

_ROLE = re.compile(ROLE, re.ASCII)


def usable_role(name: str) -> str:
    """
    The name of a role.

    Raises:
        Unprocessable: It has other characters, or too many.
    """
    if not _ROLE.fullmatch(name):
        raise _invalid("name", "name_invalid", "Use 1 to 64 lower-case letters, digits, '.-_'.")
    return name


def usable_permissions(names: Iterable[str]) -> str:
    """
    Permissions as they are stored: sorted and joined by spaces.

    Raises:
        Unprocessable: One is not the name of a permission, or there are too many.
    """
    wanted = sorted(set(names))
    if isinstance(names, str) or not all(map(is_permission, wanted)):
        raise _invalid(
            "permissions",
            "permission_invalid",
            f"Use lower-case words of at most {NAME_LENGTH} characters, such as movies:write.",
        )
    if len(wanted) > MAXIMUM_PERMISSIONS:
        raise _invalid(
            "permissions", "too_many", f"A role has at most {MAXIMUM_PERMISSIONS} permissions."
        )
    return " ".join(wanted)


def usable_description(text: str) -> str:
    """
    The description without surrounding spaces.

    Raises:
        Unprocessable: It is too long or not printable.
    """
    text = text.strip()
    if len(text) > MAXIMUM_DESCRIPTION or not text.isprintable():
        raise _invalid(
            "description",
            "description_invalid",
            f"Use at most {MAXIMUM_DESCRIPTION} printable characters.",
        )
    return text


def _invalid(field: str, code: str, sentence: str) -> Unprocessable:
    return Unprocessable([FieldError(("body", field), sentence, code)])
