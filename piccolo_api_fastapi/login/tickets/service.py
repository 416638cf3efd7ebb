"""`Tickets`: issue, present and use up tickets of one purpose."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.errors import ConfigurationError, InvalidTicket
from piccolo_api_fastapi.users import Users

from .tables import Ticket

TICKET_TOKEN = OpaqueToken("tkt")
TICKET_PREFIX = f"{TICKET_TOKEN.prefix}_"


@configured
class Tickets:
    """
    The tickets of one purpose.

    ```python
    from datetime import timedelta
    from piccolo_api_fastapi import Tickets, Users

    users = Users()
    invitations = Tickets(users, "invitation", lifetime=timedelta(days=1), attempts=3)
    user = await users.create("emmy", "correct horse battery")
    token = await invitations.issue(user.id, "emmy@example.com")
    ticket = await invitations.present(token)
    assert ticket.data == "emmy@example.com"
    await invitations.burn(ticket)
    ```

    Tickets are credentials: whatever ends the credentials of a user, such as a new password,
    ends their tickets too.

    Args:
        users: The users that tickets are issued to.
        purpose: The purpose, 1 to 32 characters. A ticket is invalid for any other purpose.
        lifetime: How long a ticket is valid.
        attempts: How often a ticket can be presented.
        table: The table; by default the one bound to the users' table.

    Raises:
        ConfigurationError: The purpose is too long, or no ticket would ever be valid.
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
            raise ConfigurationError("lifetime must be longer than zero, and attempts at least 1.")
        if not 0 < len(purpose) <= (self.table.purpose.length or 0):
            raise ConfigurationError("The purpose of a ticket must have 1 to 32 characters.")

    async def issue(self, user: Any, data: str = "", *, replace: bool = False) -> str:
        """
        Issue a ticket.

        Args:
            user: The primary key of the user; `None` while it is not known who it is.
            data: The data that the ticket is bound to, such as an address.
            replace: Whether the user's older tickets of this purpose end. Those of nobody stay.

        Returns:
            The token. Show it once.

        Raises:
            InvalidCredentials: The user was deleted.
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
        async with transaction(table):
            # Without the lock, several calls at once would not see the rows of each other.
            if user is not None:
                await self.users.lock(user)
            if replace and user is not None:
                await self.end(user)
            await table.insert(row)
        return token

    async def present(self, token: str) -> Ticket:
        """
        Look up the ticket of a token.

        The attempt is counted in the same statement, so that attempts made at once count too.

        Raises:
            InvalidTicket: The token is unknown, used or expired, or was presented too often.
        """
        table, now = self.table, self.users.clock()
        if (digest := TICKET_TOKEN.digest(token)) is None:
            raise InvalidTicket
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
        Use a ticket up. Of several callers at once, one succeeds.

        Raises:
            InvalidTicket: The ticket was used meanwhile, or has ended.
        """
        table, now = self.table, self.users.clock()
        burnt = (
            await table.update({table.used_at: now})
            .where(table.id == ticket.id, table.used_at.is_null(), table.expires_at > now)
            .returning(table.id)
        )
        if not burnt:
            raise InvalidTicket

    async def uphold(self, ticket: Ticket) -> None:
        """
        Make sure that a ticket has not ended, used or not, before a credential is issued on it.

        Raises:
            InvalidTicket: The password or a factor was changed since.
        """
        exists = await self.table.exists().where(self.table.id == ticket.id)
        if not exists:
            raise InvalidTicket

    async def end(self, user: Any) -> None:
        """End all tickets of a user for this purpose."""
        table = self.table
        await table.delete().where(table.user == user, table.purpose == self.purpose)


async def delete_expired_tickets(
    table: type[Ticket] = Ticket, *, now: datetime, batch: int = 500
) -> int:
    """
    Delete expired tickets. Returns the number of rows.

    ```python
    from piccolo_api_fastapi import delete_expired_tickets
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_expired_tickets(now=utcnow())
    ```
    """
    return await delete_expired_rows(table, now=now, batch=batch)
