"""`Addresses`: look up the owner of an e-mail address, and lock it in a transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.errors import InvalidCredentials, InvalidTicket
from piccolo_api_fastapi.users import Users, UserT
from piccolo_api_fastapi.users.identifiers import folded_email, normal_email

from . import change_queries, verification_queries
from .tables import EmailStatus

ATTEMPTS = 10
"""How often a link may be presented, so that a user can correct a form and send it again."""


@dataclass(frozen=True, slots=True)
class Caller(Generic[UserT]):
    """
    The signed-in user who opens a link, and the request that presents their credential.

    Args:
        identity: The caller and their credential.
        guard: The guard that found them.
        request: The request that presents the credential.
        response: The response, which may set a new cookie.
    """

    identity: Identity[UserT]
    guard: Guard[UserT]
    request: Request
    response: Response

    def is_(self, user: Any) -> bool:
        """Whether the caller is the user with this primary key."""
        return bool(primary_key(self.identity.user) == user)

    async def renew(self) -> None:
        """
        Give the caller's credential a new secret.

        Raises:
            AuthError: The credential was revoked in the meantime.
        """
        await self.guard.renew(self.identity, self.request, self.response)


class Addresses(Generic[UserT]):
    """
    The e-mail addresses of users, and what their owners lose when an address is proved.

    Args:
        users: The users whose addresses these are.
    """

    def __init__(self, users: Users[UserT]) -> None:
        self.users = users
        self.status = bound(EmailStatus, users.table)

    async def find(self, email: str) -> UserT | None:
        """
        The user with this address. A username that equals the address does not count.

        Raises:
            Unprocessable: The text is not an e-mail address.
        """
        address = normal_email(email)
        user = await self.users.find(address)
        return user if user is not None and folded_email(user.email) == address else None

    async def get(self, user: Any) -> UserT:
        """
        The user whose primary key a ticket stores.

        Raises:
            InvalidTicket: The user was deleted in the meantime.
        """
        found = await self.users.get(user)
        if found is None:
            raise InvalidTicket
        return found

    async def hold(self, user: Any, email: str, caller: Caller[UserT] | None = None) -> None:
        """
        Lock the row of a user until the open transaction ends, if the address is still theirs.

        The user must be active, or become active by this verification. If the address was never
        verified, the user's second factors are deleted. Links that give the account back to the
        owner of another address end, because this one has been proved.

        Args:
            user: The primary key of the user.
            email: The address.
            caller: The signed-in user. Their own second factors are kept.

        Raises:
            InvalidTicket: The address is no longer theirs, or the user is disabled.
        """
        held = await change_queries.hold_address(self.users.table, user, email)
        if not held or not (held["active"] or await self._waits(user, email, held["last_login"])):
            raise InvalidTicket
        await self.users.prove_mailbox(user, email)
        await self.end_factors_of_new(user, caller)

    async def lock(self, user: Any) -> None:
        """
        Lock the row of a user until the open transaction ends.

        Raises:
            InvalidTicket: The user was deleted in the meantime.
        """
        try:
            await self.users.lock(user)
        except InvalidCredentials:
            raise InvalidTicket from None

    async def waits(self, user: UserT) -> bool:
        """Whether a user is inactive only until the address is verified."""
        return await self._waits(primary_key(user), user.email, user.last_login)

    async def _waits(self, user: Any, email: str, last_login: datetime | None) -> bool:
        """A user who has signed in was active. If they are inactive now, someone disabled them."""
        return last_login is None and await verification_queries.is_waiting(
            self.status, user, email
        )

    async def end_factors_of_new(self, user: Any, caller: Caller[UserT] | None) -> None:
        """
        Delete the second factors of an account that never had a verified address.

        The caller keeps their own factors, unless the address was registered more than once.
        """
        is_own = caller is not None and caller.is_(user)
        await change_queries.end_factors_of_new(
            self.users.table, self.status, user, only_if_contested=is_own
        )

    async def end_others(
        self, user: UserT, caller: Caller[UserT] | None, *, everything: bool
    ) -> None:
        """
        Revoke the user's credentials, except the one that the caller presents if it is theirs.
        That one gets a new secret.

        Args:
            user: The user.
            caller: The signed-in user, who may be someone else.
            everything: Whether to revoke API tokens that survive a password change, too.
        """
        key = primary_key(user)
        own = caller if caller is not None and caller.is_(key) else None
        keep = None if own is None else own.identity.credential_id
        await self.users.credentials.end(key, keep=keep, everything=everything)
        if own is not None:
            await own.renew()
