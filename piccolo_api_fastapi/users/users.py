"""Users: Piccolo's table with modern password hashes beside it, and what is done with them."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeAlias, cast

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import BigInt, Boolean, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table
from typing_extensions import TypeVar

from piccolo_api_fastapi.access.step_up import PASSWORD, Factors
from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.database.failure_counters import FailureCounter
from piccolo_api_fastapi.core.database.outages import is_unique_violation, refused_columns, store
from piccolo_api_fastapi.core.database.statements import column_names
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import (
    CredentialTable,
    bound,
    browser_tables,
    credential_tables,
    load,
    loads_by_columns,
    primary_key,
    verification_tables,
)
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    IdentityTaken,
    InvalidCredentials,
    Unprocessable,
    ValueTaken,
)

from .identifiers import no_email, normal_email, normal_username, one_name, real_email
from .lookup import Account, UserLookup, fingerprint
from .passwords.guesses import PasswordGuesses
from .passwords.hasher import (
    PasswordHasher,
    PasswordMismatch,
    PBKDF2Hasher,
    default_hasher,
    is_pbkdf2,
)
from .passwords.policy import PasswordPolicy

MARKER = "pbkdf2_sha256$1$!$!"
"""
What `piccolo_user.password` holds for a user whose hash is in `auth_password`.

`BaseUser` takes anything else for a plain password and hashes it whenever a row is
loaded, on the event loop; a later `save()` would write that back. No password matches it.
"""

SERVICE_MARKER = "pbkdf2_sha256$1$!$service"
"""The same for a user who is no person: see `Users.create_service`."""


def is_service(user: BaseUser) -> bool:
    """Whether a user is no person but a service, made by `Users.create_service`."""
    marker: str = user.password
    return marker == SERVICE_MARKER


@loads_by_columns
class User(BaseUser, tablename="piccolo_user"):
    """
    Piccolo's user, on Piccolo's table, with its password hash in `auth_password`.

    `create_user`, `login` and `update_password` go through `Users`, so that Piccolo
    Admin and scripts work with `auth_table=User`. An object that was loaded saves the
    columns that were changed on it, not what somebody else changed meanwhile.
    """

    _changed: frozenset[str]

    def __init__(self, _data: dict[Any, Any] | None = None, **values: Any) -> None:
        for column, value in (_data or {}).items():
            values[column if isinstance(column, str) else column._meta.name] = value
        exists = values.pop("_exists_in_db", False)
        # An empty password would be hashed, at the full price.
        values.setdefault("password", MARKER)
        super().__init__(**values)  # type: ignore[no-untyped-call]
        self._exists_in_db = exists
        vars(self)["_changed"] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if "_changed" in self.__dict__:
            vars(self)["_changed"] |= {name}

    def __str__(self) -> str:
        return f"<{type(self).__name__}: {primary_key(self)}>"

    __repr__ = __str__

    def save(self, columns: Any = None) -> Any:
        """Save the given columns, or those that were changed since the row was loaded."""
        if columns is None and self._exists_in_db:
            changed = [name for name in column_names(type(self)) if name in self._changed]
            # An UPDATE sets something: the key to itself, when nothing else.
            columns = changed or [self._meta.primary_key]
        return super().save(columns)

    def to_dict(self, *columns: Any) -> dict[str, Any]:
        """The row without its password."""
        values: dict[str, Any] = super().to_dict(*columns)
        values.pop("password", None)
        return values

    @classmethod
    async def create_user(cls, username: str, password: str, **extra_params: Any) -> "User":
        """
        Create a user by `Users.create`; inactive unless `active=True`, as Piccolo has it.

        Raises:
            ValueError: The username or the password is missing, unusable or taken.
        """
        if not username or not password:
            raise ValueError("A username and a password must be provided.")
        email = extra_params.pop("email", None) or None
        active = extra_params.pop("active", False)
        try:
            return await Users(cls).create(
                username, password, email=email, active=active, **extra_params
            )
        except (Unprocessable, IdentityTaken) as error:
            raise ValueError(_sentence(error)) from None

    @classmethod
    async def update_password(cls, user: str | Any, password: str) -> None:
        """
        Set a password by `Users.set_password`.

        Args:
            user: A username or a primary key.
            password: The new one.

        Raises:
            ValueError: There is no such user, or the password is not accepted.
        """
        users = Users(cls)
        row = await users.find(user) if isinstance(user, str) else await users.get(user)
        if row is None:
            raise ValueError("There is no such user.")
        await users.set_password(row, password)

    @classmethod
    async def login(cls, username: str, password: str) -> Any:
        """The primary key of an active user with this password, or `None`."""
        users = Users(cls)
        try:
            proof = await users.verify(username, password)
            await users.uphold(proof)
        except InvalidCredentials:
            return None
        return primary_key(proof.user)


class Password(Table, tablename="auth_password"):
    """The Argon2id hash of a user."""

    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    hash = Text(secret=True)
    changed_at = Timestamptz()
    superseded = Varchar(
        length=64,
        null=True,
        default=None,
        secret=True,
        help_text=(
            "SHA-256 of the PBKDF2 string that this row replaced. Found in the old column "
            "again, since somebody saved a stale object, it counts for nothing."
        ),
    )


class PasswordFailures(FailureCounter, Table, tablename="auth_password_failure"):
    """Wrong passwords in a row, for an account or for a name that nobody has."""

    key = Varchar(length=64, primary_key=True, help_text="SHA-256 of what they count with.")
    user = ForeignKey(User, null=True, default=None, index=True, on_delete=OnDelete.cascade)
    checking_until = BigInt(help_text="Milliseconds since 1970; a guess is being checked.")
    is_admitted = Boolean(help_text="What was decided last.")
    changed_at = BigInt(index=True, help_text="When one was admitted last.")


UserT = TypeVar("UserT", bound=BaseUser, default=User)

ScopesOf: TypeAlias = Callable[[Any], Awaitable[Iterable[str]] | Iterable[str]]
"""Gives the scopes of a user, beyond `admin` and `superuser`; sync or async."""


@dataclass(frozen=True, slots=True)
class Proof(Generic[UserT]):
    """
    A user and the very hash that their password matched.

    What is issued on the strength of it upholds it in the same transaction, so that
    no session survives a password change that overtook its login. Without a hash it
    says that the application itself vouches for the user.

    Args:
        user: Who.
        column: What the password column of the user table held.
        encoded: The hash beside it.
        factors: Which factors were presented, and when.
        is_enrolling: Whether what is issued is good for enrolling a second factor only.
        scope: What the client asked for when the login began.
        recheck: Raises if what was found at login is no longer so; asked when the user is locked.
        event: Told in the transaction of what is issued.
    """

    user: UserT
    column: str | None = field(default=None, repr=False)
    encoded: str | None = field(default=None, repr=False)
    factors: Factors = field(default_factory=dict)
    is_enrolling: bool = False
    scope: str = ""
    recheck: Callable[[], Awaitable[None]] | None = field(default=None, repr=False, compare=False)
    event: AuthEvent | None = field(default=None, repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """Tells whether the password is still the one that was proved."""
        return fingerprint(f"{self.column}\n{self.encoded}")


class Users(Generic[UserT]):
    """
    Finds, creates and changes users.

    Args:
        table: `User`, or any other subclass of `BaseUser`.
        hasher: Argon2id by default.
        policy: What may be a password.
        scopes_of: Gives scopes to users.
        interop: Keep PBKDF2 in the column of the user table, for code elsewhere that
            calls `BaseUser.login`.
        keeps_on_new_password: Tables of credentials that a new password does not end, such
            as `APIToken`. By default it ends all of them, and whoever takes an account from
            somebody else always does.
        clock: Tells the time.

    Raises:
        ConfigurationError: The hasher does not fit the interop mode, no password table is
            bound to `table`, or a table to keep is none of credentials.
    """

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        table: type[UserT] | None = None,
        *,
        hasher: PasswordHasher | None = None,
        policy: PasswordPolicy | None = None,
        scopes_of: ScopesOf | None = None,
        interop: bool = False,
        keeps_on_new_password: Iterable[type[CredentialTable]] = (),
        clock: Clock = utcnow,
    ) -> None:
        if interop and hasher is not None and not isinstance(hasher, PBKDF2Hasher):
            raise ConfigurationError("The interop mode needs a PBKDF2Hasher.")
        self.table: type[UserT] = cast("Any", User) if table is None else table
        self.policy = policy or PasswordPolicy()
        self.clock = clock
        self.interop = interop
        self._kept = tuple(keeps_on_new_password)
        if not all(issubclass(kind, CredentialTable) for kind in self._kept):
            raise ConfigurationError("Only tables of credentials can be kept.")
        self._hasher = hasher or (PBKDF2Hasher() if interop else None)
        self._scopes_of = scopes_of
        self._passwords = None if interop else bound(Password, self.table)
        self._lookup = UserLookup(self.table, self._passwords)
        failures = bound(PasswordFailures, self.table)
        self._guesses = PasswordGuesses(failures, self.table, clock)
        self._key = self.table._meta.primary_key

    @property
    def hasher(self) -> PasswordHasher:
        """What hashes the passwords."""
        return self._hasher or default_hasher()

    async def get(self, key: Any) -> UserT | None:
        """The user with this primary key."""
        async with store():
            return await self.table.objects().where(self._key == key).first()

    async def find(self, identifier: str) -> UserT | None:
        """The user with this username or e-mail address; case does not count."""
        account = await self._lookup.find(identifier)
        return load(self.table, account.values) if account else None

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
            username: Stored in lower case. An e-mail address only if it is the user's own.
            password: Without one, the user can't log in by password.
            email: Stored in its normal form; one owner for each mailbox.
            active: Whether they may log in.
            encoded: What `encode` made of a password, instead of that.
            columns: Values of further columns.

        Raises:
            Unprocessable: A value can't be used.
            WeakPassword: The policy refuses the password.
            IdentityTaken: The username or the address belongs to somebody.
            ValueTaken: The value of another column does.
        """
        email = None if email is None else normal_email(email)
        username = self._own_name(username, email)
        if password is not None:
            encoded = await self.encode(password, username, email)
        user = self.table(
            username=username,
            email=email or no_email(),
            active=active,
            password=(encoded if self.interop else None) or MARKER,
            **columns,
        )
        return await self._insert(user, email, encoded)

    async def create_service(self, username: str, **columns: Any) -> UserT:
        """
        Create a user who is no person, for API tokens: without a password or an address.

        Args:
            username: Stored in lower case.
            columns: Values of further columns.

        Raises:
            Unprocessable: The name can't be used.
            IdentityTaken: It belongs to somebody.
        """
        user = self.table(
            username=self._own_name(username, None),
            email=no_email(),
            password=SERVICE_MARKER,
            **{"active": True, **columns},
        )
        return await self._insert(user, None, None)

    def _own_name(self, username: str, email: str | None) -> str:
        username = normal_username(username, self.table.username.length or 0)
        if "@" in username and username != email:
            # Or it would catch logins by the address of somebody else.
            normal_username("", 0)
        return username

    async def _insert(self, user: UserT, email: str | None, encoded: str | None) -> UserT:
        try:
            async with store(), transaction(self.table):
                await self._refuse_if_taken(user.username, email)
                await self.table.insert(user)
                if encoded is not None:
                    await self._store_hash(primary_key(user), encoded)
                await emit(AuthEvent("user_created", self.clock(), primary_key(user)))
        except Exception as error:
            if is_unique_violation(error):
                names = refused_columns(error)
                is_identity = names & _IDENTITY or names.isdisjoint(column_names(self.table))
                raise (IdentityTaken if is_identity else ValueTaken) from None
            raise
        return user

    async def set_password(self, user: UserT, password: str, *, keep: Any = None) -> None:
        """
        Set a password and end every other credential of the user, in one transaction.

        Args:
            user: Whose.
            password: The new one.
            keep: The id of a credential to spare: the caller's own.

        Raises:
            WeakPassword: The policy refuses it.
            InvalidCredentials: The user was deleted meanwhile.
        """
        encoded = await self.encode(password, user.username, real_email(user.email))
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
        Store what `encode` made, end every other credential and forget known browsers, in one
        transaction.

        Args:
            user: Whose.
            encoded: `None` leaves the user without a password, and without anything else.
            keep: The id of a credential to spare.
            everything: Whether to end what a new password keeps as well.

        Raises:
            InvalidCredentials: The user was deleted meanwhile.
        """
        key = primary_key(user)
        async with store(), transaction(self.table):
            replaced = await self.lock(key)
            replacement = (encoded if self.interop else None) or MARKER
            await self.table.update({self.table.password: replacement}).where(self._key == key)
            await self._store_hash(key, encoded or "", replaced)
            await self._guesses.forgive(key)
            everything = everything or encoded is None
            await self.end_credentials(user, keep=keep, everything=everything)
            await self._forget_browsers(key)
            await emit(AuthEvent("authn_password_change", self.clock(), key))

    async def lock(self, key: Any) -> str:
        """
        Lock the row of a user, so that what is read next stays so until the transaction ends.

        Args:
            key: The primary key.

        Returns:
            What the password column of the user table holds.

        Raises:
            InvalidCredentials: There is no such user any more.
        """
        column = self.table.password
        async with store():
            locked = (
                await self.table.update({column: column}).where(self._key == key).returning(column)
            )
        if not locked:
            raise InvalidCredentials
        return str(locked[0]["password"])

    async def unlock(self, user: UserT) -> None:
        """
        Forget the wrong passwords that were tried at an account, for an administrator. A new
        password does the same.
        """
        key = primary_key(user)
        async with store(), transaction(self.table):
            if await self._guesses.forgive(key):
                await emit(AuthEvent("authn_login_unlock", self.clock(), key))

    async def encode(self, password: str, username: str, email: str | None) -> str:
        """
        Check a new password and hash it, before a transaction that stores it.

        Raises:
            WeakPassword: The policy refuses it.
            HasherBusy: Too many passwords are being hashed.
        """
        await self.policy.check(password, username, email)
        return await self.hasher.hash(password)

    async def has_password(self, user: UserT, password: str) -> bool:
        """Whether this is the password of a user, who need not be active. For no login."""
        account = await self._lookup.find(user.username)
        try:
            await self.hasher.verify(account.encoded if account else None, password)
        except PasswordMismatch:
            return False
        return True

    async def has_verified_email(self, user: UserT) -> bool:
        """Whether the present address of a user is verified."""
        return await self.has_verified(primary_key(user), user.email)

    async def has_verified(self, key: Any, email: str) -> bool:
        """Whether this is a verified address of the user with this primary key."""
        for table in verification_tables(self.table):
            condition: Any = (table.user == key) & (table.email == email)  # type: ignore[attr-defined]
            if await table.exists().where(condition, table.verified_at.is_not_null()):  # type: ignore[attr-defined]
                return True
        return False

    async def end_credentials(
        self, user: UserT, *, keep: Any = None, everything: bool = False
    ) -> None:
        """
        End the sessions, refresh families and other credentials of a user, but for the
        tables that a new password keeps.

        Args:
            user: Whose.
            keep: The id of a credential to spare.
            everything: Whether to end what a new password keeps as well: somebody else made it.
        """
        condition = self._key == primary_key(user)
        await self.table.update({self.table.active: self.table.active}).where(condition)
        for table in credential_tables(self.table):
            if issubclass(table, self._kept) and not everything:
                continue
            condition = table.user == primary_key(user)  # type: ignore[attr-defined]
            if keep is not None:
                condition = condition & (table.id != keep)  # type: ignore[attr-defined]
            await table.delete().where(condition)

    async def verify(
        self, identifier: str, password: str, *, counted_as: str | None = None
    ) -> Proof[UserT]:
        """
        Check a password, at one cost for unknown, wrong, disabled and locked.

        Wrong ones are counted: after 5 in a row one has to wait, from a second up to 15 minutes,
        and after 100 until `unlock` or a new password. Meanwhile none is right.

        A PBKDF2 hash found in the user table is moved to `auth_password`, one made with
        weaker parameters renewed, unless the password was changed meanwhile. If it replaces
        another, Piccolo's CLI or Admin set it: what was issued before ends.

        Args:
            identifier: A username or an address.
            password: As typed.
            counted_as: What failures count with instead of the account: who is known to be
                its owner is then not kept out by the guesses of others.

        Raises:
            InvalidCredentials: It does not match, or too many did not.
            HasherBusy: Too many passwords are being hashed.
        """
        account = await self._lookup.find(identifier)
        user = None if account is None else account.values[self._key._meta.name]
        name = f"name {one_name(identifier)}" if account is None else f"user {user}"
        if account is not None and counted_as is not None:
            name = f"{counted_as} of {name}"
        async with self._guesses.attempt(name, user) as guess:
            for _ in range(3):
                proof = await self._check(account if guess.is_admitted else None, password)
                if proof is not None:
                    return replace(proof, factors={PASSWORD: self.clock()})
                account = await self._lookup.find(identifier)
            raise InvalidCredentials

    async def _check(self, account: Account | None, password: str) -> Proof[UserT] | None:
        """The proof; `None` if the hash was changed while the password was checked."""
        try:
            await self.hasher.verify(account.encoded if account else None, password)
        except PasswordMismatch:
            raise InvalidCredentials from None
        if account is None or not account.values["active"]:
            raise InvalidCredentials
        return await self._renew(account, password)

    async def proof_of(self, key: Any) -> Proof[UserT] | None:
        """
        The user with this primary key and the hash that counts now, if they are active.

        For a login of several steps, which compares the `fingerprint` with that of the first.
        """
        account = await self._lookup.get(key)
        if account is None or not account.values["active"]:
            return None
        encoded = None if self.interop else account.encoded
        return Proof(load(self.table, account.values), account.column, encoded)

    async def uphold(self, proof: Proof[UserT]) -> None:
        """
        Make sure that a proof still holds, and that it does until the transaction ends.

        Raises:
            InvalidCredentials: The user was disabled or the password changed.
        """
        key = primary_key(proof.user)
        now = self.clock().replace(tzinfo=None)
        condition = (self._key == key) & self.table.active.eq(value=True)
        if proof.column is not None:
            condition = condition & (self.table.password == proof.column)
        async with store(), transaction(self.table):
            held = (
                await self.table.update({self.table.last_login: now})
                .where(condition)
                .returning(self._key)
            )
            is_held = bool(held) and await self._replace_hash(key, proof.encoded, proof.encoded)
            if is_held and proof.recheck is not None:
                await proof.recheck()
            if is_held and proof.event is not None:
                await emit(proof.event)
        if not is_held:
            raise InvalidCredentials

    async def scopes_of(self, user: UserT) -> frozenset[str]:
        """What a user may do now: `admin`, `superuser`, and what `scopes_of=` gives."""
        flags = {"admin": user.admin, "superuser": user.superuser}
        scopes = {name for name, is_set in flags.items() if is_set}
        if self._scopes_of is not None:
            given = self._scopes_of(user)
            scopes.update(await given if inspect.isawaitable(given) else given)
        return frozenset(scopes)

    async def _refuse_if_taken(self, username: str, email: str | None) -> None:
        """The unique indexes know exact text only; older rows may be in upper case."""
        name = self.table._meta.get_formatted_tablename()
        rows = await self.table.raw(
            f"SELECT 1 FROM {name} "  # noqa: S608 - names of our own
            'WHERE lower("username") = {} OR lower("email") IN ({}, {}) LIMIT 1',
            username,
            username,
            email or username,
        )
        if rows:
            raise IdentityTaken

    async def _renew(self, account: Account, password: str) -> Proof[UserT] | None:
        """The proof, with a current hash; `None` if the stored one was changed meanwhile."""
        user, column, old = load(self.table, account.values), account.column, account.encoded
        key = primary_key(user)
        moves = account.is_legacy and not self.interop
        if not moves and not self.hasher.needs_rehash(old or ""):
            return Proof(user, column, None if self.interop else old)
        new = await self.hasher.hash(password)
        replacement = (new if self.interop else MARKER) if account.is_legacy else column
        proof = Proof(user, replacement, None if self.interop else new)
        async with store(), transaction(self.table):
            held = (
                await self.table.update({self.table.password: replacement})
                .where(self._key == key, self.table.password == column)
                .returning(self._key)
            )
            if not held:
                return None
            if moves:
                await self._store_hash(key, new, column)
                if account.was_changed_by_piccolo:
                    await self.end_credentials(user)
                    await self._forget_browsers(key)
                return proof
            return proof if await self._replace_hash(key, old, new) else None

    async def _forget_browsers(self, key: Any) -> None:
        """Whoever knew the old password may guess at the new one no more than anybody else."""
        for table in browser_tables(self.table):
            await table.delete().where(table.user == key)  # type: ignore[attr-defined]

    async def _replace_hash(self, key: Any, old: str | None, new: str | None) -> bool:
        """Whether the stored hash was the old one and is the new; yes where none is stored."""
        if self._passwords is None or old is None:
            return True
        held = (
            await self._passwords.update({self._passwords.hash: new})
            .where(self._passwords.user == key, self._passwords.hash == old)
            .returning(self._passwords.user)
        )
        return bool(held)

    async def _store_hash(self, key: Any, encoded: str, replaced: str | None = None) -> None:
        if (passwords := self._passwords) is None:
            return
        row = passwords(user=key, hash=encoded, changed_at=self.clock())
        values: list[Any] = [passwords.hash, passwords.changed_at]
        if replaced is not None and is_pbkdf2(replaced):
            row.superseded = fingerprint(replaced)
            values.append(passwords.superseded)
        await passwords.insert(row).on_conflict(
            target=passwords.user, action="DO UPDATE", values=values
        )


_IDENTITY = frozenset({"username", "email"})


def _sentence(error: Unprocessable | IdentityTaken) -> str:
    if isinstance(error, Unprocessable):
        return " ".join(item.msg for item in error.errors)
    return str(error.detail)
