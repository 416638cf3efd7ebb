"""What the database refuses, as errors that show none of its own sentences."""

import re
import sqlite3

from piccolo.table import Table

from piccolo_api_fastapi.core.database.outages import (
    is_foreign_key_violation,
    is_logged_outage,
    is_unique_violation,
    is_unusable_value,
)
from piccolo_api_fastapi.errors import (
    AuthError,
    Conflict,
    FieldError,
    StoreUnavailable,
    Unprocessable,
    ValueTaken,
)

_CHECKS = frozenset({"23502", "23514"})
"""Values of SQLSTATE: a NOT NULL or a CHECK constraint."""

_EXCLUSION = "23P01"


def refusal(error: Exception, table: type[Table]) -> AuthError | None:
    """
    Return the error to answer with, or `None` if it is a bug.

    Args:
        error: The error of the driver.
        table: The table of the statement.
    """
    if is_logged_outage(error):
        return StoreUnavailable()
    if is_unique_violation(error):
        return ValueTaken(fields=_taken(error, table))
    if is_foreign_key_violation(error) or _state(error) == _EXCLUSION:
        return Conflict()
    if _state(error) in _CHECKS or _is_check(error):
        return _unusable("value_refused", "A value is refused.")
    if is_unusable_value(error):
        return _unusable("value_unusable", "A value can't be stored.")
    return None


def _unusable(code: str, message: str) -> Unprocessable:
    return Unprocessable([FieldError(("body",), message, code)])


def _state(error: Exception) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _is_check(error: Exception) -> bool:
    """Return whether SQLite refused a row by a CHECK or a NOT NULL constraint."""
    if not isinstance(error, sqlite3.IntegrityError):
        return False
    return str(error).startswith(("CHECK", "NOT NULL"))


def _taken(error: Exception, table: type[Table]) -> list[str]:
    """Return the names of the columns of a unique constraint, as the application calls them."""
    if isinstance(error, sqlite3.IntegrityError):  # UNIQUE constraint failed: movie.title, …
        words = set(re.findall(r"\.(\w+)", str(error)))
    else:  # Key (title, owner)=(…) already exists.
        key = str(getattr(error, "detail", None) or "").partition(")=(")[0]
        words = set(re.findall(r"\w+", key.partition("(")[2]))
    columns = [column for column in table._meta.columns if not column._meta.secret]
    return [
        column._meta.name
        for column in columns
        if column._meta.db_column_name in words and not column._meta.primary_key
    ]
