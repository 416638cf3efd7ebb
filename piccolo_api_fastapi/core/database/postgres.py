"""`PooledPostgresEngine`: PostgreSQL without a second round trip after each statement."""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from piccolo.engine.postgres import PostgresEngine

from piccolo_api_fastapi.core.configuration import configured

_leaves_nothing: ContextVar[bool] = ContextVar("leaves_nothing", default=False)

_VERB = re.compile(
    r"\s*(SELECT|UPDATE|DELETE|INSERT INTO (\"\w+\"\.)?\"\w+\")(?=\W)", re.IGNORECASE
)
_CALL = re.compile(r"([\w$.\"]+)\s*\(")

_WORDS = """
all and any array as by conflict distinct else exists filter from in not on or over returning
select set then union using values when where
"""
"""What stands before a parenthesis and is no function."""

_FUNCTIONS = """
abs array_agg avg ceil coalesce concat count date_trunc extract floor greatest json_agg
json_build_object jsonb_agg jsonb_build_object least length lower max min now nullif position
replace round row_to_json string_agg sum trim upper
"""
"""Functions of PostgreSQL that change nothing, as far as Piccolo writes them."""

_HARMLESS = frozenset(_WORDS.split() + _FUNCTIONS.split())


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Release connections inside the block as they are: no statement has changed the session."""
    token = _leaves_nothing.set(True)
    try:
        yield
    finally:
        _leaves_nothing.reset(token)


@lru_cache(maxsize=1024)
def is_plain(sql: str) -> bool:
    """
    Whether a statement reads or writes rows and changes nothing in the session.

    It begins as Piccolo's own statements do, and calls no function but those that are known to
    be harmless: `set_config` and `pg_advisory_lock`, for example, leave something behind.

    Args:
        sql: One statement.
    """
    verb = _VERB.match(sql)
    if verb is None or "/*" in sql or "--" in sql:  # a comment could stand before a parenthesis
        return False
    return all(name.lower() in _HARMLESS for name in _CALL.findall(sql, verb.end()))


@configured
class PooledPostgresEngine(PostgresEngine):
    """
    Piccolo's engine for PostgreSQL, whose pool resets a connection only if it has to.

    ```python
    from piccolo_api_fastapi import PooledPostgresEngine

    def make_engine() -> PooledPostgresEngine:  # call it in piccolo_conf.py
        return PooledPostgresEngine(config={"database": "app"})
    ```

    asyncpg resets each connection that returns to the pool: advisory locks, settings, cursors and
    channels of whoever used it. That is one more round trip for each statement. This engine
    leaves it out after the look-up of a credential, and after a single `SELECT`, `INSERT`,
    `UPDATE` or `DELETE` of Piccolo's query builder that calls no other functions than harmless
    ones such as `count`. After all else, such as a transaction, raw SQL that calls `set_config`,
    or a connection that you acquired yourself, the connection is reset as before.

    Do not use it if a trigger, a view or a default of your tables changes the session, with
    `set_config` for example: nobody sees that in a statement.

    Its arguments are those of Piccolo's `PostgresEngine`.
    """

    __slots__ = ()

    async def start_connection_pool(self, **kwargs: Any) -> None:
        """
        Open the pool.

        Args:
            kwargs: The arguments of `asyncpg.create_pool`. `reset` is called instead of the reset
                query, and left out where that is.
        """
        reset: Callable[[Any], Awaitable[None]] = kwargs.pop("reset", _reset)

        async def reset_if_needed(connection: Any) -> None:
            if not _leaves_nothing.get():
                await reset(connection)

        await super().start_connection_pool(**kwargs, reset=reset_if_needed)

    async def _run_in_pool(self, query: str, args: Sequence[Any] | None = None) -> Any:
        run = super()._run_in_pool
        if not is_plain(query):
            return await run(query, args)
        with leaving_nothing():
            return await run(query, args)


async def _reset(connection: Any) -> None:
    if query := connection.get_reset_query():  # PgBouncer's console, for example, has none
        await connection.execute(query)
