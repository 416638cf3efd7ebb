"""Counters of wrong guesses, stored in the row that holds the secret."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from piccolo.columns import BigInt, Integer
from piccolo.table import Table

from piccolo_api_fastapi.errors import FactorDisabled, NotFound, TooManyRequests

FREE_FAILURES = 5
"""The number of failures in a row without a wait."""

FIRST_WAIT = 1
LONGEST_WAIT = 15 * 60
"""Seconds. The wait doubles with each failure, from the first to the longest."""

MOST_FAILURES = 100
"""NIST SP 800-63B-4 section 3.2.2: no more than 100 in a row."""

MOST_SIGNED_IN = 50
"""Of those, the number that callers who are signed in can use up. The others are for log-ins."""

_DOUBLINGS = ceil(LONGEST_WAIT / FIRST_WAIT).bit_length()


def wait_after(count: str, now: str) -> str:
    """
    Return the SQL for the end of the wait after a number of failures.

    Args:
        count: The SQL for the number of failures.
        now: The SQL for the present time in milliseconds since 1970. It is used twice.
    """
    return (
        f"CASE WHEN {count} < {FREE_FAILURES} THEN 0 "
        f"WHEN {count} >= {FREE_FAILURES + _DOUBLINGS} THEN {now} + {LONGEST_WAIT * 1000} "
        f"ELSE {now} + ({FIRST_WAIT * 1000} << ({count} - {FREE_FAILURES})) END"
    )


class FailureCounter:
    """The columns of a counter, for tables with one row per user."""

    failed_count = Integer(help_text="Failures in a row.")
    waits_until = BigInt(help_text="Milliseconds since 1970; refused until then.")


class TwofoldCounter(FailureCounter):
    """
    The columns of two counters, for secrets that are guessed at by log-ins and with credentials.

    Failures of log-ins are in the columns of `FailureCounter`. Whoever stole a credential does not
    use them up. No more than `MOST_FAILURES` in a row are compared with the secret, both together.
    """

    signed_in_count = Integer(help_text="Failures in a row of callers who are signed in.")
    signed_in_until = BigInt(help_text="Milliseconds since 1970; refused until then.")


@dataclass(frozen=True, slots=True)
class _Columns:
    """
    The columns of one counter, and the condition on which it admits another guess, in SQL.

    Args:
        count: The column with the number of failures.
        until: The column with the end of the wait.
        may: The condition.
    """

    count: str
    until: str
    may: str


_OF_ONE = _Columns("failed_count", "waits_until", f'"failed_count" < {MOST_FAILURES}')

_BOTH = f'"failed_count" + "signed_in_count" < {MOST_FAILURES}'
_OF_LOGINS = _Columns("failed_count", "waits_until", _BOTH)
_OF_SIGNED_IN = _Columns(
    "signed_in_count", "signed_in_until", f'{_BOTH} AND "signed_in_count" < {MOST_SIGNED_IN}'
)


def _columns(table: type[Table], *, signed_in: bool) -> _Columns:
    if not issubclass(table, TwofoldCounter):
        return _OF_ONE
    return _OF_SIGNED_IN if signed_in else _OF_LOGINS


async def reserve(
    table: type[Table],
    user: Any,
    now: datetime,
    condition: str = "",
    *,
    signed_in: bool = False,
) -> dict[str, Any]:
    """
    Count an attempt as a failure before it is checked, so that concurrent guesses count too.
    After a success, `forgive` resets the counter.

    Args:
        table: A table with the columns of `FailureCounter` and a unique `user`.
        user: The primary key of the user.
        now: The present time.
        condition: A further condition on the row, in SQL.
        signed_in: Whether the caller is signed in, for a table with a `TwofoldCounter`.

    Returns:
        The row.

    Raises:
        NotFound: No row of the user meets the condition.
        TooManyRequests: The user must wait after several failures.
        FactorDisabled: There were too many failures in a row.
    """
    name, own = table._meta.get_formatted_tablename(), _columns(table, signed_in=signed_in)
    present = int(now.timestamp() * 1000)
    count = f'"{own.count}" + 1'
    rows = await table.raw(
        f'UPDATE {name} SET "{own.count}" = {count}, '  # noqa: S608 - our own
        f'"{own.until}" = {wait_after(count, "CAST({} AS BIGINT)")} '
        f'WHERE "user" = {{}} AND "{own.until}" <= CAST({{}} AS BIGINT) '
        f"AND {own.may} {condition} RETURNING *",
        present,
        present,
        user,
        present,
    )
    if rows:
        return dict(rows[0])
    found = await table.raw(
        f'SELECT ({own.may}) AS may, "{own.until}" AS until FROM {name} WHERE "user" = {{}}',  # noqa: S608 - our own
        user,
    )
    if found and not found[0]["may"]:
        raise FactorDisabled
    if found and (wait := found[0]["until"] - present) > 0:
        raise TooManyRequests(retry_after=ceil(wait / 1000))
    raise NotFound


def forgiven(table: Any) -> dict[Any, Any]:
    """Return the values of a reset `TwofoldCounter`, for the statement that records a success."""
    return {
        table.failed_count: 0,
        table.waits_until: 0,
        table.signed_in_count: 0,
        table.signed_in_until: 0,
    }


async def forgive(table: Any, user: Any) -> None:
    """Reset the `TwofoldCounter` of a user."""
    await table.update(forgiven(table)).where(table.user == user)
