"""`PiccoloStore`: counts in the database, for several processes without Redis."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from piccolo.engine.base import Engine
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.transactions import engine_of
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import SECOND, microseconds

from . import piccolo_sql as sql
from .remote_store import Gate, RemoteStore
from .store import Budget, Marks, StoreBusy, Verdict, row_name, settle
from .tables import RateLimitState

SWEEP_EVERY = 60 * SECOND
BATCH = 1000
CALLS_AT_ONCE = 4
STATEMENTS = 1024
"""The number of cached statements; those of strict limits are long."""


@configured
class PiccoloStore(RemoteStore):
    """
    Counts in a table; exact for any number of processes that share the database.

    ```python
    from piccolo_api_fastapi import PiccoloStore, RateLimit

    limit = RateLimit("10/minute", store=PiccoloStore())
    ```

    A charge of all limits of a `RateLimit` is one statement. It runs on a connection of its own
    and commits at once, so a request stays charged if its transaction is rolled back. Rows hold
    digests of keys. Expired rows are deleted once a minute.

    Every request is a write. PostgreSQL is fast enough for that; SQLite is slow.

    Args:
        table: The table, by default that of the migrations; see `auth_tables`.
        timeout: The time limit of a statement, and of waiting for a connection. On SQLite the
            time-out of the engine applies instead.
        clock: A clock that replaces that of the server, for tests.
    """

    def __init__(
        self,
        table: type[RateLimitState] = RateLimitState,
        *,
        timeout: timedelta = timedelta(seconds=1),
        clock: Clock | None = None,
    ) -> None:
        super().__init__(clock)
        self._table = table
        self._gate = Gate(CALLS_AT_ONCE, timeout.total_seconds())
        self._statements: dict[tuple[Any, ...], str] = {}
        self._sweep_at = 0

    async def ask(self, budget: Budget, key: str, cost: int, marks: Marks | None) -> Verdict:
        """See `RemoteStore.ask`."""
        name = row_name(budget, key)
        rows = await self._run(
            self._statement(budget, cost, marks), *self._values(name, cost, marks)
        )
        nothing = {"state": None, "at": microseconds(self._clock or utcnow)}
        row: dict[str, Any] = rows[0] if rows else nothing
        (states, newest), now = sql.read(budget, row["state"]), row["at"]
        if cost <= 0:
            return settle(budget, states, now, 0, None)
        if now >= self._sweep_at:
            await self._sweep(now)
        return Verdict(bool(row["allowed"]), now, states, self._newest(newest))

    async def forget(self, budget: Budget, key: str) -> None:
        """See `RemoteStore.forget`."""
        name = row_name(budget, key)
        await self._run(f"DELETE FROM {self._name} WHERE key = {{}}", name)  # noqa: S608 - our own

    async def sweep(self) -> int:
        """Delete all expired rows. Returns their number."""
        total = deleted = await self._sweep(microseconds(self._clock or utcnow))
        while deleted == BATCH:
            deleted = await self._sweep(microseconds(self._clock or utcnow))
            total += deleted
        return total

    async def _sweep(self, now: int) -> int:
        """Delete one batch of expired rows. If more are left, the next charge deletes more."""
        dead = f"SELECT key FROM {self._name} WHERE expires_at < {{}} LIMIT {BATCH}"  # noqa: S608
        statement = f"DELETE FROM {self._name} WHERE key IN ({dead}) RETURNING key"  # noqa: S608
        deleted = len(await self._run(statement, now))
        if deleted < BATCH:
            self._sweep_at = now + SWEEP_EVERY
        return deleted

    @property
    def _name(self) -> str:
        return self._table._meta.get_formatted_tablename()

    @property
    def _is_sqlite(self) -> bool:
        return isinstance(engine_of(self._table), SQLiteEngine)

    def _values(self, name: str, cost: int, marks: Marks | None) -> list[Any]:
        """The parameters of a statement, with the time if a clock replaces that of the server."""
        time: list[Any] = [microseconds(self._clock)] if self._clock else []
        if cost > 0:
            return [name, *time, *time]
        return [*time, *(marks or ()), name]

    def _statement(self, budget: Budget, cost: int, marks: Marks | None) -> str:
        """The statement for a budget, cached. It contains no values of requests."""
        dialect = sql.SQLITE if self._is_sqlite else sql.POSTGRES
        known = (dialect, budget.id, cost, marks is None)
        if known not in self._statements:
            now = sql.GIVEN if self._clock else dialect.now
            spoken = replace(dialect, now=now)
            if cost > 0:
                made = sql.charge(self._name, budget, cost, spoken)
            elif cost:
                made = sql.refund(self._name, budget, -cost, spoken, marked=marks is not None)
            else:
                made = sql.look(self._name, spoken)
            if len(self._statements) >= STATEMENTS:
                self._statements.clear()
            self._statements[known] = made
        return self._statements[known]

    async def _run(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with _outside_transactions(engine_of(self._table)):
            query = self._table.raw(statement, *values)
            if self._is_sqlite:  # a cancelled statement would leave its connection unusable
                return cast("list[dict[str, Any]]", await query.run())
            try:
                return cast("list[dict[str, Any]]", await self._gate.run(query.run))
            except (TimeoutError, asyncio.TimeoutError):
                if self._is_pool_full():
                    raise StoreBusy from None
                raise

    def _is_pool_full(self) -> bool:
        """Whether all connections of the engine's pool are lent out, which is no outage."""
        pool = getattr(engine_of(self._table), "pool", None)
        return (
            pool is not None
            and pool.get_idle_size() == 0
            and pool.get_size() >= pool.get_max_size()
        )


@contextmanager
def _outside_transactions(engine: Engine[Any]) -> Iterator[None]:
    """Run the statements inside the block outside the open transaction."""
    token = engine.current_transaction.set(None)
    try:
        yield
    finally:
        engine.current_transaction.reset(token)
