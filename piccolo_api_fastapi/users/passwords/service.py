"""Passwords of users: set, checked and renewed."""

from dataclasses import dataclass, field, replace
from typing import Any, Generic

from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, load, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, tell
from piccolo_api_fastapi.errors import ConfigurationError, InvalidCredentials
from piccolo_api_fastapi.users.credentials import Credentials
from piccolo_api_fastapi.users.identifiers import one_name
from piccolo_api_fastapi.users.lookup import Account, UserLookup
from piccolo_api_fastapi.users.proof import Proof
from piccolo_api_fastapi.users.tables import MARKER, Password, PasswordFailures, UserT

from . import queries
from .guesses import PasswordGuesses
from .hasher import PasswordHasher, PasswordMismatch, PBKDF2Hasher, default_hasher
from .policy import PasswordPolicy


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    The result of `Users.compare`.

    Args:
        encoded: The hash that the password was compared with, if there was one.
        is_same: Whether it is the hash of the password.
    """

    encoded: str | None = field(repr=False)
    is_same: bool


class Passwords(Generic[UserT]):
    """
    Sets, checks and renews the passwords of users.

    Args:
        table: The user table.
        credentials: Ends the credentials of a user whose password changes.
        hasher: Hashes the passwords. By default Argon2id, or PBKDF2 in the interop mode.
        policy: The rules for new passwords.
        interop: Whether to keep PBKDF2 hashes in the user table.
        clock: Returns the present time.

    Raises:
        ConfigurationError: The hasher does not fit the interop mode, or no password table is
            bound to `table`.
    """

    def __init__(
        self,
        table: type[UserT],
        credentials: Credentials,
        *,
        hasher: PasswordHasher | None,
        policy: PasswordPolicy,
        interop: bool,
        clock: Clock,
    ) -> None:
        if interop and hasher is not None and not isinstance(hasher, PBKDF2Hasher):
            raise ConfigurationError(
                f"interop=True needs a PBKDF2Hasher, not a {type(hasher).__name__}."
            )
        self.policy = policy
        self._table = table
        self._credentials = credentials
        self._clock = clock
        self._hasher = hasher or (PBKDF2Hasher() if interop else None)
        self._hashes = None if interop else bound(Password, table)
        self.lookup = UserLookup(table, self._hashes)
        self._guesses = PasswordGuesses(bound(PasswordFailures, table), table, clock)

    @property
    def hasher(self) -> PasswordHasher:
        """The hasher of new passwords."""
        return self._hasher or default_hasher()

    async def encode(self, password: str, username: str, email: str | None) -> str:
        """Check a new password against the policy and hash it."""
        await self.policy.check(password, username, email)
        return await self.hasher.hash(password)

    def column(self, encoded: str | None) -> str:
        """The value of the password column of the user table for this hash."""
        return (encoded if self._hashes is None else None) or MARKER

    async def keep(self, key: Any, encoded: str, replaced: str | None = None) -> None:
        """Store a hash beside the user table; in the interop mode it is in the column already."""
        if self._hashes is not None:
            await queries.store_hash(self._hashes, key, encoded, self._clock(), replaced)

    async def store(
        self, key: Any, encoded: str | None, *, keep: Any = None, everything: bool = False
    ) -> None:
        """Store a hash, end every other credential and forget known browsers, at once."""
        async with transaction(self._table):
            replaced = await self._credentials.lock(key)
            await queries.replace_column(self._table, key, replaced, self.column(encoded))
            await self.keep(key, encoded or "", replaced)
            await self._guesses.forgive(key)
            everything = everything or encoded is None
            await self._credentials.end(key, keep=keep, everything=everything)
            await self._credentials.forget_browsers(key)
            await emit(AuthEvent("authn_password_change", self._clock(), key))

    async def unlock(self, key: Any) -> None:
        """Forget the wrong passwords that were tried at an account."""
        async with transaction(self._table):
            if await self._guesses.forgive(key):
                await emit(AuthEvent("authn_login_unlock", self._clock(), key))

    async def compare(self, identifier: str, password: str) -> Comparison:
        """Compare a password, whether the user is active or not; see `Users.compare`."""
        account = await self.lookup.find(identifier)
        encoded = account.encoded if account else None
        try:
            await self.hasher.verify(encoded, password)
        except PasswordMismatch:
            return Comparison(encoded, is_same=False)
        return Comparison(encoded, is_same=True)

    async def has_hash(self, key: Any, encoded: str | None) -> bool:
        """Whether this is the stored hash of the user with this primary key."""
        account = await self.lookup.get(key)
        return account is not None and account.encoded == encoded

    async def verify(
        self, identifier: str, password: str, *, counted_as: str | None = None
    ) -> Proof[UserT]:
        """Check a password; see `Users.verify`."""
        account = await self.lookup.find(identifier)
        user = None if account is None else account.values[self._table._meta.primary_key._meta.name]
        name = f"name {one_name(identifier)}" if account is None else f"user {user}"
        if account is not None and counted_as is not None:
            name = f"{counted_as} of {name}"
        # An outage inside the attempt becomes `Unavailable`, which does not count as a failure.
        try:
            async with self._guesses.attempt(name, user) as guess, store():
                checked = account if guess.is_admitted else None
                return await self._check_thrice(checked, identifier, password)
        except InvalidCredentials as error:
            error.user = user
            raise

    async def proof_of(self, key: Any) -> Proof[UserT] | None:
        """The proof of an active user as things stand; see `Users.proof_of`."""
        account = await self.lookup.get(key)
        if account is None or not account.values["active"]:
            return None
        return self._proof(account)

    async def uphold(self, proof: Proof[UserT]) -> None:
        """Make sure that a proof still holds until the transaction ends; see `Users.uphold`."""
        key = primary_key(proof.user)
        if proof.unknown:
            data = {"factor": " ".join(sorted(proof.unknown))}
            tell(AuthEvent("authn_login_misconfigured", self._clock(), key, data))
            raise InvalidCredentials
        async with transaction(self._table):
            if not await queries.hold(self._table, key, proof.column, self._clock()):
                raise InvalidCredentials
            if not await self._is_current(key, proof):
                raise InvalidCredentials
            if proof.recheck is not None:
                await proof.recheck()
            if proof.event is not None:
                await emit(proof.event)

    async def _check_thrice(
        self, account: Account | None, identifier: str, password: str
    ) -> Proof[UserT]:
        """Check a password, and again if the hash was changed during the check."""
        for _ in range(3):
            proof = await self._check(account, password)
            if proof is not None:
                return replace(proof, factors={PASSWORD: self._clock()})
            account = await self.lookup.find(identifier)
        raise InvalidCredentials

    async def _check(self, account: Account | None, password: str) -> Proof[UserT] | None:
        """Returns the proof, or `None` if the hash was changed during the check."""
        try:
            await self.hasher.verify(account.encoded if account else None, password)
        except PasswordMismatch:
            raise InvalidCredentials from None
        if account is None or not account.values["active"]:
            error = InvalidCredentials()
            error.inactive = None if account is None else load(self._table, account.values)
            raise error
        if account.is_legacy and self._hashes is not None:
            return await self._move(account, password)
        if self.hasher.needs_rehash(account.encoded or ""):
            return await self._rehash(account, password)
        return self._proof(account)

    async def _move(self, account: Account, password: str) -> Proof[UserT] | None:
        """
        Move a PBKDF2 hash out of the user table, as Argon2id.

        Returns:
            The proof, or `None` if the stored hash was changed meanwhile.
        """
        user = load(self._table, account.values)
        key, encoded = primary_key(user), await self.hasher.hash(password)
        async with transaction(self._table):
            if not await queries.replace_column(self._table, key, account.column, MARKER):
                return None
            await self.keep(key, encoded, account.column)
            if account.was_changed_by_piccolo:
                await self._credentials.end(key)
                await self._credentials.forget_browsers(key)
        return _proof(user, MARKER, encoded, account)

    async def _rehash(self, account: Account, password: str) -> Proof[UserT] | None:
        """
        Replace a hash that is weaker than those made now, where it is.

        Returns:
            The proof, or `None` if the stored hash was changed meanwhile.
        """
        user, old = load(self._table, account.values), account.encoded
        key, new = primary_key(user), await self.hasher.hash(password)
        column = new if self._hashes is None else account.column
        async with transaction(self._table):
            is_current = await queries.replace_column(self._table, key, account.column, column)
            if not is_current or not await self._replace_hash(key, old, new):
                return None
        return _proof(user, column, None if self._hashes is None else new, account)

    async def _is_current(self, key: Any, proof: Proof[UserT]) -> bool:
        """
        Whether the hash is unchanged, and the user has no second factor that the login does not
        know. It is a statement of its own, which sees what was committed before the lock.
        """
        known = proof.known
        factors = {} if known is None else self.lookup.factors()
        refused = [asked for name, asked in factors.items() if name not in (known or ())]
        if self._hashes is None or proof.encoded is None:
            return not await queries.has_factor(self._table, key, refused)
        return await queries.replace_hash(self._hashes, key, proof.encoded, proof.encoded, refused)

    async def _replace_hash(self, key: Any, old: str | None, new: str | None) -> bool:
        """Whether the stored hash was the old one; also True if there is none to compare."""
        if self._hashes is None or old is None or new is None:
            return True
        return await queries.replace_hash(self._hashes, key, old, new)

    def _proof(self, account: Account) -> Proof[UserT]:
        encoded = None if self._hashes is None else account.encoded
        return _proof(load(self._table, account.values), account.column, encoded, account)


def _proof(user: UserT, column: str, encoded: str | None, account: Account) -> Proof[UserT]:
    """A proof that holds while the user has no second factor that a login does not know."""
    return Proof(user, column, encoded, confirmed=account.confirmed, known=frozenset())
