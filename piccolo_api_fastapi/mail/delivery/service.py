"""`Delivery`: sends messages, and retries those that failed."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, logger
from piccolo_api_fastapi.mail.message import LinkMessage, Mail, Message
from piccolo_api_fastapi.mail.wording import Wording
from piccolo_api_fastapi.users import Users

from . import queries
from .tables import UnsentMail

_STORED_APART = {field.name for field in fields(Message)} | {"link", "expires_at"}

Relink: TypeAlias = Callable[[Any, str, datetime], Awaitable[tuple[str, datetime] | None]]
"""
Returns a new link for a user, an address and the time of a message, and when the link expires; or
`None` if there is none.
"""

_replacement: Mail | None = None

_CHANCE = random.SystemRandom()


def replace_mail(mail: Mail | None) -> Mail | None:
    """Send all messages of the process through `mail`, for tests. Returns the previous one."""
    global _replacement
    previous, _replacement = _replacement, mail
    return previous


async def post(mail: Mail, message: Message) -> None:
    """Send one message. A failure raises what `mail` raises."""
    await (_replacement or mail)(message)


class Delivery:
    """
    Sends messages through `mail`. A failure emits the event `sys_mail_fail` and raises nothing.

    Failed notices are stored, and retried by `retry` and after the next message that is sent to
    the same user. Messages that must not be lost are stored before they are sent. A message is
    sent twice if the process dies before it records the success.

    Args:
        mail: The callable that sends a message.
        users: The users who get messages.
        relink: For each kind of message with a link, the function that returns a new link,
            because links are not stored.
        wording: The name of the product, and texts of the application's own.
        spread: The time after a response within which `later` runs a function.
    """

    def __init__(
        self,
        mail: Mail,
        users: Users[Any],
        relink: Mapping[type[Message], Relink] | None = None,
        wording: Wording | None = None,
        spread: timedelta = timedelta(0),
    ) -> None:
        self.users = users
        self.table = bound(UnsentMail, users.table)
        self._mail = mail
        self._wording = wording or Wording()
        self._relink = {kind.__name__: link for kind, link in (relink or {}).items()}
        self._spread = spread.total_seconds()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, message: Message) -> bool:
        """Send a message. Returns whether it was sent."""
        if await self._send(message):
            if message.user is not None:
                await self.retry(message.user)
            return True
        if self._keeps(type(message)) and await self.users.get(message.user) is not None:
            await self._keep(message, message.at)
        return False

    async def keep(self, message: Message) -> "Kept":
        """
        Store a message in the open transaction, for `send_kept` after the commit. If the process
        dies in between, `retry` sends the message.
        """
        due = self.users.clock() + queries.INTERVAL
        return Kept(message, await self._keep(message, due))

    async def owe(self, message: Message) -> None:
        """
        Store a message in the open transaction. `retry` sends it after the commit; if the request
        or the process ends before, the next `retry` for the user does.
        """
        await self._keep(message, self.users.clock(), attempts=0)

    async def send_kept(self, kept: "Kept") -> None:
        """Send a message that `keep` stored, for the first time."""
        if await self._send(kept.message):
            await queries.forget(self.table, kept.row)
            await self.retry(kept.message.user)
        else:
            await queries.make_due(self.table, kept.row, self.users.clock())

    async def retry(self, user: Any) -> None:
        """Send the stored messages of a user that are due."""
        kinds = {name: kind for name, kind in _kinds(Message) if self._keeps(kind)}
        rows = await queries.claim(self.table, user, kinds, self.users.clock())
        owner = await self.users.get(user) if rows else None
        for row in rows:
            message = await self._restore(kinds[row["kind"]], row, owner.username if owner else "")
            if message is None or await self._send(message, row["attempts"]):
                await queries.forget(self.table, row["id"])
            else:
                await queries.make_due(self.table, row["id"], self.users.clock())

    def on_event(self, event: AuthEvent) -> None:
        """
        Retry the messages of a user in the background when the user does something.

        Failures do not count: whoever guesses at an account must not see that there is one, by
        the time that this takes.
        """
        is_owner = event.outcome == "success" and not event.name.startswith("sys_")
        if event.user is not None and is_owner:
            self.beside(self.retry, event.user)

    async def later(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """
        Run a function after the response, at a random moment within `spread`.

        What runs slows other requests down. If it ran at once, whoever measures their next request
        would see whether there was a message to send. A `mail` whose attribute `at_once` is true
        is for demos and tests: then nothing waits.
        """
        if not getattr(_replacement or self._mail, "at_once", False):
            await asyncio.sleep(_CHANCE.uniform(0, self._spread))
        await quietly(work, *arguments)

    def beside(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Run a function in the background."""
        in_a_task(self._tasks, work, *arguments)

    async def wait(self) -> None:
        """Wait until all background work has ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)  # `gather` would not let the loop go on

    async def _send(self, message: Message, attempts: int = 1) -> bool:
        # Otherwise a stranger could send texts of their choice to others, as a username.
        is_verified = await self.users.has_verified(message.user, message.to)
        try:
            told = message if is_verified else message.to_stranger()
            await post(self._mail, self._wording.apply(told))
        except Exception as error:  # noqa: BLE001 - any client of any service
            name, kind = type(error).__name__, type(message).__name__
            data = {"message": kind, "error": name, "attempts": attempts}
            await emit(AuthEvent("sys_mail_fail", self.users.clock(), message.user, data))
            return False
        return True

    async def _keep(self, message: Message, due: datetime, attempts: int = 1) -> UUID:
        names = [field.name for field in fields(message) if field.name not in _STORED_APART]
        values = {
            "user": message.user,
            "kind": type(message).__name__,
            "recipient": message.to,
            "data": json.dumps({name: getattr(message, name) for name in names}),
        }
        return await queries.keep(self.table, values, at=message.at, due=due, attempts=attempts)

    async def _restore(
        self, kind: type[Message], row: dict[str, Any], username: str
    ) -> Message | None:
        whom = {"to": row["recipient"], "username": username, "user": row["user"], "at": row["at"]}
        values = json.loads(row["data"])
        if (relink := self._relink.get(row["kind"])) is not None:
            if found := await relink(row["user"], row["recipient"], row["at"]):
                values["link"], values["expires_at"] = found
            elif issubclass(kind, LinkMessage):
                return None
        return kind(**whom, **values)

    def _keeps(self, kind: type[Message]) -> bool:
        """Whether unsent messages of this class are stored. No link is, so it needs a new one."""
        return kind.is_kept and (not issubclass(kind, LinkMessage) or kind.__name__ in self._relink)


def _kinds(kind: type[Message]) -> Iterator[tuple[str, type[Message]]]:
    """Each class of messages by its name; of two of one name the one declared last counts."""
    for one in kind.__subclasses__():
        yield one.__name__, one
        yield from _kinds(one)


@dataclass(frozen=True, slots=True)
class Kept:
    """
    A message that is stored until it is sent.

    Args:
        message: The message.
        row: The primary key of its row, which has no link.
    """

    message: Message
    row: UUID


def in_a_task(
    running: set[asyncio.Task[None]], work: Callable[..., Awaitable[Any]], *arguments: Any
) -> asyncio.Task[None]:
    """
    Start a function in a task of its own. Errors are logged.

    Args:
        running: Keeps the task until it ends: the event loop keeps no reference to it.
        work: The async function.
        arguments: Its arguments.
    """
    task = asyncio.create_task(quietly(work, *arguments))
    running.add(task)
    task.add_done_callback(running.discard)
    return task


async def quietly(work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    """Run work after the response. Errors are logged, because no caller waits for them."""
    try:
        await work(*arguments)
    except Exception:  # noqa: BLE001 - the response has been sent
        logger.exception("%s failed after the response was sent.", work.__name__)
