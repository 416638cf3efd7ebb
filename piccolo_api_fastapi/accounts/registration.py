"""`Registration`: make an account."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic

from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, telling
from piccolo_api_fastapi.errors import IdentityTaken, Unprocessable, ValueTaken
from piccolo_api_fastapi.mail.messages import DetailTaken, UsernameTaken
from piccolo_api_fastapi.users import Comparison, UserT
from piccolo_api_fastapi.users.identifiers import own_username

from . import queries
from .columns import check_not_null, refusing_values
from .mailboxes import NewCode
from .settings import Settings

_REFUSED = "user_register_fail"

CREATES = 3
"""The rows that a registration inserts: the user, the password and the state of the address."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """
    A requested account, checked as far as is possible without revealing who has one.

    Args:
        username: The username in its normal form.
        email: The address in its normal form.
        encoded: The hash of the password.
        compared: The password of an earlier registration of the address, compared with this one.
        code: A code to send to the address.
        columns: The values of further columns.
    """

    username: str
    email: str
    encoded: str = field(repr=False)
    compared: Comparison
    code: NewCode
    columns: dict[str, Any]


class Registration(Generic[UserT]):
    """
    Makes accounts, with mail or without.

    Args:
        settings: What the parts of `Accounts` share.
        active_before_verified: Whether users may sign in before they verify their address.
    """

    def __init__(self, settings: Settings[UserT], *, active_before_verified: bool) -> None:
        self._settings = settings
        self._users = settings.users
        self._active_before_verified = active_before_verified

    async def prepare(
        self, username: str | None, email: str, password: str, columns: Mapping[str, Any]
    ) -> NewAccount:
        """
        Check the values of a registration, as far as the result reveals nothing about others.

        Raises:
            Unprocessable: A value can't be used.
            WeakPassword: The policy refuses the password.
            HasherBusy: Too many passwords are being hashed.
            StoreUnavailable: The database is down.
        """
        async with self._registering():
            address = self._users.new_email(email)
            name = own_username(username or address, self._users.table.username.length, address)
            check_not_null(self._users.table, columns)
            encoded = await self._users.encode(password, name, address)
            await self._settings.accept(address)
            if columns:
                with refusing_values():
                    await queries.check_values(self._users.table, dict(columns))
            # Every slow hash comes before the response, for everybody.
            code = await self._settings.mailboxes.verification.new_code()
            compared = await self._users.compare(address, password)
        return NewAccount(name, address, encoded, compared, code, dict(columns))

    async def register(self, account: NewAccount) -> None:
        """
        Make an account and send a link, or tell the owner of the address. Call it after the
        response, which is the same in both cases.
        """
        owner = await self._settings.mailboxes.addresses.find(account.email)
        if owner is None:
            await self._register_new(account)
        else:
            refusal = {"error": IdentityTaken.__name__}
            await emit(AuthEvent(_REFUSED, self._users.clock(), data=refusal))
            await self._register_again(owner, account)

    async def _register_new(self, account: NewAccount) -> None:
        try:
            async with self._registering():
                user = await self._create(account)
        except IdentityTaken:
            owner = await self._settings.mailboxes.addresses.find(account.email)
            if owner is None:
                await self._tell_stranger(UsernameTaken, account)
            else:
                await self._register_again(owner, account)
        except ValueTaken:
            await self._tell_stranger(DetailTaken, account)
        else:
            await self._settings.mailboxes.verification.send(user, account.code)

    async def register_and_tell(
        self, username: str, email: str | None, password: str, columns: Mapping[str, Any]
    ) -> UserT:
        """
        Make an account before the response, which says what is taken.

        Raises:
            Unprocessable: A value can't be used.
            WeakPassword: The policy refuses the password.
            IdentityTaken: The username or the address belongs to another user.
            ValueTaken: The value of another column belongs to another user.
        """
        async with self._registering():
            check_not_null(self._users.table, columns)
            with refusing_values():
                return await self._users.create(username, password, email=email, **columns)

    def _registering(self) -> AbstractAsyncContextManager[None]:
        errors = (Unprocessable, IdentityTaken, ValueTaken)
        return telling(_REFUSED, self._users.clock, *errors)

    async def _create(self, account: NewAccount) -> UserT:
        async with transaction(self._users.table):
            user = await self._users.create(
                account.username,
                email=account.email,
                encoded=account.encoded,
                active=self._active_before_verified,
                **account.columns,
            )
            await self._settings.mailboxes.verification.begin(
                user, activates=not self._active_before_verified
            )
        return user

    async def _register_again(self, owner: UserT, account: NewAccount) -> None:
        mailboxes = self._settings.mailboxes
        async with transaction(self._users.table):
            is_new = await mailboxes.verification.is_new(owner)
            may_send = is_new and await self._may_send_again(owner, account)
            if not is_new:
                await self._rehearse(owner)
        if not is_new:
            await mailboxes.pacing.tell_owner(owner)
        elif may_send:
            await mailboxes.verification.send(owner, account.code)
        else:
            await mailboxes.pacing.rehearse_tickets(2)

    async def _may_send_again(self, owner: UserT, account: NewAccount) -> bool:
        """Whether another link may be sent to an address that was registered and not verified."""
        mailboxes = self._settings.mailboxes
        may_verify = owner.active or await mailboxes.addresses.waits(owner)
        may_send = may_verify and await mailboxes.pacing.may_send(owner, "verification")
        await self._contest(owner, account)
        return may_send

    async def _contest(self, owner: UserT, account: NewAccount) -> None:
        """Of two different passwords, nobody knows which is the owner's: both will be refused."""
        is_compared = await self._users.still_has(owner, account.compared)
        if not (is_compared and account.compared.is_same):
            contest = self._settings.mailboxes.verification.contest
            await contest(owner, is_compared=is_compared)

    async def _rehearse(self, owner: UserT) -> None:
        """
        Run as many statements on the owner of an address as `_create` for a new user: work after
        the response slows the next request, which would reveal that the address is taken.
        """
        for _ in range(CREATES):
            await self._users.lock(primary_key(owner))

    async def _tell_stranger(
        self, kind: type[UsernameTaken | DetailTaken], account: NewAccount
    ) -> None:
        to: Any = {"to": account.email, "username": account.username, "user": None}
        await self._settings.mailboxes.send(kind(at=self._users.clock(), **to))
