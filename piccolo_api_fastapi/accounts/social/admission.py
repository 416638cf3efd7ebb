"""`Admission`: find or make the user of an account at a provider, as `decide` says."""

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic

from piccolo_api_fastapi.accounts.mailboxes import change_queries
from piccolo_api_fastapi.accounts.service import Accounts
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.errors import (
    AccountExists,
    Conflict,
    IdentityTaken,
    InvalidCredentials,
    InvalidTicket,
    NoAccount,
    Unprocessable,
    ValueTaken,
)
from piccolo_api_fastapi.mail.messages import SecondFactorChanged
from piccolo_api_fastapi.users import UserT
from piccolo_api_fastapi.users.identifiers import own_username

from .decisions import Decision, Linking, Owner, Situation, decide
from .links import LINKED, Links
from .providers import OAuthProvider, ProviderIdentity
from .tables import OAuthAccount

TRIES = 4
"""How often it is decided anew because another request changed what was decided on."""


class Raced(Exception):
    """Another request changed what was decided on."""


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """
    The user must sign in to the account that has the address, to confirm the link.

    Args:
        token: The secret of the link that waits, for the cookie of the browser.
    """

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Found(Generic[UserT]):
    """What was found: the situation, the linked account, and the owner of the address."""

    situation: Situation
    account: OAuthAccount | None
    owner: UserT | None


class Admission(Generic[UserT]):
    """
    Finds or makes users.

    Args:
        accounts: The accounts, with mail.
        links: The linked accounts.
        sign_up: Whether users who have no account get one.
        linking: What happens to a user whose address is known.
    """

    def __init__(
        self, accounts: Accounts[UserT], links: Links[UserT], *, sign_up: bool, linking: Linking
    ) -> None:
        self._accounts = accounts
        self._users = accounts.users
        self._mailboxes = accounts.mailboxes
        self._links = links
        self._sign_up = sign_up
        self._linking: Linking = linking

    async def admit(
        self, provider: OAuthProvider, identity: ProviderIdentity
    ) -> OAuthAccount | Unconfirmed:
        """
        Return the linked account of a user who comes from a provider, linked now if need be.

        Args:
            provider: The provider.
            identity: The user, as the provider describes them.

        Raises:
            NoAccount: They have no account, and get none.
            AccountExists: Their address belongs to an account that they can't link.
            InvalidCredentials: That account is disabled.
            Conflict: Other requests changed the account again and again.
        """
        for _ in range(TRIES):
            found = await self._look(provider, identity)
            decision = decide(found.situation, sign_up=self._sign_up, linking=self._linking)
            try:
                return await self._carry_out(decision, provider, identity, found)
            except Raced:
                continue
        raise Conflict

    async def _look(self, provider: OAuthProvider, identity: ProviderIdentity) -> _Found[UserT]:
        account = await self._links.find(identity)
        owner = None
        if account is None and identity.email is not None and identity.email_verified:
            owner = await self._mailboxes.addresses.find(identity.email)
            if owner is not None:  # perhaps just made, by another request of this very user
                account = await self._links.find(identity)
        has_another = owner is not None and await self._links.has_one(owner, provider)
        standing = await self._standing(owner)
        vouched = identity.email_verified
        return _Found(
            Situation(account is not None, vouched, standing, has_another), account, owner
        )

    async def _standing(self, owner: UserT | None) -> Owner:
        if owner is None:
            return "nobody"
        if await self._users.has_verified_email(owner):
            return "verified"
        return "registered" if await self._mailboxes.verification.is_new(owner) else "other"

    async def _carry_out(
        self,
        decision: Decision,
        provider: OAuthProvider,
        identity: ProviderIdentity,
        found: _Found[UserT],
    ) -> OAuthAccount | Unconfirmed:
        if found.account is not None:
            return found.account
        if decision == "refuse":
            raise NoAccount
        if found.owner is None:
            return await self._sign_up_by(provider, identity)
        if decision == "exists":
            raise AccountExists
        if decision == "confirm":
            return Unconfirmed(await self._links.propose(found.owner, provider, identity))
        carry_out = self._link if decision == "link" else self._take_over
        try:
            return await carry_out(found.owner, provider, identity)
        except InvalidTicket:  # the address is no longer theirs, or they are disabled
            raise InvalidCredentials from None

    async def _sign_up_by(
        self, provider: OAuthProvider, identity: ProviderIdentity
    ) -> OAuthAccount:
        """Make a user without a password. Their address is stored if it is verified."""
        email = self._usable(identity)
        try:
            async with transaction(self._users.table):
                user = await self._users.create(await self._username(email), email=email)
                if email is not None:
                    await self._mailboxes.verification.mark_verified(primary_key(user), email)
                return await self._linked(user, provider, identity)
        except (IdentityTaken, ValueTaken):
            raise Raced from None

    def _usable(self, identity: ProviderIdentity) -> str | None:
        """Return the address, if it is verified and can be that of a new user."""
        if identity.email is None or not identity.email_verified:
            return None
        try:
            return self._users.new_email(identity.email)
        except Unprocessable:
            return None

    async def _username(self, email: str | None) -> str:
        """Return the address as username, unless it can't be one or is somebody's already."""
        if email is not None and await self._users.find(email) is None:
            with suppress(Unprocessable):
                return own_username(email, self._users.table.username.length, email)
        return f"user-{secrets.token_hex(8)}"

    async def _link(
        self, owner: UserT, provider: OAuthProvider, identity: ProviderIdentity
    ) -> OAuthAccount:
        """Link the account to the user who has its verified address, and tell them by mail."""
        key, now = primary_key(owner), self._users.clock()
        async with transaction(self._users.table):
            held = await change_queries.hold_address(self._users.table, key, owner.email)
            if not held or not held["active"]:
                raise InvalidTicket
            account = await self._linked(owner, provider, identity, "authn_oauth_linked_by_email")
            undo = await self._mailboxes.change.undo_link(owner, now)
            change = f"Your account at {provider.title} was linked to it, and signs you in."
            to: Any = {"to": owner.email, "username": owner.username, "user": key, "at": now}
            link: Any = {} if undo is None else undo._asdict()
            await self._mailboxes.send.owe(SecondFactorChanged(**to, change=change, **link))
        await self._accounts.send_owed(owner)
        return account

    async def _take_over(
        self, owner: UserT, provider: OAuthProvider, identity: ProviderIdentity
    ) -> OAuthAccount:
        """
        Give an account to the owner of its address, which whoever registered it never proved:
        all that they set up ends.
        """
        key = primary_key(owner)
        async with transaction(self._users.table):
            await self._mailboxes.addresses.hold(key, owner.email)
            before = await self._mailboxes.verification.mark_verified(key, owner.email)
            if not before.is_new:
                raise Raced  # verified meanwhile, and so perhaps by its owner
            await self._users.store_password(owner, None, everything=True)
            return await self._linked(owner, provider, identity)

    async def _linked(
        self,
        user: UserT,
        provider: OAuthProvider,
        identity: ProviderIdentity,
        event: str = LINKED,
    ) -> OAuthAccount:
        """Link an account in the open transaction."""
        account = await self._links.put(user, provider.name, identity, event)
        if account is None:
            raise Raced
        return account
