"""`Passkeys`: as log-in without a name, as second factor and for step-up."""

import re
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any
from uuid import UUID

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.access.step_up import declare_factor
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    InvalidCode,
    InvalidCredentials,
    InvalidTicket,
    LastWayIn,
    NotFound,
    PasskeyExists,
    PasskeyLimitReached,
    PasskeyRefused,
)
from piccolo_api_fastapi.login.challenges import Channel
from piccolo_api_fastapi.login.mfa.recovery_codes import RecoveryCodes
from piccolo_api_fastapi.login.mfa.second_factor import Assertion, SecondFactor
from piccolo_api_fastapi.login.tickets import Ticket, Tickets
from piccolo_api_fastapi.mail.notices import NewFactor
from piccolo_api_fastapi.users import Users, or_default
from piccolo_api_fastapi.users.identifiers import real_email

from . import queries
from .origins import relying_party
from .relying_party import Unproved, encoded
from .tables import Passkey, PasskeyOwner
from .values import CEREMONY_LIFETIME, Ceremony, Identified, Registration, Signed, digest_of

SECURITY_KEY, PASSKEY_LOGIN = "security_key", "passkey_login"
"""The factors of passkeys that are not multi-factor: without a PIN, and by configuration."""

declare_factor(SECURITY_KEY, amr=["pop"], worth="second", proves="passkey")
declare_factor(PASSKEY_LOGIN, amr=["pop", "user"], worth="first", proves="passkey")


@configured
class Passkeys(SecondFactor):
    """
    Passkeys: credentials that a phone, a computer or a security key keeps (WebAuthn Level 3).

    ```python
    from piccolo_api_fastapi import Login, Passkeys

    passkeys = Passkeys(
        rp_id="example.com", rp_name="Movies", origins=["https://example.com"]
    )
    login = Login(factors=[passkeys])
    ```

    A passkey whose owner was verified, by a PIN or a fingerprint, logs in without a name or a
    password, and is multi-factor by itself (NIST SP 800-63B-4 section 3.1.7). After a password it
    is a second factor. Users add passkeys through the routes of `passkey_router` and log in
    through those of `passkey_login_router`. Nothing that is expected of a browser is read from
    its request.

    Args:
        users: The users who can have passkeys.
        rp_id: The domain that passkeys are for, such as `example.com`. They work on it and on its
            subdomains, and can't be moved to another one.
        rp_name: The name of the site, which browsers show.
        origins: The origins of the pages on which passkeys are used.
        related_origins: Those on other domains; see `related_origins_router`.
        security_keys: Whether a key that only has to be touched may be added, as second factor.
        counts_as_mfa: Whether a log-in by passkey is multi-factor.
        recovery_codes: The number of recovery codes that a user gets with the first factor.
        max_per_user: The number of passkeys that a user may have; `None` for no limit.

    Raises:
        ConfigurationError: The extra `passkeys` is not installed, the domain can have no passkeys,
            an origin is not one of its pages, or `max_per_user` is less than 1.
    """

    name = "passkey"
    amr = ("pop", "user")
    worth = "both"
    notices = {  # noqa: RUF012 - declared as a class variable
        "authn_passkey_added": NewFactor("A passkey was added: {name}."),
        "authn_passkey_removed": "A passkey was removed: {name}.",
        "authn_passkey_clone_suspected": (
            "A log-in with the passkey {name} was refused, since a copy of it seems to exist."
        ),
    }

    def __init__(  # noqa: PLR0913 - configuration
        self,
        users: Users[Any] | None = None,
        *,
        rp_id: str,
        rp_name: str,
        origins: Sequence[str],
        related_origins: Sequence[str] = (),
        security_keys: bool = False,
        counts_as_mfa: bool = True,
        recovery_codes: int = 10,
        max_per_user: int | None = 20,
    ) -> None:
        if find_spec("webauthn") is None:
            raise ConfigurationError(
                "Passkeys needs an extra: pip install 'piccolo-api-fastapi[passkeys]'."
            )
        if max_per_user is not None and max_per_user < 1:
            raise ConfigurationError("max_per_user must be at least 1, or None.")
        self.users = or_default(users)
        self.max_per_user = max_per_user
        self.party = relying_party(rp_id, rp_name, origins, related_origins)
        self.related_origins = tuple(related_origins)
        self.security_keys = security_keys
        self.counts_as_mfa = counts_as_mfa
        self.counts_as = self.name if counts_as_mfa else SECURITY_KEY
        self.table = bound(Passkey, self.users.table)
        self._owners = bound(PasskeyOwner, self.users.table)
        self.recovery = RecoveryCodes(self.users, None, recovery_codes)
        self.companions = (self.recovery,)
        options: dict[str, Any] = {"lifetime": CEREMONY_LIFETIME, "attempts": 1}
        self._logins = Tickets(self.users, "passkey login", **options)
        self._enrolments = Tickets(self.users, "passkey enrolment", **options)

    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has a passkey."""
        return await queries.exists(self.table, primary_key(user))

    def accepts(self, code: str) -> bool:  # noqa: ARG002
        """Whether a code is one of this factor: never."""
        return False

    async def verify(self, user: BaseUser, code: str) -> None:  # noqa: ARG002
        """Refuse: a passkey signs, and is never typed."""
        raise InvalidCode

    async def begin_login(self, channel: Channel = "session") -> Ceremony:
        """
        Begin a log-in of whoever has a passkey. The options are the same for everybody.

        Args:
            channel: What the log-in issues. The challenge is invalid on other channels.
        """
        challenge = await self._logins.issue(None, channel)
        return Ceremony(challenge, self.party.request_options(challenge, verifies=True))

    async def identify(self, assertion: Assertion, channel: Channel = "session") -> Identified:
        """
        Check the passkey of a log-in without a name.

        Args:
            assertion: What the browser signed for `begin_login`.
            channel: What the log-in issues.

        Raises:
            InvalidCredentials: The passkey is unknown or proves nothing, or the challenge was used.
        """
        try:
            ticket = await self._logins.present(assertion.challenge)
            if ticket.data != channel:
                raise InvalidCredentials
            row, _ = await self._check(assertion, verifies=True)
        except (InvalidTicket, Unproved):
            raise InvalidCredentials from None
        factor = self.name if self.counts_as_mfa else PASSKEY_LOGIN
        return Identified(row.user, factor, partial(self._uphold, row.id))

    async def _uphold(self, passkey: UUID) -> None:
        if not await queries.has(self.table, passkey):
            raise InvalidCredentials

    async def request_options(self, user: BaseUser, challenge: str) -> Mapping[str, Any]:
        """Return the options to present one of the user's passkeys."""
        known = await queries.of_user(self.table, primary_key(user))
        return self.party.request_options(challenge, known, verifies=not self.security_keys)

    async def verify_assertion(self, user: BaseUser, assertion: Assertion) -> str:
        """
        Check a passkey as second factor. The caller uses the challenge up.

        Raises:
            InvalidCode: It is not one of the user's, or proves nothing.
        """
        try:
            row, signed = await self._check(assertion, verifies=not self.security_keys, user=user)
        except Unproved:
            raise InvalidCode from None
        is_verified = signed.verifies_user and row.verifies_user
        return self.counts_as if is_verified else SECURITY_KEY

    async def begin(self, user: BaseUser, credential: Any) -> Ceremony:
        """
        Begin to add a passkey.

        Args:
            user: The user.
            credential: The id of the credential of the caller, which alone may go on.

        Raises:
            PasskeyLimitReached: The user has `max_per_user` passkeys.
            InvalidCredentials: The user was deleted meanwhile.
        """
        key, handle = primary_key(user), encoded(secrets.token_bytes(32))
        known = await queries.of_user(self.table, key)
        self._refuse_another(len(known))
        async with transaction(self.table):  # a user deleted meanwhile would have no owner
            challenge = await self._enrolments.issue(key, str(credential))
            handle = await queries.put_handle(self._owners, key, handle)
        label = real_email(user.email) or user.username
        shown = {"id": handle, "name": label, "displayName": user.username}
        options = self.party.creation_options(
            challenge, shown, known, verifies=not self.security_keys
        )
        return Ceremony(challenge, options)

    async def add(
        self, user: BaseUser, registration: Assertion, *, name: str = "", keep: Any = None
    ) -> tuple[Passkey, list[str]]:
        """
        Add a passkey. Every other credential of the user ends.

        Args:
            user: The user.
            registration: What the browser made for `begin`, with its challenge.
            name: The name that the user gives it.
            keep: The id of the credential of the caller, which is kept.

        Returns:
            The passkey, and recovery codes if the user had none. Show them once.

        Raises:
            PasskeyRefused: It is not what was asked for, or the challenge was used.
            PasskeyExists: Somebody has it already.
            PasskeyLimitReached: The user has `max_per_user` passkeys.
            InvalidCredentials: The user was deleted meanwhile.
        """
        made = await self.check(user, registration, keep=keep)
        return await self.enrol(user, made, name=name, keep=keep)

    async def check(
        self, user: BaseUser, registration: Assertion, *, keep: Any = None
    ) -> Registration:
        """
        Check what a browser made, and use the challenge up, whatever comes of it. Call it outside
        of a transaction, which could take that back.

        Args:
            user: The user.
            registration: What the browser made for `begin`, with its challenge.
            keep: The id of the credential of the caller.

        Returns:
            What `enrol` takes.

        Raises:
            PasskeyRefused: It is not what was asked for, or the challenge was used.
        """
        credential = registration.credential
        try:
            ticket = await self._enrolments.present(registration.challenge)
            made = self.party.verify_registration(
                credential, registration.challenge, verifies=not self.security_keys
            )
        except (InvalidTicket, Unproved):
            raise PasskeyRefused from None
        if (ticket.user, ticket.data) != (primary_key(user), str(keep)):
            raise PasskeyRefused
        return Registration(ticket, made, _transports(credential), _is_discoverable(credential))

    async def enrol(
        self, user: BaseUser, registration: Registration, *, name: str = "", keep: Any = None
    ) -> tuple[Passkey, list[str]]:
        """
        Add a passkey that was checked. Every other credential of the user ends.

        Args:
            user: The user.
            registration: The result of `check`.
            name: The name that the user gives it.
            keep: The id of the credential of the caller, which is kept.

        Returns:
            The passkey, and recovery codes if the user had none. Show them once.

        Raises:
            PasskeyRefused: A new password has ended the challenge meanwhile.
            PasskeyExists: Somebody has it already.
            PasskeyLimitReached: The user has `max_per_user` passkeys.
            InvalidCredentials: The user was deleted meanwhile.
        """
        key, now = primary_key(user), self.users.clock()
        values = {"user": key, "name": name or "Passkey", "created_at": now}
        async with transaction(self.table):
            await self.users.lock(key)
            await self._spend(registration.ticket)
            self._refuse_another(await queries.count(self.table, key))
            row = await queries.add(self.table, {**registration.values, **values})
            if row is None:
                raise PasskeyExists
            is_without = await self.recovery.left(user) == 0
            codes = await self.recovery.write(key, now) if is_without else []
            await self.users.credentials.end(key, keep=keep)
            await emit(AuthEvent("authn_passkey_added", now, key, {"name": row.name}))
        return row, codes

    def _refuse_another(self, count: int) -> None:
        if self.max_per_user is not None and count >= self.max_per_user:
            raise PasskeyLimitReached

    async def list(self, user: BaseUser) -> Sequence[Passkey]:
        """List the passkeys of a user, the oldest first."""
        return await queries.of_user(self.table, primary_key(user))

    async def rename(self, user: BaseUser, passkey: UUID, name: str) -> Passkey:
        """
        Rename a passkey.

        Raises:
            NotFound: The user has no such passkey.
        """
        key, now = primary_key(user), self.users.clock()
        async with transaction(self.table):
            row = await queries.rename(self.table, key, passkey, name)
            if row is None:
                raise NotFound
            await emit(AuthEvent("authn_passkey_renamed", now, key, {"name": name}))
        return row

    async def remove(self, user: BaseUser, passkey: UUID, *, keep: Any = None) -> None:
        """
        Remove a passkey. Every other credential of the user ends.

        Args:
            user: The user; an administrator can pass any user.
            passkey: The passkey.
            keep: The id of a credential to keep: that of the caller.

        Raises:
            NotFound: The user has no such passkey.
            LastWayIn: The user has no password and no other passkey.
            InvalidCredentials: The user was deleted meanwhile.
        """
        key, now = primary_key(user), self.users.clock()
        async with transaction(self.table):
            await self.users.lock(key)
            has_password = await self._has_password(key)
            name = await queries.remove(self.table, key, passkey, has_other_way=has_password)
            if name is None:
                own = {row.id for row in await queries.of_user(self.table, key)}
                raise LastWayIn if passkey in own else NotFound
            await self.recovery.erase(user)
            await self.users.credentials.end(key, keep=keep)
            await emit(AuthEvent("authn_passkey_removed", now, key, {"name": name}))

    async def _has_password(self, user: Any) -> bool:
        """Whether a user, disabled or not, has a password. An empty hash matches none."""
        account = await self.users.passwords.lookup.get(user)
        return account is not None and bool(account.encoded)

    async def _spend(self, ticket: Ticket) -> None:
        """Use up the challenge of an enrolment, unless a new password has ended it meanwhile."""
        try:
            await self._enrolments.burn(ticket)
        except InvalidTicket:
            raise PasskeyRefused from None

    async def _check(
        self, assertion: Assertion, *, verifies: bool, user: BaseUser | None = None
    ) -> tuple[Passkey, Signed]:
        """
        Check what a passkey signed, and record its use.

        Args:
            assertion: What the browser returned, and its challenge, which is used up elsewhere.
            verifies: Whether the user must have been verified.
            user: The user who must have the passkey; by default whoever has it.

        Raises:
            Unproved: Nobody, or somebody else, has it; or it proves nothing.
        """
        credential = assertion.credential
        row = await queries.find(self.table, digest_of(credential["id"]))
        if row is None or (user is not None and row.user != primary_key(user)):
            raise Unproved
        # Whoever finds a key without a PIN can set one. So it verifies only the user who had a PIN
        # when the key was added (WebAuthn Level 3 section 7.2, `uvInitialized`).
        if verifies and not row.verifies_user:
            raise Unproved
        given = credential["response"].get("userHandle")
        if given and given.rstrip("=") != await queries.handle_of(self._owners, row.user):
            raise Unproved
        signed = self.party.verify_assertion(
            credential, assertion.challenge, row.public_key, verifies=verifies
        )
        if signed.is_backup_eligible is not row.is_backup_eligible:
            raise Unproved
        now = self.users.clock()
        if not await queries.use(
            self.table, row, sign_count=signed.sign_count, is_backed_up=signed.is_backed_up, now=now
        ):
            data = {"name": row.name}
            await emit(AuthEvent("authn_passkey_clone_suspected", now, row.user, data))
            raise Unproved
        return row, signed


def _transports(credential: Mapping[str, Any]) -> Sequence[str]:
    """Return the transports that a browser named, without what options can't have."""
    named = credential["response"].get("transports") or ()
    return [name for name in named if re.fullmatch(r"[a-z-]{1,16}", name)][:8]


def _is_discoverable(credential: Mapping[str, Any]) -> bool | None:
    """Return what the extension `credProps` says, if browsers sent it as it is specified."""
    said = credential.get("clientExtensionResults", {}).get("credProps")
    is_found = said.get("rk") if isinstance(said, dict) else None
    return is_found if isinstance(is_found, bool) else None
