"""`Links`: the accounts at providers that users have linked."""

import json
from collections.abc import Sequence
from typing import Any, Generic
from uuid import UUID

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import (
    AlreadyLinked,
    InvalidTicket,
    LastWayIn,
    LoginFlowUnknown,
    NotFound,
)
from piccolo_api_fastapi.login.mfa.passkeys import Passkey
from piccolo_api_fastapi.login.tickets import Tickets
from piccolo_api_fastapi.mail.notices import NewFactor, declare_notices
from piccolo_api_fastapi.users import Users, UserT

from . import queries
from .flows import LIFETIME
from .providers import OAuthProvider, ProviderIdentity
from .tables import OAuthAccount

LINKED, UNLINKED = "authn_oauth_linked", "authn_oauth_unlinked"

PRESENTED = 5
"""How often a confirmation may be sent, so that a user can present a factor in between."""

declare_notices(
    {
        LINKED: NewFactor("An account at {provider} was linked to it, and signs you in."),
        UNLINKED: "Your account at {provider} no longer signs you in.",
    }
)


class Links(Generic[UserT]):
    """
    The linked accounts of users.

    Args:
        users: The users.
    """

    def __init__(self, users: Users[UserT]) -> None:
        self._users = users
        self.table = bound(OAuthAccount, users.table)
        self._passkeys = bound(Passkey, users.table)
        self._proposals = Tickets(users, "oauth confirm", lifetime=LIFETIME, attempts=PRESENTED)

    async def find(self, identity: ProviderIdentity) -> OAuthAccount | None:
        """Return the linked account of an identity, whoever has it."""
        digest = queries.digest_of(identity.issuer, identity.subject)
        return await queries.find(self.table, digest)

    async def has_one(self, user: BaseUser, provider: OAuthProvider) -> bool:
        """Whether a user has linked an account at a provider."""
        return await queries.has_slot(self.table, queries.slot_of(primary_key(user), provider.name))

    async def list(self, user: BaseUser) -> Sequence[OAuthAccount]:
        """List the linked accounts of a user, the oldest first."""
        return await queries.of_user(self.table, primary_key(user))

    async def put(
        self,
        user: BaseUser,
        provider: str,
        identity: ProviderIdentity,
        event: str = LINKED,
    ) -> OAuthAccount | None:
        """
        Link an account in the open transaction.

        Args:
            user: The user.
            provider: The name of the provider.
            identity: The account.
            event: The name of the event that tells of it.

        Returns:
            The linked account; `None` if somebody has it, or the user has another.
        """
        key, now = primary_key(user), self._users.clock()
        row = await queries.add(
            self.table,
            {
                "user": key,
                "provider": provider,
                "issuer": identity.issuer,
                "subject": identity.subject,
                "digest": queries.digest_of(identity.issuer, identity.subject),
                "slot": queries.slot_of(key, provider),
                "email": identity.email,
                "email_verified": identity.email_verified,
                "linked_at": now,
            },
        )
        if row is not None:
            await emit(AuthEvent(event, now, key, {"provider": provider}))
        return row

    async def add(
        self,
        user: UserT,
        provider: str,
        identity: ProviderIdentity,
        *,
        keep: Any = None,
    ) -> OAuthAccount:
        """
        Link an account to a user who asked for it. Every other credential of the user ends.

        Args:
            user: The user.
            provider: The name of the provider.
            identity: The account.
            keep: The id of the credential of the caller, which is kept.

        Raises:
            AlreadyLinked: Somebody has linked it, or the user has linked another.
            InvalidCredentials: The user was deleted meanwhile.
        """
        key = primary_key(user)
        async with transaction(self.table):
            await self._users.lock(key)
            row = await self.put(user, provider, identity)
            if row is None:
                raise AlreadyLinked
            await self._users.credentials.end(key, keep=keep)
        return row

    async def remove(self, user: UserT, account: UUID, *, keep: Any = None) -> None:
        """
        Unlink an account. Every other credential of the user ends, and with them links that wait
        to be confirmed.

        Args:
            user: The user; an administrator can pass any user.
            account: The linked account.
            keep: The id of a credential to keep: that of the caller.

        Raises:
            NotFound: The user has no such account.
            LastWayIn: The user has no password, no passkey that logs in and no other account.
            InvalidCredentials: The user was deleted meanwhile.
        """
        key, now = primary_key(user), self._users.clock()
        async with transaction(self.table):
            await self._users.lock(key)
            has_other_way = await self._has_password(key) or await self._has_passkey(key)
            name = await queries.remove(self.table, key, account, has_other_way=has_other_way)
            if name is None:
                own = {row.id for row in await queries.of_user(self.table, key)}
                raise LastWayIn if account in own else NotFound
            await self._users.credentials.end(key, keep=keep)
            await emit(AuthEvent(UNLINKED, now, key, {"provider": name}))

    async def _has_password(self, user: Any) -> bool:
        """Whether a user, disabled or not, has a password. An empty hash matches none."""
        account = await self._users.passwords.lookup.get(user)
        return account is not None and bool(account.encoded)

    async def _has_passkey(self, user: Any) -> bool:
        """Whether a user has a passkey that logs in: a key that is only touched does not."""
        own = self._passkeys.user == user
        return await self._passkeys.exists().where(own, self._passkeys.verifies_user.eq(value=True))

    async def propose(
        self, user: BaseUser, provider: OAuthProvider, identity: ProviderIdentity
    ) -> str:
        """
        Let a link wait until the user has signed in.

        Args:
            user: The user who may confirm it.
            provider: The provider.
            identity: The account, which alone can be linked by it.

        Returns:
            The secret, for the browser that has proved to be this account.
        """
        told = (identity.issuer, identity.subject, identity.email, identity.email_verified)
        data = json.dumps([provider.name, *told])
        return await self._proposals.issue(primary_key(user), data, replace=True)

    async def confirm(self, user: UserT, token: str, *, keep: Any = None) -> OAuthAccount:
        """
        Link the account that waits.

        Args:
            user: The user, who has signed in.
            token: The secret.
            keep: The id of the credential of the caller, which is kept.

        Raises:
            LoginFlowUnknown: It waits for another user, or was confirmed, or has ended.
            AlreadyLinked: Somebody has linked the account, or the user has linked another.
        """
        key = primary_key(user)
        async with transaction(self.table):
            await self._users.lock(key)
            try:
                ticket = await self._proposals.present(token)
            except InvalidTicket:
                raise LoginFlowUnknown from None
            if ticket.user != key:
                raise LoginFlowUnknown
            await self._proposals.burn(ticket)
            provider, issuer, subject, email, verified = json.loads(ticket.data)
            identity = ProviderIdentity(
                issuer=issuer, subject=subject, email=email, email_verified=verified
            )
            return await self.add(user, provider, identity, keep=keep)
