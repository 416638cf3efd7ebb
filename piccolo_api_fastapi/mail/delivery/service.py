"""`Delivery`: hands messages to `mail`, and those that failed once more."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, logger
from piccolo_api_fastapi.mail.messages import (
    EmailChanged,
    EmailChangeRequested,
    LinkMessage,
    Mail,
    Message,
    NewSignIn,
    PasswordChanged,
    SecondFactorChanged,
)
from piccolo_api_fastapi.users import Users

from . import queries as service
from .tables import UnsentMail

_TELLING: tuple[type[Message], ...] = (
    PasswordChanged,
    EmailChangeRequested,
    NewSignIn,
    SecondFactorChanged,
)
"""What tells of something: nobody asks for it again."""

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (*_TELLING, EmailChanged)}

_STORED_APART = frozenset({"to", "username", "user", "at", "link", "expires_at"})

Relink: TypeAlias = Callable[[Any, str], Awaitable[tuple[str, datetime] | None]]
"""A fresh link for a user and an address, and its end; `None` if there is none to be had."""


class Delivery:
    """
    Hands messages to `mail`. A failure is an event, `sys_mail_fail`, and nobody's exception.

    What tells of something and failed is kept, and tried again by `retry`, and after every
    message that went out to the same user; what must not be lost is kept before it is sent.
    A message may be sent twice: when the server dies before it notes that it was sent.

    Args:
        mail: Sends them.
        users: Whose mail.
        relink: Gives the messages that have a link another one, since no link is kept.
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
        self._kinds = {*(kind.__name__ for kind in _TELLING), *self._relink}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, message: Message) -> bool:
        """Send a message. Whether it went out."""
        if await self._send(message):
            if message.user is not None:
                await self.retry(message.user)
            return True
        is_kept = type(message).__name__ in self._kinds
        if is_kept and await self.users.get(message.user) is not None:
            await self._keep(message, message.at)
        return False

    async def keep(self, message: Message) -> "Kept":
        """
        Keep a message in the open transaction of what it tells of, for `send_kept`. If the server
        dies before that, `retry` sends it.
        """
        due = self.users.clock() + service.INTERVAL
        return Kept(message, await self._keep(message, due))

    async def send_kept(self, kept: "Kept") -> None:
        """Make the first attempt to send what was kept before."""
        is_sent = await self._send(kept.message)
        async with store():
            if is_sent:
                await service.forget(self.table, kept.row)
            else:
                await service.make_due(self.table, kept.row, self.users.clock())
        if is_sent:
            await self.retry(kept.message.user)

    async def retry(self, user: Any) -> None:
        """Try again what could not be sent to a user and is due."""
        async with store():
            rows = await service.claim(self.table, user, self._kinds, self.users.clock())
        owner = await self.users.get(user) if rows else None
        for row in rows:
            message = await self._restore(row, owner.username if owner else "")
            if message is None or await self._send(message, row["attempts"]):
                async with store():
                    await service.forget(self.table, row["id"])

    def on_event(self, event: AuthEvent) -> None:
        """Try again beside the request of a user who did something."""
        if event.user is not None and not event.name.startswith("sys_"):
            self.beside(self.retry, event.user)

    def beside(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Do something beside the request, and wait for nobody."""
        task = asyncio.create_task(quietly(work, *arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait for what is done beside requests."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _send(self, message: Message, attempts: int = 1) -> bool:
        # Or a stranger could have us write to somebody what they chose for a name.
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

    async def _restore(self, row: dict[str, Any], username: str) -> Message | None:
        whom = {"to": row["recipient"], "username": username, "user": row["user"], "at": row["at"]}
        values = json.loads(row["data"])
        if (relink := self._relink.get(row["kind"])) is not None:
            if (found := await relink(row["user"], row["recipient"])) is None:
                return None
            values["link"], values["expires_at"] = found
        message: Message = _KINDS[row["kind"]](**whom, **values)
        return message


@dataclass(frozen=True, slots=True)
class Kept:
    """
    A message that is kept until it is sent.

    Args:
        message: What.
        row: The primary key of the row that keeps it, without its link.
    """

    message: Message
    row: UUID


async def quietly(work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    """Do what comes after the answer; what goes wrong is logged, since nobody waits for it."""
    try:
        await work(*arguments)
    except Exception:  # noqa: BLE001 - the answer is sent: there is nobody to tell
        logger.exception("What %s had to do after the answer failed.", work.__name__)
