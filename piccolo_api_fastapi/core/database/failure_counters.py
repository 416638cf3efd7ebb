"""Counters of wrong guesses, stored in the row that holds the secret."""

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


async def reserve(
    table: type[Table], user: Any, now: datetime, condition: str = ""
) -> dict[str, Any]:
    """
    Count an attempt as a failure before it is checked, so that concurrent guesses count too.
    After a success, `forgive` resets the counter.

    Args:
        table: A table with the columns of `FailureCounter` and a unique `user`.
        user: The primary key of the user.
        now: The present time.
        condition: A further condition on the row, in SQL.

    Returns:
        The row.

    Raises:
        NotFound: No row of the user meets the condition.
        TooManyRequests: The user must wait after several failures.
        FactorDisabled: There were too many failures in a row.
    """
    name = table._meta.get_formatted_tablename()
    present = int(now.timestamp() * 1000)
    count = '"failed_count" + 1'
    rows = await table.raw(
        f'UPDATE {name} SET "failed_count" = {count}, '  # noqa: S608 - our own
        f'"waits_until" = {wait_after(count, "CAST({} AS BIGINT)")} '
        f'WHERE "user" = {{}} AND "waits_until" <= CAST({{}} AS BIGINT) '
        f'AND "failed_count" < {MOST_FAILURES} {condition} RETURNING *',
        present,
        present,
        user,
        present,
    )
    if rows:
        return dict(rows[0])
    columns = table.failed_count, table.waits_until  # type: ignore[attr-defined]
    state = await table.select(*columns).where(table.user == user).first()  # type: ignore[attr-defined]
    if state and state["failed_count"] >= MOST_FAILURES:
        raise FactorDisabled
    if state and (wait := state["waits_until"] - present) > 0:
        raise TooManyRequests(retry_after=ceil(wait / 1000))
    raise NotFound


def forgiven(table: Any) -> dict[Any, Any]:
    """Return the values of a reset counter, for the statement that records a success."""
    return {table.failed_count: 0, table.waits_until: 0}


async def forgive(table: Any, user: Any) -> None:
    """Reset the counter of a user."""
    await table.update(forgiven(table)).where(table.user == user)
