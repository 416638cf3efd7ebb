"""Wrong guesses, counted in the row of what is guessed at; they outlive every cache."""

from datetime import datetime
from math import ceil
from typing import Any

from piccolo.columns import BigInt, Integer
from piccolo.table import Table

from piccolo_api_fastapi.errors import FactorDisabled, NotFound, TooManyRequests

from .outages import store

FREE_FAILURES = 5
"""So many in a row cost no waiting."""

FIRST_WAIT = 1
LONGEST_WAIT = 15 * 60
"""Seconds; the wait doubles with each failure from the one to the other."""

MOST_FAILURES = 100
"""NIST SP 800-63B-4 section 3.2.2: no more than 100 in a row."""

_DOUBLINGS = ceil(LONGEST_WAIT / FIRST_WAIT).bit_length()


def wait_after(count: str, now: str) -> str:
    """
    SQL: until when to wait after so many failures.

    Args:
        count: SQL of the number of failures.
        now: SQL of the present time, in milliseconds since 1970; it occurs twice.
    """
    return (
        f"CASE WHEN {count} < {FREE_FAILURES} THEN 0 "
        f"WHEN {count} >= {FREE_FAILURES + _DOUBLINGS} THEN {now} + {LONGEST_WAIT * 1000} "
        f"ELSE {now} + ({FIRST_WAIT * 1000} << ({count} - {FREE_FAILURES})) END"
    )


class FailureCounter:
    """Columns of a table with one row for each user, whose failures are counted there."""

    failed_count = Integer(help_text="Failures in a row.")
    waits_until = BigInt(help_text="Milliseconds since 1970; refused until then.")


async def reserve(
    table: type[Table], user: Any, now: datetime, condition: str = ""
) -> dict[str, Any]:
    """
    Count an attempt as a failure before it is checked, so that guesses made at once count
    as well. `forgive` takes it back.

    Args:
        table: With the columns of `FailureCounter` and a unique `user`.
        user: The primary key of the user.
        now: The present time.
        condition: A further condition on the row, in SQL.

    Returns:
        The row.

    Raises:
        NotFound: There is none that meets the condition.
        TooManyRequests: After so many failures one has to wait.
        FactorDisabled: There were too many for waiting to help.
    """
    name = table._meta.get_formatted_tablename()
    present = int(now.timestamp() * 1000)
    count = '"failed_count" + 1'
    async with store():
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
    """The values of a counter without failures, for the statement that records a success."""
    return {table.failed_count: 0, table.waits_until: 0}


async def forgive(table: Any, user: Any) -> None:
    """Forget the failures of a user."""
    await table.update(forgiven(table)).where(table.user == user)
