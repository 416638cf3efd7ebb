"""What is done with tickets: issue, present, burn and sweep."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.errors import ConfigurationError, InvalidTicket
from piccolo_api_fastapi.users import Users

from .tables import Ticket

TICKET_TOKEN = OpaqueToken("tkt")


class Tickets:
    """
    The tickets of one purpose.

    They are credentials: a password change and its like end them.

    Args:
        users: Whose.
        purpose: Kept with each ticket; one of another purpose is unknown here.
        lifetime: How long one is good.
        attempts: How often one may be presented, right or wrong.
        table: The table; by default the one bound to the users' table.

    Raises:
        ConfigurationError: The purpose is too long, or a ticket would never be good.
    """

    def __init__(
        self,
        users: Users[Any],
        purpose: str,
        *,
        lifetime: timedelta,
        attempts: int,
        table: type[Ticket] | None = None,
    ) -> None:
        self.users = users
        self.purpose = purpose
        self.lifetime = lifetime
        self.attempts = attempts
        self.table = table or bound(Ticket, users.table)
        if lifetime <= timedelta(0) or attempts < 1:
            raise ConfigurationError(
                "A ticket lives for some time and can be presented once at least."
            )
        if not 0 < len(purpose) <= (self.table.purpose.length or 0):
            raise ConfigurationError("The purpose of a ticket has 1 to 32 characters.")

    async def issue(self, user: Any, data: str = "", *, replace: bool = False) -> str:
        """
        A new ticket.

        Args:
            user: The primary key of the user.
            data: What it is bound to; given back when it is presented.
            replace: Whether the user's older ones of this purpose end.

        Returns:
            The secret. Show it once.

        Raises:
            InvalidCredentials: There is no such user any more.
        """
        table, now, token = self.table, self.users.clock(), TICKET_TOKEN.generate()
        row = table(
            id=uuid4(),
            digest=TICKET_TOKEN.digest(token),
            purpose=self.purpose,
            user=user,
            data=data,
            attempts=0,
            created_at=now,
            expires_at=now + self.lifetime,
        )
        async with store(), transaction(table):
            # Or of several at once none would see what the others insert.
            await self.users.lock(user)
            if replace:
                await self.end(user)
            await table.insert(row)
        return token

    async def present(self, token: str) -> Ticket:
        """
        The ticket of a secret. That it was presented is counted before anything is
        checked, so that guesses made at once count as well.

        Raises:
            InvalidTicket: It is unknown, used, expired or was presented too often.
        """
        table, now = self.table, self.users.clock()
        if (digest := TICKET_TOKEN.digest(token)) is None:
            raise InvalidTicket
        async with store():
            rows = (
                await table.update({table.attempts: table.attempts + 1})
                .where(
                    table.digest == digest,
                    table.purpose == self.purpose,
                    table.used_at.is_null(),
                    table.expires_at > now,
                    table.attempts < self.attempts,
                )
                .returning(*table.all_columns())
            )
        if not rows:
            raise InvalidTicket
        return table(**rows[0], _exists_in_db=True)

    async def burn(self, ticket: Ticket) -> None:
        """
        Use a ticket up; of several at once, one succeeds.

        Raises:
            InvalidTicket: It was used meanwhile, or has ended.
        """
        table, now = self.table, self.users.clock()
        async with store():
            burnt = (
                await table.update({table.used_at: now})
                .where(table.id == ticket.id, table.used_at.is_null(), table.expires_at > now)
                .returning(table.id)
            )
        if not burnt:
            raise InvalidTicket

    async def uphold(self, ticket: Ticket) -> None:
        """
        Make sure that a ticket was not ended, used or not, for what is issued on it.

        Raises:
            InvalidTicket: It was: the password or a factor was changed since.
        """
        async with store():
            exists = await self.table.exists().where(self.table.id == ticket.id)
        if not exists:
            raise InvalidTicket

    async def end(self, user: Any) -> None:
        """End all tickets of a user for this purpose."""
        table = self.table
        async with store():
            await table.delete().where(table.user == user, table.purpose == self.purpose)


async def delete_expired_tickets(
    table: type[Ticket] = Ticket, *, now: datetime, batch: int = 500
) -> int:
    """Delete expired tickets. Returns the number of rows."""
    return await delete_expired_rows(table, now=now, batch=batch)
