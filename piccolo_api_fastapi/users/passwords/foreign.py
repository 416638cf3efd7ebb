"""
Hashes that fastapi-users made, checked until their owners next sign in.

They are stored with a prefix, so that no other value is ever checked by this module. The first
right password replaces them: `PasswordHasher.needs_rehash` is True for each.
"""

import logging
import re
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TypeAlias

from piccolo_api_fastapi.errors import ConfigurationError

from .argon2id import cost_of, matches_argon2id

logger = logging.getLogger("piccolo_api_fastapi")

Check: TypeAlias = Callable[[str], bool]
"""Returns whether a password, as typed, matches."""

PREFIX = "foreign:"
"""Begins the value that is stored for a foreign hash."""

MAXIMUM_MEMORY_KIB = 2 * 1024 * 1024
"""The memory of the first recommended option of RFC 9106 section 4."""

MAXIMUM_WORK_KIB = 2 * MAXIMUM_MEMORY_KIB
"""The most memory times passes: about two seconds."""

MAXIMUM_BCRYPT_COST = 16
"""About four seconds, where 12, the default of fastapi-users, takes a quarter of one."""

BCRYPT_BYTES = 72
"""bcrypt ignores the bytes after these. Versions since 5 refuse longer passwords instead."""

# The last character of the salt has four bits that are always zero: bcrypt refuses others.
_BCRYPT = re.compile(
    r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}"
)

INSTALL = "pip install 'piccolo-api-fastapi[fastapi-users]'"


def mark_foreign(encoded: str) -> str | None:
    """
    Return the value to store for a hash of fastapi-users.

    Args:
        encoded: The hash: an Argon2id string with any number of lanes, or a bcrypt string.

    Returns:
        The value, or `None` if the hash has another format or costs too much to check.

    Raises:
        ConfigurationError: It is a bcrypt hash, and the extra `fastapi-users` is not installed.
    """
    if not (_is_affordable_bcrypt(encoded) or _is_affordable_argon2id(encoded)):
        return None
    if _is_affordable_bcrypt(encoded) and _bcrypt() is None:
        raise ConfigurationError(f"bcrypt hashes need an extra: {INSTALL}. Nothing was moved.")
    return PREFIX + encoded


def check_of(stored: str) -> Check | None:
    """Return a function that checks passwords against a stored value, if it is a foreign hash."""
    if not stored.startswith(PREFIX):
        return None
    encoded = stored.removeprefix(PREFIX)
    if _is_affordable_argon2id(encoded):
        # As typed: fastapi-users does not normalise passwords.
        return partial(matches_argon2id, encoded)
    if not _is_affordable_bcrypt(encoded):
        return None
    if (bcrypt := _bcrypt()) is None:
        logger.error("A user with a bcrypt hash can't sign in. It needs an extra: %s.", INSTALL)
        return None
    return partial(_matches_bcrypt, bcrypt, encoded)


def _is_affordable_argon2id(encoded: str) -> bool:
    if (cost := cost_of(encoded)) is None or cost.memory_kib > MAXIMUM_MEMORY_KIB:
        return False
    return cost.memory_kib * cost.iterations <= MAXIMUM_WORK_KIB


def _is_affordable_bcrypt(encoded: str) -> bool:
    match = _BCRYPT.fullmatch(encoded)
    return match is not None and int(match[1]) <= MAXIMUM_BCRYPT_COST


def _matches_bcrypt(bcrypt: ModuleType, encoded: str, password: str) -> bool:
    matches: bool = bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], encoded.encode())
    return matches


def _bcrypt() -> ModuleType | None:
    try:
        import bcrypt
    except ImportError:
        return None
    return bcrypt
