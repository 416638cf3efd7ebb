"""Moves OAuth accounts, so that their users sign in with the same account at a provider."""

import re
from contextlib import suppress
from typing import Any

from piccolo_api_fastapi.accounts.social import OAuthAccount
from piccolo_api_fastapi.accounts.social.queries import add, digest_of, slot_of
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.identifiers import MAXIMUM_LENGTH

from .ledger import Ledger
from .old_tables import OldOAuthAccount, OldTables
from .report import MovedUsers

PROVIDERS: dict[str, tuple[str, re.Pattern[str]]] = {
    # The API for people has the number of the account, which is `sub` in ID tokens, with a prefix.
    "google": ("https://accounts.google.com", re.compile(r"(?:people/)?([0-9]{1,255})")),
    "github": ("https://github.com/login/oauth", re.compile(r"([1-9][0-9]{0,254})")),
}
"""
The issuers of the providers, and the subjects in the ids that httpx-oauth gave to fastapi-users.
Other providers are left: Microsoft, for one, has another id for each application here.
"""


class OAuthAccounts:
    """
    Moves OAuth accounts.

    Args:
        users: The users, who were moved before.
        old: The tables of fastapi-users.
        moved_users: The ledger of users.
        ledger: The ledger of OAuth accounts.
        moved: The report.
    """

    def __init__(
        self,
        users: Users[Any],
        old: OldTables,
        *,
        moved_users: Ledger,
        ledger: Ledger,
        moved: MovedUsers,
    ) -> None:
        self._users = users
        self._old = old
        self._moved_users = moved_users
        self._ledger = ledger
        self._moved = moved
        self._table = bound(OAuthAccount, users.table)

    async def move(self, *, erase: bool) -> None:
        """
        Move the accounts of users who were moved.

        Args:
            erase: Whether to delete the old rows of moved accounts.
        """
        async for batch in self._old.oauth_accounts():
            before = await self._ledger.moved([one.key for one in batch])
            owners = await self._moved_users.moved([one.user for one in batch])
            for old in batch:
                if old.key in before:
                    self._moved.moved_before += 1
                elif not await self._move(old, owners.get(old.user)):
                    self._moved.left[old.provider] += 1
                    continue
                if erase:
                    await self._old.erase_oauth_account(old)
                    self._moved.erased_oauth_accounts += 1

    async def _move(self, old: OldOAuthAccount, owner: str | None) -> bool:
        """Returns `False` if the account can't be moved."""
        known = identity_of(old.provider, old.account)
        user = None if owner is None else await self._find(owner)
        if known is None or user is None:
            return False
        issuer, subject = known
        values = {
            "user": user,
            "provider": old.provider,
            "issuer": issuer,
            "subject": subject,
            "digest": digest_of(issuer, subject),
            "slot": slot_of(user, old.provider),
            "email": old.email if len(old.email) <= MAXIMUM_LENGTH else None,
            "email_verified": False,
            "linked_at": self._users.clock(),
        }
        if (row := await add(self._table, values)) is None:
            return False
        await self._ledger.enter(old.key, row.id)
        self._moved.oauth_accounts += 1
        return True

    async def _find(self, owner: str) -> Any:
        """Return the primary key of a user, unless the user was deleted."""
        key = self._users.table._meta.primary_key.value_type(owner)
        return key if await self._users.get(key) is not None else None


def identity_of(provider: str, account: str) -> tuple[str, str] | None:
    """Return the issuer and the subject of an account, if they are known for certain."""
    with suppress(KeyError):
        issuer, form = PROVIDERS[provider]
        if (match := form.fullmatch(account)) is not None:
            return issuer, match[1]
    return None
