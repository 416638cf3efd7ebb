"""Limits in Redis or Valkey, for any number of processes and machines."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha1
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.errors import ConfigurationError

from .gcra import Rate
from .grammar import microseconds
from .redis_script import SCRIPT
from .remote_store import Gate, RemoteStore
from .stores import Budget, Verdict, digest

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster

try:
    import redis.asyncio as redis_asyncio
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import NoScriptError
except ImportError:  # the `redis` extra is not installed
    redis_asyncio = None  # type: ignore[assignment]

SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
"""By which Redis calls the script."""

LARGEST_BATCH = 256
CALLS_AT_ONCE = 16

Command: TypeAlias = tuple[Any, ...]


class RedisStore(RemoteStore):
    """
    Keeps the states in Redis 6.2 or newer, or in Valkey; exact for any number of processes.

    All limits of a `RateLimit` are one call, by the clock of the server. Keys die by
    themselves, and hold digests: who is counted can't be read from them. Calls that come while
    one is under way are sent together, over one connection.

    Args:
        redis: The URL of a server, or a client of your own: `redis.asyncio.Redis` or
            `RedisCluster`. Of a client 16 calls are made at once, and others wait.
        prefix: Of every key.
        timeout: How long a call may take.
        clock: Replaces the clock of the server, for tests.

    Raises:
        ConfigurationError: The package `redis` is not installed.
    """

    def __init__(
        self,
        redis: "str | Redis | RedisCluster",
        *,
        prefix: str = "ratelimit",
        timeout: timedelta = timedelta(milliseconds=100),
        clock: Clock | None = None,
    ) -> None:
        if redis_asyncio is None:
            msg = "RedisStore needs the extra: pip install 'piccolo-api-fastapi[redis]'."
            raise ConfigurationError(msg)
        super().__init__(clock)
        self._redis = redis
        self._prefix = prefix
        self._seconds = timeout.total_seconds()
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line | _Client]
        self._lines = WeakKeyDictionary()
        self._arguments: dict[str, tuple[int, ...]] = {}

    async def ask(self, budget: Budget, key: str, cost: int, at: int | None) -> Verdict:
        """See `RemoteStore.ask`."""
        arguments = self._arguments.get(budget.id) or self._describe(budget)
        now = microseconds(self._clock) if self._clock else 0
        since = -1 if at is None else at
        name = self._name(budget, key)
        allowed, then, value = await self._line().send(
            ("EVALSHA", SHA, 1, name, now, cost, since, *arguments)
        )
        fields = value.split(";" if isinstance(value, str) else b";")
        states = [
            int(field) if isinstance(rate, Rate) else _log(field)
            for rate, field in zip(budget.rates, fields, strict=True)
        ]
        return Verdict(bool(allowed), int(then), states)

    async def forget(self, budget: Budget, key: str) -> None:
        """See `RemoteStore.forget`."""
        await self._line().send(("DEL", self._name(budget, key)))

    async def recover(self) -> None:
        """See `RemoteStore.recover`."""
        await self._line().disconnect()

    async def close(self) -> None:
        """Close the connection of this event loop; a client of your own stays open."""
        line = self._lines.pop(asyncio.get_running_loop(), None)
        if line is not None:
            await line.close()

    def _line(self) -> "_Line | _Client":
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            if isinstance(self._redis, str):
                line = _Line(self._redis, self._seconds)
            else:
                line = _Client(self._redis, self._seconds)
            self._lines[loop] = line
        return line

    def _name(self, budget: Budget, key: str) -> str:
        return f"{self._prefix}:{digest(f'{budget.id}|{key}')}"

    def _describe(self, budget: Budget) -> tuple[int, ...]:
        arguments: list[int] = []
        for rate in budget.rates:
            if isinstance(rate, Rate):
                arguments += (rate.interval, rate.tolerance, rate.block, 0)
            else:
                arguments += (rate.limit.period, rate.limit.amount, rate.block, 1)
        self._arguments[budget.id] = tuple(arguments)
        return self._arguments[budget.id]


class _Line:
    """One connection: a call that finds it free goes at once, the others go together."""

    def __init__(self, url: str, seconds: float) -> None:
        self._client = redis_asyncio.Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            # Once more, on a new connection, for one that the server has closed meanwhile.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        )
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._is_busy = False
        self._task: asyncio.Task[None] | None = None

    async def send(self, command: Command) -> Any:
        """The answer to a command."""
        if self._is_busy:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._waiting.append((command, future))
            return await future
        self._is_busy = True
        try:
            return await _run(self._client, command)
        except Exception as error:
            self._fail(error)
            raise
        finally:
            self._is_busy = bool(self._waiting)
            if self._is_busy:
                self._task = asyncio.get_running_loop().create_task(self._send_waiting())

    async def disconnect(self) -> None:
        """Close the connection; the next call opens another."""
        await self._client.connection_pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        """Close it for good."""
        await self._client.aclose()

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch = self._waiting[:LARGEST_BATCH]
            del self._waiting[:LARGEST_BATCH]
            try:
                answers = await self._send_batch([command for command, _ in batch])
            except Exception as error:  # noqa: BLE001 - each caller is told
                self._waiting = batch + self._waiting
                self._fail(error)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    _settle(future, answer)
        self._is_busy = False

    def _fail(self, error: Exception) -> None:
        """Tell all who wait: they have waited as long as the one who failed."""
        failed, self._waiting = self._waiting, []
        for _, future in failed:
            _settle(future, error)

    async def _send_batch(self, commands: Sequence[Command]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        answers = await pipeline.execute(raise_on_error=False)
        if not any(isinstance(answer, NoScriptError) for answer in answers):
            return answers
        return [
            await _run(self._client, command) if isinstance(answer, NoScriptError) else answer
            for command, answer in zip(commands, answers, strict=True)
        ]


class _Client:
    """A client of the application's own."""

    def __init__(self, client: "Redis | RedisCluster", seconds: float) -> None:
        self._client = client
        self._gate = Gate(CALLS_AT_ONCE, seconds)

    async def send(self, command: Command) -> Any:
        """The answer to a command."""
        return await self._gate.run(lambda: _run(self._client, command))

    async def disconnect(self) -> None:
        """It is not ours."""

    async def close(self) -> None:
        """The same."""


async def _run(client: Any, command: Command) -> Any:
    try:
        return await client.execute_command(*command)
    except NoScriptError:
        return await client.execute_command("EVAL", SCRIPT, *command[2:])


def _settle(future: "asyncio.Future[Any]", answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _log(field: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in field.split("," if isinstance(field, str) else b","))
