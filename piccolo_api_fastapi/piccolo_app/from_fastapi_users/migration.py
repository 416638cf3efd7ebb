"""Makes users of those of fastapi-users; their passwords stay valid."""

import sqlite3
from collections import Counter
from contextlib import suppress
from typing import Any

from piccolo.columns import UUID

from piccolo_api_fastapi.accounts.mailboxes import EmailStatus
from piccolo_api_fastapi.core.database.outages import is_unusable_value, store
from piccolo_api_fastapi.core.database.progress import advance
from piccolo_api_fastapi.core.database.statements import column_names
from piccolo_api_fastapi.core.database.time_limit import no_time_limit
from piccolo_api_fastapi.core.database.transactions import engine_of, transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    FieldError,
    IdentityTaken,
    Unprocessable,
    ValueTaken,
)
from piccolo_api_fastapi.users import Users, or_default
from piccolo_api_fastapi.users.identifiers import folded_email, folded_username
from piccolo_api_fastapi.users.passwords.foreign import mark_foreign

from .ledger import Ledger
from .oauth_accounts import OAuthAccounts
from .old_tables import FastAPIUsersTables, OldTables, OldUser
from .report import MovedUsers, Refused

_UNFIT = "A value of a further column does not fit."

_NOT_NULL = "23502"

_OWN = {"username", "email", "password", "active", "admin", "superuser"}


class _DryRun(Exception):
    """Rolls the transaction back."""


async def migrate_from_fastapi_users(  # noqa: PLR0913 - configuration, all of it optional
    users: Users[Any] | None = None,
    *,
    source: FastAPIUsersTables | None = None,
    superusers_are_admins: bool = False,
    requires_verification: bool = False,
    without_passwords: bool = False,
    dry_run: bool = False,
    erase: bool = False,
) -> MovedUsers:
    """
    Make users of those of fastapi-users in the same database, in one transaction. The migration
    can run again at any time: a user is moved only once, so a user who was deleted since stays
    deleted, and a changed password stays changed.

    ```python
    from piccolo_api_fastapi.piccolo_app import migrate_from_fastapi_users

    async def migrate() -> None:
        print(await migrate_from_fastapi_users(dry_run=True))
    ```

    OAuth accounts at Google and GitHub are moved, and their users sign in by `SocialLogin`.
    Argon2id and bcrypt hashes are moved. Each is replaced at the next login of its user.

    A user table whose primary key is a UUID keeps UUIDs. Otherwise users get new ids;
    `auth_fastapi_users_moved` has both.

    Args:
        users: The users to add to.
        source: The names of the tables and columns of fastapi-users.
        superusers_are_admins: Whether to set the flag `admin` of superusers, too.
        requires_verification: Whether users who have not verified their address must do so before
            they sign in, as in fastapi-users with the option of this name.
        without_passwords: Whether to move users whose hash can't be moved without it, instead of
            moving nothing at all. They reset the password by mail.
        dry_run: Whether to roll everything back, and only report what would be moved.
        erase: Whether to erase the old hashes of moved users, and to delete the old rows of moved
            OAuth accounts, which have tokens of the provider.

    Raises:
        ConfigurationError: A table or column does not exist; a hash can't be moved; bcrypt
            hashes are found without the extra `fastapi-users`; the users are in the interop mode;
            or a dry run is asked for in an open transaction.
    """
    migration = _Migration(
        or_default(users),
        source or FastAPIUsersTables(),
        superusers_are_admins=superusers_are_admins,
        requires_verification=requires_verification,
        erase=erase,
    )
    table = migration.users.table
    if dry_run and engine_of(table).current_transaction.get() is not None:
        raise ConfigurationError("A dry run needs a transaction of its own, which it can undo.")
    with suppress(_DryRun), no_time_limit():
        async with store(), transaction(table):
            await migration.run()
            migration.end(without_passwords=without_passwords, dry_run=dry_run)
    return migration.moved


class _Migration:
    """One run of the migration."""

    def __init__(
        self,
        users: Users[Any],
        source: FastAPIUsersTables,
        *,
        superusers_are_admins: bool,
        requires_verification: bool,
        erase: bool,
    ) -> None:
        table = users.table
        if users.interop:
            raise ConfigurationError("Users(interop=True) can't check hashes of fastapi-users.")
        own = {*_OWN, table._meta.primary_key._meta.name}
        if wrong := [one for one in source.columns if one in own or one not in column_names(table)]:
            raise ConfigurationError(f"These columns can't be copied: {', '.join(wrong)}.")
        self.users = users
        self.moved = MovedUsers()
        self._old = OldTables(table, source)
        self._ledger = _ledger(source, source.table, table)
        self._oauth_accounts = OAuthAccounts(
            users,
            self._old,
            moved_users=self._ledger,
            ledger=_ledger(source, source.oauth_table, table),
            moved=self.moved,
        )
        self._superusers_are_admins = superusers_are_admins
        self._requires_verification = requires_verification
        self._erases = erase
        self._statuses = bound(EmailStatus, table)
        self._twice: set[str] = set()

    async def run(self) -> None:
        """Move all users, and then their OAuth accounts."""
        await self._old.check()
        await self._ledger.open()
        self._twice = await self._find_duplicates()
        done = 0
        async for batch in self._old.users():
            before = await self._ledger.moved([old.key for old in batch])
            for old in batch:
                if old.key in before:
                    self.moved.moved_before += 1
                    await self._erase(old)
                else:
                    await self._move(old)
            done += len(batch)
            advance(done)
        await self._oauth_accounts.move(erase=self._erases)

    def end(self, *, without_passwords: bool, dry_run: bool) -> None:
        """
        Refuse to take passwords from users, unless told to, and roll a dry run back.

        Raises:
            ConfigurationError: A hash can't be moved.
            _DryRun: The transaction must be rolled back.
        """
        if self.moved.without_password and not without_passwords:
            raise ConfigurationError(
                f"{self.moved.without_password} password hashes are neither Argon2id nor bcrypt, "
                "or cost too much to check. Nothing was moved. Pass without_passwords to move "
                "these users without a password: they reset it by mail."
            )
        if dry_run:
            raise _DryRun

    async def _find_duplicates(self) -> set[str]:
        """
        Return the addresses and usernames that several rows have when folded.

        None of these rows is moved: which of them came first does not say whose address it is.
        """
        count: Counter[str] = Counter()
        async for batch in self._old.users():
            count.update(name for old in batch for name in _names(old))
        return {name for name, times in count.items() if times > 1}

    async def _move(self, old: OldUser) -> None:
        if any(name in self._twice for name in _names(old)):
            return self._refuse(old, "Other rows have the same username or address when folded.")
        encoded = mark_foreign(old.encoded)
        try:
            user = await self._create(old, encoded)
        except Unprocessable as error:
            return self._refuse(old, " ".join(item.msg for item in error.errors))
        except (IdentityTaken, ValueTaken) as error:
            return self._refuse(old, str(error.detail))
        await self._ledger.enter(old.key, primary_key(user))
        self.moved.users += 1
        self.moved.without_password += encoded is None
        await self._keep_status(old, user)
        await self._erase(old)
        return None

    async def _create(self, old: OldUser, encoded: str | None) -> Any:
        """Create a user. A refusal by the database undoes no other."""
        email = self.users.new_email(old.email)
        table = self.users.table
        await table.raw("SAVEPOINT one_user")
        try:
            return await self.users.create(
                old.username or email,
                email=email,
                encoded=encoded,
                active=old.is_active and not self._waits(old),
                superuser=old.is_superuser,
                admin=old.is_superuser and self._superusers_are_admins,
                **old.columns,
                **self._key(old),
            )
        except Exception as error:
            await table.raw("ROLLBACK TO SAVEPOINT one_user")
            if _does_not_fit(error):
                raise Unprocessable([FieldError((), _UNFIT, "value_unfit")]) from None
            raise
        finally:
            await table.raw("RELEASE SAVEPOINT one_user")

    def _key(self, old: OldUser) -> dict[str, Any]:
        """The primary key, if the user keeps the old one."""
        key = self.users.table._meta.primary_key
        if not isinstance(key, UUID) or old.uuid is None:
            return {}
        return {key._meta.name: old.uuid}

    def _waits(self, old: OldUser) -> bool:
        """Whether a user has to verify the address before signing in."""
        return self._requires_verification and old.is_active and not old.is_verified

    async def _keep_status(self, old: OldUser, user: Any) -> None:
        """Record whether the address is verified. One without a row is not."""
        waits = self._waits(old)
        if not old.is_verified and not waits:
            return
        status = self._statuses(
            user=primary_key(user),
            email=user.email,
            verified_at=self.users.clock() if old.is_verified else None,
            is_registered=waits,
            activates=waits,
        )
        await self._statuses.insert(status)
        self.moved.verified += old.is_verified
        self.moved.waiting += waits

    async def _erase(self, old: OldUser) -> None:
        if self._erases:
            self.moved.erased += await self._old.erase(old)

    def _refuse(self, old: OldUser, reason: str) -> None:
        self.moved.refused.append(Refused(old.key, old.email, reason))


def _names(old: OldUser) -> set[str]:
    """What no other user may have. An address is in the same namespace as a username."""
    return {folded_email(old.email), folded_username(old.username or old.email)}


def _ledger(source: FastAPIUsersTables, name: str, target: Any) -> Ledger:
    return Ledger(source.name_of(name).replace('"', ""), target)


def _does_not_fit(error: Exception) -> bool:
    """Whether the database refused a value of another type, one too long, or a missing one."""
    if isinstance(error, sqlite3.IntegrityError):
        return "NOT NULL" in str(error)
    return is_unusable_value(error) or getattr(error, "sqlstate", None) == _NOT_NULL
