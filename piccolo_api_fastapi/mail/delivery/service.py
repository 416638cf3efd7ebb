"""`Delivery`: sends messages, and sends those again that failed."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, logger
from piccolo_api_fastapi.mail.messages import LinkMessage, Mail, Message
from piccolo_api_fastapi.users import Users

from . import queries as service
from .tables import UnsentMail

_STORED_APART = frozenset({"to", "username", "user", "at", "link", "expires_at"})

Relink: TypeAlias = Callable[[Any, str], Awaitable[tuple[str, datetime] | None]]
"""Returns a new link for a user and an address, and when it expires; `None` if there is none."""


class Delivery:
    """
    Sends messages by `mail`. A failure raises nothing; it is the event `sys_mail_fail`.

    An unsent message whose class says `is_kept` is stored. `retry` sends it again, and so does
    every message that reaches the same user. A message that must not be lost is stored before it
    is sent. If the server stops between sending a message and deleting it, it is sent twice.

    Args:
        mail: The service that sends messages.
        users: The users that get them.
        relink: By the class of a message with a link: a function that returns a new link, since
            links are never stored.
    """

    def __init__(
        self,
        mail: Mail,
        users: Users[Any],
        relink: Mapping[type[LinkMessage], Relink] | None = None,
    ) -> None:
        self.users = users
        self.table = bound(UnsentMail, users.table)
        self._mail = mail
        self._relink = {kind.__name__: link for kind, link in (relink or {}).items()}
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
        Store a message in the open transaction of the change it is about, for `send_kept`. If the
        server stops before that, `retry` sends it.
        """
        due = self.users.clock() + service.INTERVAL
        return Kept(message, await self._keep(message, due))

    async def send_kept(self, kept: "Kept") -> None:
        """Make the first attempt to send a message that `keep` stored."""
        is_sent = await self._send(kept.message)
        async with store():
            if is_sent:
                await service.forget(self.table, kept.row)
            else:
                await service.make_due(self.table, kept.row, self.users.clock())
        if is_sent:
            await self.retry(kept.message.user)

    async def retry(self, user: Any) -> None:
        """Send the messages to a user that could not be sent before and are due."""
        kinds = {name: kind for name, kind in _kinds(Message) if self._keeps(kind)}
        async with store():
            rows = await service.claim(self.table, user, kinds, self.users.clock())
        owner = await self.users.get(user) if rows else None
        for row in rows:
            message = await self._restore(kinds[row["kind"]], row, owner.username if owner else "")
            if message is None or await self._send(message, row["attempts"]):
                async with store():
                    await service.forget(self.table, row["id"])

    def on_event(self, event: AuthEvent) -> None:
        """Retry the unsent messages of the user who caused an event, beside the request."""
        if event.user is not None and not event.name.startswith("sys_"):
            self.beside(self.retry, event.user)

    def beside(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Start work in a task of its own, beside the request."""
        task = asyncio.create_task(quietly(work, *arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait until all work beside requests is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _send(self, message: Message, attempts: int = 1) -> bool:
        # Otherwise a stranger could mail anybody a text of their choice as the username.
        async with store():
            is_verified = await self.users.has_verified(message.user, message.to)
        try:
            await self._mail(message if is_verified else message.to_stranger())
        except Exception as error:  # noqa: BLE001 - any client of any service
            name, kind = type(error).__name__, type(message).__name__
            data = {"message": kind, "error": name, "attempts": attempts}
            await emit(AuthEvent("sys_mail_fail", self.users.clock(), message.user, data))
            return False
        return True

    async def _keep(self, message: Message, due: datetime) -> UUID:
        names = [field.name for field in fields(message) if field.name not in _STORED_APART]
        values = {
            "user": message.user,
            "kind": type(message).__name__,
            "recipient": message.to,
            "data": json.dumps({name: getattr(message, name) for name in names}),
        }
        async with store():
            return await service.keep(self.table, values, at=message.at, due=due)

    async def _restore(
        self, kind: type[Message], row: dict[str, Any], username: str
    ) -> Message | None:
        whom = {"to": row["recipient"], "username": username, "user": row["user"], "at": row["at"]}
        values = json.loads(row["data"])
        if (relink := self._relink.get(row["kind"])) is not None:
            if (found := await relink(row["user"], row["recipient"])) is None:
                return None
            values["link"], values["expires_at"] = found
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
        row: The primary key of its row, which does not hold its link.
    """

    message: Message
    row: UUID


async def quietly(work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    """Do work after the response. A failure is logged, since no caller waits for it."""
    try:
        await work(*arguments)
    except Exception:  # noqa: BLE001 - the response is sent
        logger.exception("%s failed after the response was sent.", work.__name__)
