"""`Pacing`: limit how often a user is sent mail that a stranger can ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Generic

from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.mail.delivery import Delivery
from piccolo_api_fastapi.mail.message import Message
from piccolo_api_fastapi.mail.messages import AlreadyRegistered
from piccolo_api_fastapi.users import Users, UserT

from . import pacing_queries as queries
from .addresses import Addresses
from .pacing_queries import Sending

TICKETS = 5
"""
How many statements on a user there are beside those of `may_send`, for as much work as that of a
link and a code: a statement that changes nothing takes a little less time than one that inserts.
"""


class Attempt:
    """
    One message for which `Pacing.may_send` returned True.

    Args:
        deliver: Sends messages.
    """

    def __init__(self, deliver: Delivery) -> None:
        self._deliver = deliver
        self.has_failed = True

    async def send(self, message: Message) -> None:
        """Send the message. If that fails, the next request may send another at once."""
        self.has_failed = not await self._deliver(message)

    def skip(self) -> None:
        """Send nothing, and count it as sent."""
        self.has_failed = False


class Pacing(Generic[UserT]):
    """
    At most one message of each kind to a user within an interval.

    Args:
        addresses: The addresses of the users.
        deliver: Sends messages.
        interval: The shortest time between two messages of one kind.
    """

    def __init__(self, addresses: Addresses[UserT], deliver: Delivery, interval: timedelta) -> None:
        self._users: Users[UserT] = addresses.users
        self._status = addresses.status
        self.deliver = deliver
        self._interval = interval

    async def may_send(self, user: UserT, sending: Sending) -> bool:
        """
        Whether enough time has passed since the last message of this kind. If so, the interval
        starts anew.

        Raises:
            InvalidCredentials: The user was deleted in the meantime.
        """
        key, now = primary_key(user), self._users.clock()
        async with transaction(self._status):
            await self._users.lock(key)
            since = now - self._interval
            return await queries.may_send(
                self._status, key, user.email, sending, now=now, since=since
            )

    async def rehearse(self, *, tickets: int) -> None:
        """
        Do the work of a message without one. Call it for an address that nobody has: work after
        the response slows the next request, which would reveal that a message was sent.

        Args:
            tickets: How many tickets the message would carry: links and codes.
        """
        now = self._users.clock()
        await queries.rehearse(self._status, now=now, since=now - self._interval)
        await self.rehearse_tickets(tickets)

    async def rehearse_tickets(self, tickets: int) -> None:
        """Do the part of `rehearse` that follows `may_send`."""
        await queries.rehearse_tickets(self._status, tickets=tickets, now=self._users.clock())

    @asynccontextmanager
    async def attempt(self, user: UserT, sending: Sending) -> AsyncIterator[Attempt]:
        """
        Send a message for which `may_send` returned True.

        If the block raises, or the message could not be sent, the interval is forgotten and the
        next request may send another message at once.
        """
        attempt = Attempt(self.deliver)
        try:
            yield attempt
        finally:
            if attempt.has_failed:
                before = self._users.clock() - self._interval
                await queries.forget_sending(self._status, primary_key(user), sending, before)

    async def tell_owner(self, owner: UserT) -> bool:
        """
        Tell the owner of an address that someone else wants to use it, but not too often.
        Returns False if the message could not be sent.

        This runs as many statements as a link and a code for a new user.
        """
        async with transaction(self._status):
            for _ in range(TICKETS):
                await self._users.lock(primary_key(owner))
            may_send = await self.may_send(owner, "notice")
        if not may_send:
            return True
        whom: Any = {"username": owner.username, "user": primary_key(owner)}
        message = AlreadyRegistered(to=owner.email, at=self._users.clock(), **whom)
        async with self.attempt(owner, "notice") as attempt:
            await attempt.send(message)
        return not attempt.has_failed
