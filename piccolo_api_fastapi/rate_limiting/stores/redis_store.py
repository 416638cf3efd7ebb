"""`RedisStore`: counts in Redis or Valkey, for any number of processes and machines."""

import asyncio
from datetime import timedelta
from hashlib import sha1
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.rate_limiting.algorithms.gcra import Rate
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import microseconds

from .redis_script import SCRIPT
from .remote_store import RemoteStore
from .store import REMEMBERED, Budget, Marks, Verdict, row_name

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster

    from .redis_connection import Client, Line

SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
"""By which Redis calls the script."""


@configured
class RedisStore(RemoteStore):
    """
    Counts in Redis 6.2 or newer, or in Valkey; exact for any number of processes.

    ```python
    from piccolo_api_fastapi import RateLimit, RedisStore

    limit = RateLimit("10/minute", store=RedisStore("redis://localhost:6379"))
    ```

    A charge of all limits of a `RateLimit` is one call, and uses the clock of the server. Redis
    keys expire by themselves and hold digests of keys. Calls that arrive while another is in
    progress are sent as a batch over the same connection.

    Args:
        redis: The URL of a server, or your own `redis.asyncio.Redis` or `RedisCluster`. A client
            of your own gets at most 16 concurrent calls.
        prefix: The prefix of every Redis key.
        timeout: The time limit of a call.
        clock: A clock that replaces that of the server, for tests.

    Raises:
        ConfigurationError: The package `redis` is not installed, the URL is malformed, or the
            client is not one of `redis.asyncio`.
    """

    def __init__(
        self,
        redis: "str | Redis | RedisCluster",
        *,
        prefix: str = "ratelimit",
        timeout: timedelta = timedelta(milliseconds=100),
        clock: Clock | None = None,
    ) -> None:
        try:
            from .redis_connection import Client, Line, check_redis
        except ImportError:
            raise ConfigurationError(
                "RedisStore needs an extra: pip install 'piccolo-api-fastapi[redis]'."
            ) from None
        check_redis(redis)
        super().__init__(clock)
        seconds = timeout.total_seconds()

        def connect() -> Line | Client:
            return Line(redis, seconds) if isinstance(redis, str) else Client(redis, seconds)

        self._connect = connect
        self._prefix = prefix
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, Line | Client]
        self._lines = WeakKeyDictionary()
        self._arguments: dict[str, tuple[int, ...]] = {}

    async def ask(self, budget: Budget, key: str, cost: int, marks: Marks | None) -> Verdict:
        """See `RemoteStore.ask`."""
        arguments = self._arguments.get(budget.id) or self._describe(budget)
        now = microseconds(self._clock) if self._clock else 0
        told = ",".join(map(str, marks or ()))
        name = self._name(budget, key)
        allowed, then, value = await self._line().send(
            ("EVALSHA", SHA, 1, name, now, cost, told, *arguments)
        )
        fields = value.split(";" if isinstance(value, str) else b";")
        states = [
            int(field) if isinstance(rate, Rate) else _log(field)
            for rate, field in zip(budget.rates, fields[:-1], strict=True)
        ]
        return Verdict(bool(allowed), int(then), states, self._newest(int(fields[-1])))

    async def forget(self, budget: Budget, key: str) -> None:
        """See `RemoteStore.forget`."""
        await self._line().send(("DEL", self._name(budget, key)))

    async def recover(self) -> None:
        """See `RemoteStore.recover`."""
        await self._line().disconnect()

    async def close(self) -> None:
        """Close the connection of this event loop. A client of your own stays open."""
        line = self._lines.pop(asyncio.get_running_loop(), None)
        if line is not None:
            await line.close()

    def _line(self) -> "Line | Client":
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            line = self._lines[loop] = self._connect()
        return line

    def _name(self, budget: Budget, key: str) -> str:
        return f"{self._prefix}:{row_name(budget, key)}"

    def _describe(self, budget: Budget) -> tuple[int, ...]:
        arguments: list[int] = []
        for rate in budget.rates:
            if isinstance(rate, Rate):
                arguments += (rate.interval, rate.tolerance, rate.block, 0)
            else:
                arguments += (rate.limit.period, rate.limit.amount, rate.block, 1)
        if len(self._arguments) >= REMEMBERED:
            self._arguments.clear()
        self._arguments[budget.id] = tuple(arguments)
        return self._arguments[budget.id]


def _log(field: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in field.split("," if isinstance(field, str) else b","))
