"""Errors of the database: outages, unique violations and values that do not fit."""

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

from piccolo_api_fastapi.errors import InvalidCredentials, NotFound, StoreUnavailable

try:
    import asyncpg
except ImportError:  # the `postgres` extra is not installed
    _POSTGRES_OUTAGES: tuple[type[Exception], ...] = ()
    _POSTGRES_REFUSALS: tuple[type[Exception], ...] = ()
    _POSTGRES_UNIQUE: tuple[type[Exception], ...] = ()
    _POSTGRES_UNUSABLE: tuple[type[Exception], ...] = ()
else:
    _POSTGRES_OUTAGES = (
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        asyncpg.exceptions.InvalidCachedStatementError,  # a migration ran; the next try succeeds
    )
    # The errors of the driver about a value are InterfaceErrors too.
    _POSTGRES_REFUSALS = (asyncpg.DataError, asyncpg.exceptions.ClientConfigurationError)
    _POSTGRES_UNIQUE = (asyncpg.UniqueViolationError,)
    _POSTGRES_UNUSABLE = (asyncpg.DataError,)

logger = logging.getLogger("piccolo_api_fastapi")

LOG_EVERY = 60.0
"""Seconds between two log messages about outages of one kind."""

_logged: dict[str, float] = {}
"""The time from which on an outage of a kind is logged again."""

_SQLITE_ERRORS = (sqlite3.OperationalError, sqlite3.DatabaseError)  # but not their subclasses

_SQLITE_OUTAGES = (
    "unable to open",
    "is locked",
    "disk i/o",
    "readonly",
    "is full",
    "not a database",
)

_OUTAGE_CLASSES = ("08", "40", "53", "57", "58")
"""
The first two digits of SQLSTATE: connections, rollbacks such as deadlocks, resources, operator
intervention and errors of the machine.
"""

_FOREIGN_KEY_VIOLATION = "23503"
_RESTRICT_VIOLATION = "23001"  # since PostgreSQL 18, of a foreign key ON DELETE RESTRICT

_OUTAGE_STATES = frozenset(
    {
        "25006",  # read-only, as on a standby or on a full disk of some providers
        "25P03",  # idle in a transaction for too long
        "25P04",  # a transaction took too long
        "28000",  # the role may not log in
        "28P01",  # the password was changed
        "3D000",  # the database was renamed or dropped
        "55000",  # the database accepts no connections
        "55P03",  # a lock was not granted in time
    }
)
"""Further values of SQLSTATE that an operator can cause, and no request."""


class _Store:
    """The context of `store`: faster than a generator, as every request enters it."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            raise_unavailable(error)


_STORE = _Store()


def store() -> AbstractAsyncContextManager[None]:
    """
    Return a context that answers 503 if the database is down, full or locked.

    Raises:
        InvalidCredentials: A row refers to a user who was deleted meanwhile.
        StoreUnavailable: The database is not available.
    """
    return _STORE


def raise_unavailable(error: BaseException) -> None:
    """
    Raise what `store` raises in place of an error, or nothing if that is no outage.

    Raises:
        InvalidCredentials: A row refers to a user who was deleted meanwhile.
        StoreUnavailable: The database is not available.
    """
    if is_logged_outage(error):
        raise StoreUnavailable from None
    if is_without_user(error):
        raise InvalidCredentials from None


def is_logged_outage(error: BaseException) -> bool:
    """
    As `is_outage`. An outage is logged, but each kind at most once a minute.

    The message has no text of the driver, which may contain values or a path.
    """
    if not is_outage(error):
        return False
    reason = getattr(error, "sqlstate", None) or _sqlite_phrase(error)
    kind = type(error).__name__ + (f", {reason}" if reason else "")
    now = time.monotonic()
    if now >= _logged.get(kind, now):
        _logged[kind] = now + LOG_EVERY
        logger.warning("The database is not available: %s", kind)
    return True


def is_outage(error: BaseException) -> bool:
    """Return whether an error means that the database is not available."""
    if _sqlite_phrase(error):
        return True
    if isinstance(error, _POSTGRES_REFUSALS):
        return False
    # By state and not by class: asyncpg has no class for those of newer servers.
    state = getattr(error, "sqlstate", None) or ""
    if state in _OUTAGE_STATES or state.startswith(_OUTAGE_CLASSES):
        return True
    return isinstance(error, (OSError, TimeoutError, asyncio.TimeoutError, *_POSTGRES_OUTAGES))


def _sqlite_phrase(error: BaseException) -> str:
    """Return the phrase by which an error of SQLite is an outage, or an empty string."""
    if type(error) not in _SQLITE_ERRORS:
        return ""
    text = str(error).casefold()
    return next((phrase for phrase in _SQLITE_OUTAGES if phrase in text), "")


def is_without_user(error: BaseException) -> bool:
    """
    Return whether an error means that a row refers to one that was deleted meanwhile.

    The rows of this library refer to their user, or to others that are deleted with the user.
    A row that can't be deleted, as another still refers to it, is not meant.
    """
    is_restricted = getattr(error, "sqlstate", None) == _RESTRICT_VIOLATION
    is_kept = is_restricted or "still referenced" in (getattr(error, "detail", None) or "")
    return is_foreign_key_violation(error) and not is_kept


def is_foreign_key_violation(error: BaseException) -> bool:
    """Return whether a foreign key refused a row, or the deletion of one that it refers to."""
    if isinstance(error, sqlite3.IntegrityError):
        return "FOREIGN KEY" in str(error)
    return getattr(error, "sqlstate", None) in (_FOREIGN_KEY_VIOLATION, _RESTRICT_VIOLATION)


def is_unique_violation(error: BaseException) -> bool:
    """Return whether an error means that a unique index refused a row."""
    if isinstance(error, sqlite3.IntegrityError):
        return "UNIQUE" in str(error)
    return isinstance(error, _POSTGRES_UNIQUE)


def refused_columns(error: BaseException) -> frozenset[str]:
    """Return the words of a unique violation: names of columns among others, but no values."""
    key = str(getattr(error, "detail", None) or error).partition(")=(")[0]
    return frozenset(re.findall(r"\w+", key))


@contextmanager
def finding() -> Iterator[None]:
    """
    Return a context for a look-up by a value of the request, which may not fit its column.

    Raises:
        NotFound: It does not fit, so that no row has it.
    """
    try:
        yield
    except Exception as error:
        if is_unusable_value(error):
            raise NotFound from None
        raise


def is_unusable_value(error: BaseException) -> bool:
    """Return whether an error means that a value does not fit its column."""
    return isinstance(error, (OverflowError, *_POSTGRES_UNUSABLE))
