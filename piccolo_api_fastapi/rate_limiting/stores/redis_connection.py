"""Send commands to Redis: over one connection, or through a client of the application."""

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError, NoScriptError

from piccolo_api_fastapi.errors import ConfigurationError

from .redis_script import SCRIPT
from .remote_store import CONNECT_SECONDS, Gate, Within
from .store import StoreBusy

LARGEST_BATCH = 256
CALLS_AT_ONCE = 16

_FULL = frozenset({"Too many connections", "No connection available."})
"""Messages of a full pool before redis-py 7, and after a time-out while waiting for it."""

Command: TypeAlias = tuple[Any, ...]
"""The words of a command; the second word of `EVALSHA` is the digest."""


def check_redis(redis: Any) -> None:
    """
    Make sure that this is the URL of a server or a client of `redis.asyncio`. Nothing is sent.

    Raises:
        ConfigurationError: It is something else. The message has no URL, which has a password.
    """
    if not isinstance(redis, str):
        if not inspect.iscoroutinefunction(getattr(redis, "execute_command", None)):
            raise ConfigurationError(
                "RedisStore needs a URL, or a Redis or RedisCluster of redis.asyncio, "
                f"not {type(redis).__name__}."
            )
        return
    try:
        pool: Any = Redis.from_url(redis).connection_pool
        pool.make_connection()
    except (ValueError, TypeError):
        raise ConfigurationError(
            "RedisStore needs a URL such as redis://localhost:6379, rediss://… for TLS or "
            "unix:///run/redis.sock; the URL that it was given is malformed."
        ) from None


class Line:
    """One connection. Calls that arrive while it is busy are sent together as a batch."""

    def __init__(self, url: str, seconds: float) -> None:
        self._client = Redis.from_url(
            url,
            socket_timeout=None,  # see `Within`
            socket_connect_timeout=None,
            redis_connect_func=self._greet,
            # One retry, on a new connection, in case the server has closed the idle one.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        )
        self._seconds = seconds
        self._to_connect = max(seconds, CONNECT_SECONDS)
        self._is_connected = False
        self._waiting: list[tuple[Command, asyncio.Future[Any]]] = []
        self._is_busy = False
        self._task: asyncio.Task[None] | None = None

    async def send(self, command: Command) -> Any:
        """Send a command, and return the response."""
        if self._is_busy:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._waiting.append((command, future))
            return await future
        self._is_busy = True
        try:
            with self._limit():
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
        self._is_connected = False
        await self._client.connection_pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        """Close the connection for good."""
        await self._client.aclose()

    def _limit(self) -> Within:
        """The time limit of a call, which begins anew once a connection is made."""
        self._within = Within(self._seconds if self._is_connected else self._to_connect)
        return self._within

    async def _greet(self, connection: Any) -> None:
        """Log in to the server, over a new connection or one that replaces a lost one."""
        self._within.restart(self._to_connect)
        await connection.on_connect()
        self._within.restart(self._seconds)
        self._is_connected = True

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch = self._waiting[:LARGEST_BATCH]
            del self._waiting[:LARGEST_BATCH]
            try:
                with self._limit():
                    answers = await self._send_batch([command for command, _ in batch])
            except Exception as error:  # noqa: BLE001 - each caller gets the error
                self._waiting = batch + self._waiting
                self._fail(error)
            else:
                for (_, future), answer in zip(batch, answers, strict=True):
                    _settle(future, answer)
        self._is_busy = False

    def _fail(self, error: Exception) -> None:
        """Fail all waiting calls, which have waited as long as the failed one."""
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


class Client:
    """Sends commands through a client of the application."""

    def __init__(self, client: Redis | RedisCluster, seconds: float) -> None:
        self._client = client
        self._gate = Gate(CALLS_AT_ONCE, seconds)

    async def send(self, command: Command) -> Any:
        """
        Send a command, and return the response.

        Raises:
            StoreBusy: All connections of the pool are in use, which is no outage.
        """
        try:
            return await self._gate.run(lambda: _run(self._client, command))
        except Exception as error:
            if self._is_full(error):
                raise StoreBusy from None
            raise

    def _is_full(self, error: Exception) -> bool:
        """Whether the call failed because all connections of the pool were in use."""
        if isinstance(error, MaxConnectionsError) or str(error) in _FULL:
            return True
        pool = getattr(
            self._client, "connection_pool", None
        )  # a cluster has none, and raises MaxConnectionsError
        is_late = isinstance(error, (TimeoutError, asyncio.TimeoutError))
        return is_late and pool is not None and not pool.can_get_connection()

    async def disconnect(self) -> None:
        """Do nothing: the application owns the connections."""

    async def close(self) -> None:
        """Do nothing: the application owns the client."""


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
