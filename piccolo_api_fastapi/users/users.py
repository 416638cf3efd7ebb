"""`Users`: the object through which applications find, create and change users."""

import inspect
from collections.abc import Collection, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Generic, cast

from piccolo_api_fastapi.access.identity import ACCOUNT, FLAGS
from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.time_limit import limit_statements
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import load, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit

from . import queries
from .credentials import Credentials
from .identifiers import new_email, no_email, own_username, real_email
from .passwords.hasher import PasswordHasher
from .passwords.policy import PasswordPolicy
from .passwords.service import Comparison, Passwords
from .proof import Proof
from .roles.held import HeldPermissions
from .roles.service import Roles
from .scopes import ScopesOf, report
from .tables import SERVICE_MARKER, User, UserT


@configured
class Users(Generic[UserT]):
    """
    Finds, creates and changes users.

    ```python
    from piccolo_api_fastapi import Users

    users = Users()
    alan = await users.create("alan", "correct horse battery", email="alan@example.com")
    await users.set_password(alan, "another horse battery")
    assert await users.find("ALAN@example.com") is not None
    ```

    Args:
        table: The user table: `User`, or another subclass of `BaseUser`.
        hasher: Hashes the passwords. Argon2id by default.
        policy: The rules for new passwords.
        scopes_of: Returns the scopes of a user. `admin` and `superuser` among them are ignored,
            because they stand for the flags of the user.
        roles: The roles that users can have. Their permissions are scopes as well.
        interop: Whether to keep PBKDF2 hashes in the user table, for other code that calls
            `BaseUser.login`.
        keeps_on_new_password: Tables of credentials that a new password does not end, such
            as `APIToken`. By default a new password ends all of them. They always end when
            an account passes to another owner.
        internal_domains: Domains whose addresses users may have although they are not on the
            internet, with their subdomains, such as `["local", "intranet"]`.
        clock: Returns the present time.

    Raises:
        ConfigurationError: The hasher does not fit the interop mode, no password table is
            bound to `table`, a table in `keeps_on_new_password` holds no credentials, or `roles`
            belong to other users.
    """

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        table: type[UserT] | None = None,
        *,
        hasher: PasswordHasher | None = None,
        policy: PasswordPolicy | None = None,
        scopes_of: ScopesOf | None = None,
        roles: Roles | None = None,
        interop: bool = False,
        keeps_on_new_password: Iterable[type[AuthTable]] = (),
        internal_domains: Collection[str] = (),
        clock: Clock = utcnow,
    ) -> None:
        self.table: type[UserT] = cast("Any", User) if table is None else table
        limit_statements(self.table)
        self.policy = policy or PasswordPolicy()
        self.clock = clock
        self.interop = interop
        self.credentials = Credentials(self.table, keeps_on_new_password)
        self.passwords = Passwords(
            self.table,
            self.credentials,
            hasher=hasher,
            policy=self.policy,
            interop=interop,
            clock=clock,
        )
        self._scopes_of = scopes_of
        self.roles = roles
        self.permissions = None if roles is None else HeldPermissions(roles, self.table, clock)
        self._internal_domains = [domain.lower() for domain in internal_domains]

    @property
    def hasher(self) -> PasswordHasher:
        """The hasher of new passwords."""
        return self.passwords.hasher

    async def get(self, key: Any) -> UserT | None:
        """Look up a user by primary key."""
        async with store():
            return await self.table.objects().where(self.table._meta.primary_key == key).first()

    async def find(self, identifier: str) -> UserT | None:
        """Look up a user by username or e-mail address. Case does not matter."""
        async with store():
            account = await self.passwords.lookup.find(identifier)
        return load(self.table, account.values) if account else None

    def new_email(self, email: str) -> str:
        """
        Return an address as it is stored for a user.

        Raises:
            Unprocessable: The text is not an address, or its domain is internal and not among
                `internal_domains`.
        """
        return new_email(email, self._internal_domains)

    async def create(
        self,
        username: str,
        password: str | None = None,
        *,
        email: str | None = None,
        active: bool = True,
        encoded: str | None = None,
        **columns: Any,
    ) -> UserT:
        """
        Create a user.

        Args:
            username: Stored in lower case. It may be an e-mail address only if it is the user's.
            password: The password. A user without one can't sign in by password.
            email: The e-mail address, stored in its normal form. Each has one owner.
            active: Whether the user may sign in.
            encoded: A hash from `encode`, in place of a password.
            columns: Values of further columns of the user table.

        Raises:
            Unprocessable: A value is not valid.
            WeakPassword: The policy refuses the password.
            IdentityTaken: Another user has the username or the address.
            ValueTaken: Another user has the value of another unique column.
            ValueError: Both a password and a hash were given.
        """
        if password is not None and encoded is not None:
            raise ValueError("Pass either password or encoded, not both.")
        email = None if email is None else self.new_email(email)
        username = own_username(username, self.table.username.length, email)
        if password is not None:
            encoded = await self.encode(password, username, email)
        user = self.table(
            username=username,
            email=email or no_email(),
            active=active,
            password=self.passwords.column(encoded),
            **columns,
        )
        return await self._insert(user, email, encoded)

    async def create_service(self, username: str, **columns: Any) -> UserT:
        """
        Create a service account, for API tokens. It has no password and no e-mail address.

        Args:
            username: The username, stored in lower case.
            columns: Values of further columns of the user table.

        Raises:
            Unprocessable, IdentityTaken: The username is not valid, or another user has it.
        """
        user = self.table(
            username=own_username(username, self.table.username.length, None),
            email=no_email(),
            password=SERVICE_MARKER,
            **{"active": True, **columns},
        )
        return await self._insert(user, None, None)

    async def set_password(self, user: UserT, password: str, *, keep: Any = None) -> None:
        """
        Set a password, end every other credential of the user and forget known browsers, in
        one transaction.

        Args:
            user: The user whose password changes.
            password: The new password.
            keep: The id of a credential that stays valid: that of the request.

        Raises:
            WeakPassword: The policy refuses the password.
            InvalidCredentials: The user was deleted meanwhile.
        """
        encoded = await self.encode(password, user.username, real_email(user.email))
        async with store():
            await self.store_password(user, encoded, keep=keep)

    async def store_password(
        self,
        user: UserT,
        encoded: str | None,
        *,
        keep: Any = None,
        everything: bool = False,
    ) -> None:
        """
        Store a hash from `encode`; otherwise as `set_password`.

        Args:
            user: The user whose password changes.
            encoded: The hash. `None` removes the password and ends all credentials.
            keep: The id of a credential that stays valid.
            everything: Whether to end the credentials that a new password keeps as well.
        """
        key = primary_key(user)
        await self.passwords.store(key, encoded, keep=keep, everything=everything)

    async def lock(self, key: Any) -> str:
        """
        Lock a user's row until the transaction ends.

        In a transaction that changes several rows of a user, do this before the first change.
        The deletion of a user locks the row first as well: in another order, PostgreSQL would
        have to end one of two transactions at once as a deadlock.

        Args:
            key: The primary key of the user.

        Returns:
            The value of the password column of the user table.

        Raises:
            InvalidCredentials: The user does not exist.
        """
        return await self.credentials.lock(key)

    async def unlock(self, user: UserT) -> None:
        """
        Forget the wrong passwords that the database counts for an account, as a new password does.

        The rate limits of logins go on. With the default `LoginLimits`, a limit that is used up
        answers 429 for up to three minutes. A known browser has a limit of its own.

        Args:
            user: The user.
        """
        async with store():
            await self.passwords.unlock(primary_key(user))

    async def encode(self, password: str, username: str, email: str | None) -> str:
        """Check a new password against the policy and hash it, outside any transaction."""
        return await self.passwords.encode(password, username, email)

    async def compare(self, identifier: str, password: str) -> Comparison:
        """
        Compare a password with that of a user, if there is one, in the same time.

        It counts no failures: never use it to sign in.

        Args:
            identifier: A username or an e-mail address.
            password: The password as typed.

        Raises:
            HasherBusy: Too many passwords are being hashed.
        """
        async with store():
            return await self.passwords.compare(identifier, password)

    async def still_has(self, user: UserT, compared: Comparison) -> bool:
        """Whether the password of a user is still the one that was compared."""
        return await self.passwords.has_hash(primary_key(user), compared.encoded)

    async def has_verified_email(self, user: UserT) -> bool:
        """Whether the current e-mail address of a user is verified."""
        async with store():
            return await self.has_verified(primary_key(user), user.email)

    async def has_verified(self, key: Any, email: str) -> bool:
        """Whether the user with this primary key has verified this e-mail address."""
        return await queries.has_verified(self.table, key, email)

    async def prove_mailbox(self, key: Any, email: str) -> None:
        """
        Record that a user has read mail to their address: links that would give the account back
        to the owner of an earlier address end.

        Call it in a transaction that has locked the user.

        Args:
            key: The primary key of the user.
            email: The present address of the user.
        """
        await queries.end_other_mailboxes(self.table, key, email)

    async def end_credentials(
        self, user: UserT, *, keep: Any = None, everything: bool = False
    ) -> None:
        """
        End the credentials of a user, except those in tables that a new password keeps.

        It emits `credentials_ended`.

        Args:
            user: The user whose credentials end.
            keep: The id of a credential that stays valid.
            everything: Whether to end the credentials that a new password keeps as well.
        """
        key, kept = primary_key(user), None if keep is None else str(keep)
        async with store(), transaction(self.table):
            await self.credentials.end(key, keep=keep, everything=everything)
            await emit(AuthEvent("credentials_ended", self.clock(), key, {"kept": kept}))

    async def verify(
        self, identifier: str, password: str, *, counted_as: str | None = None
    ) -> Proof[UserT]:
        """
        Check a password. Unknown, wrong, disabled and locked accounts take the same time.

        Wrong passwords are counted. After 5 in a row the user has to wait, from one second up
        to 15 minutes; after 100 the account is locked until `unlock` or a new password.
        Meanwhile even the right password is refused.

        A PBKDF2 hash in the user table is moved to `auth_password`, and a hash made with
        weaker parameters is renewed, unless the password changed meanwhile. If the moved hash
        replaces another, Piccolo's command line or Admin set it, and earlier credentials end.
        Second factors are not asked for: users who have one get no credential on this proof.

        Args:
            identifier: A username or an e-mail address.
            password: The password as typed.
            counted_as: The name that failures count for, in place of the account. A caller
                known to be the owner is then not locked out by the guesses of others.

        Raises:
            InvalidCredentials: The password is wrong, or too many were. It knows the `user`.
            HasherBusy: Too many passwords are being hashed.
        """
        async with store():
            return await self.passwords.verify(identifier, password, counted_as=counted_as)

    async def proof_of(self, key: Any) -> Proof[UserT] | None:
        """A new proof of an active user, to compare its `fingerprint` with an earlier one's."""
        return await self.passwords.proof_of(key)

    async def uphold(self, proof: Proof[UserT]) -> None:
        """
        Make sure that a proof holds until the open transaction ends.

        Raises:
            InvalidCredentials: The user was disabled, or the password or a factor changed.
        """
        await self.passwords.uphold(proof)

    async def scopes_of(self, user: UserT, permissions: str | None = None) -> frozenset[str]:
        """
        The current scopes of a user: `account`, by the flags `admin` and `superuser`, those from
        `scopes_of=`, and the permissions of their roles.

        Args:
            user: The user.
            permissions: The permissions of their roles, if a look-up has just found them. By
                default they are asked for.
        """
        flags = [flag for flag in FLAGS if getattr(user, flag)]
        scopes = frozenset([ACCOUNT, *flags])
        if self.permissions is not None:
            held = self.permissions
            scopes |= (
                await held.of(primary_key(user)) if permissions is None else held.read(permissions)
            )
        if self._scopes_of is None:
            return scopes
        given = self._scopes_of(user)
        named = frozenset(await given if inspect.isawaitable(given) else given)
        if reserved := named & FLAGS:
            report(reserved)
        return scopes | (named - FLAGS)

    async def unknown_permissions(self, asked: Collection[str]) -> Collection[str]:
        """
        Return the permissions that no role grants, sorted. None, if `scopes_of=` may give them.

        Args:
            asked: The permissions that routes ask for.
        """
        if self.permissions is None or self._scopes_of is not None:
            return ()
        return await self.permissions.unknown(asked)

    def keeping_manager(self) -> AbstractAsyncContextManager[None]:
        """
        Return a block that must leave an active user who may manage roles, if there is one.

        Open it round the deletion or deactivation of a user, in a transaction that has locked the
        user.

        Raises:
            LastManager: Nobody is left.
        """
        return nullcontext() if self.permissions is None else self.permissions.keeping_manager()

    async def _insert(self, user: UserT, email: str | None, encoded: str | None) -> UserT:
        try:
            async with store(), transaction(self.table):
                await queries.refuse_if_taken(self.table, user.username, email)
                await self.table.insert(user)
                if encoded is not None:
                    await self.passwords.keep(primary_key(user), encoded)
                await emit(AuthEvent("user_created", self.clock(), primary_key(user)))
        except Exception as error:
            if taken := queries.taken(self.table, error):
                raise taken from None
            raise
        return user


def or_default(users: Users[UserT] | None) -> Users[UserT]:
    """The given users, or those of the stock `User` table."""
    return cast("Users[UserT]", Users()) if users is None else users
