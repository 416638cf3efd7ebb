"""`Accounts`: what people do with accounts of their own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Generic, cast

from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.access.csrf import SameOrigin
from piccolo_api_fastapi.access.guards import AnyOf
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.optional_user import optional
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.access.refusal_events import check_step_up
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.access.step_up import PASSWORD, StepUp
from piccolo_api_fastapi.core.database.outages import is_unique_violation, is_unusable_value, store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, telling
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    FieldError,
    IdentityTaken,
    InvalidTicket,
    SessionEnded,
    TooManyRequests,
    Unprocessable,
    ValueTaken,
)
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.tickets import Tickets
from piccolo_api_fastapi.mail.links import Links
from piccolo_api_fastapi.mail.messages import (
    AccountClosed,
    DetailTaken,
    Mail,
    PasswordChanged,
    ResetPassword,
    UsernameTaken,
)
from piccolo_api_fastapi.users import Users, UserT
from piccolo_api_fastapi.users.identifiers import normal_email, normal_username, real_email

from . import queries as service
from .limits import AccountLimits
from .mailboxes import Caller, Mailboxes, MailLifetimes
from .queries import Registration
from .schemas import Models, make_models

PATHS = {
    "verify": "/verify-email",
    "reset": "/reset-password",
    "change": "/change-email",
    "undo": "/undo-email",
}

FRESH = StepUp(within=timedelta(minutes=5))
"""Who presented a factor since then is not asked for the password."""

ATTEMPTS = 10
"""So often a reset link may be presented: a password that is refused is typed again."""


class Accounts(Generic[UserT]):
    """
    Registration, verified addresses, forgotten passwords, changes, and the end of an account.

    Mount `accounts_router`, or the routers of which it consists. Without `mail` there are no
    verified addresses and no forgotten passwords, and `POST /register` tells what is taken.

    Args:
        users: Whose accounts.
        mail: Sends messages, after the answer.
        base_url: Of the pages that links lead to, such as `https://app.example.com`.
        paths: Pages other than `/verify-email`, `/reset-password`, `/change-email` and
            `/undo-email`, by the keys `verify`, `reset`, `change` and `undo`.
        schemes: By which people are signed in.
        login: Checks the password of those who are, with its hooks.
        extra: Columns of the user table that people fill in and change themselves.
        active_before_verified: Let people log in before their address is verified.
        reset_lifetime: How long a link for a new password is good; an hour at most.
        lifetimes: How long what else is mailed is good.
        csrf: The check of routes that need no login; by default that of the session scheme.
        limits: How often those routes may be asked.

    Raises:
        ConfigurationError: The settings contradict each other.
    """

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        users: Users[UserT] | None = None,
        *,
        mail: Mail | None = None,
        base_url: str | None = None,
        paths: Mapping[str, str] | None = None,
        schemes: Sequence[Scheme[UserT]] = (),
        login: Login[UserT] | None = None,
        extra: Sequence[str] = (),
        active_before_verified: bool = False,
        reset_lifetime: timedelta = timedelta(minutes=30),
        lifetimes: MailLifetimes | None = None,
        csrf: SameOrigin | None = None,
        limits: AccountLimits | None = None,
    ) -> None:
        self.users: Users[UserT] = cast("Any", Users()) if users is None else users
        self.schemes = tuple(schemes)
        self.login = login or Login(self.users)
        self.active_before_verified = active_before_verified
        self.csrf = csrf or _csrf_of(self.schemes)
        self.limits = limits or AccountLimits()
        self.models: Models = make_models(self.users.table, extra, has_mail=mail is not None)
        self._mailboxes: Mailboxes[UserT] | None = None
        self._check_owners()
        if (mail is None) is not (base_url is None):
            raise ConfigurationError(
                "Mail needs a base_url for its links, and a base_url needs mail."
            )
        if not set(paths or ()) <= PATHS.keys() or reset_lifetime > timedelta(hours=1):
            raise ConfigurationError(
                "The paths are verify, reset, change and undo; a reset link lives an hour at most."
            )
        if mail is not None and base_url is not None:
            links = Links(base_url, {**PATHS, **(paths or {})})
            self._mailboxes = Mailboxes(self.users, mail, links, lifetimes or MailLifetimes())
        self._by_cookie = [scheme for scheme in self.schemes if scheme.transport == "cookie"]
        managing = [scheme for scheme in self.schemes if scheme.manages_credentials]
        self.caller = optional(AnyOf(*managing)).identity if managing else _nobody
        self._resets = Tickets(
            self.users, "reset-password", lifetime=reset_lifetime, attempts=ATTEMPTS
        )

    def _check_owners(self) -> None:
        """The primary keys of one user table are no good for another."""
        owners = [self.login.users, *(getattr(scheme, "users", None) for scheme in self.schemes)]
        if any(owner is not None and owner.table is not self.users.table for owner in owners):
            raise ConfigurationError("A scheme, or the login, is for another user table.")

    @property
    def has_mail(self) -> bool:
        """Whether there is mail."""
        return self._mailboxes is not None

    @property
    def mailboxes(self) -> Mailboxes[UserT]:
        """
        What is done with addresses.

        Raises:
            ConfigurationError: There is no mail.
        """
        if self._mailboxes is None:
            raise ConfigurationError("This needs Accounts(mail=…, base_url=…).")
        return self._mailboxes

    @property
    def guard(self) -> InPerson[UserT]:
        """
        The person who is signed in, not a machine.

        Raises:
            ConfigurationError: There are no schemes.
        """
        if not self.schemes:
            raise ConfigurationError("This needs Accounts(schemes=[…]).")
        return in_person(AnyOf(*self.schemes))

    def spared(
        self, caller: Identity[UserT] | None, request: Request, response: Response
    ) -> Caller[UserT] | None:
        """Whose credential goes on, with a new secret, where those of the user end."""
        if caller is None:
            return None
        return Caller(caller, partial(self.guard.renew, caller, request, response))

    async def accept(self, email: str) -> str:
        """
        The normal form of an address that somebody sent, known or not.

        Raises:
            Unprocessable: It is none.
            StoreUnavailable: The database is down: better said now than after the answer.
        """
        address = normal_email(email)
        async with store():
            await service.ping(self.users.table)
        return address

    async def accept_change(
        self, identity: Identity[UserT], password: str | None, email: str, request: Request
    ) -> str:
        """
        The normal form of an address that a user wants to change to.

        Raises:
            Unprocessable: It is none, or can't be a username where the old one is.
            InvalidCredentials: The password is wrong, or the account was closed meanwhile.
            StepUpRequired: It was not given, and no factor was presented lately.
            TooManyRequests: They asked a moment ago.
        """
        key = primary_key(identity.user)
        failing = telling("user_email_change_fail", self.users.clock, Unprocessable, user=key)
        async with failing:
            address = normal_email(email)
            if "@" in identity.user.username:
                normal_username(address, self.users.table.username.length or 0)
        await self.prove(identity, password, request)
        if not await self.mailboxes.may_send(identity.user, "change"):
            raise TooManyRequests(retry_after=60)
        return address

    async def prepare(
        self, username: str | None, email: str, password: str, columns: Mapping[str, Any]
    ) -> Registration:
        """
        Check what somebody wants to register, as far as that tells nothing about others.

        Raises:
            Unprocessable: A value can't be used.
            WeakPassword: The policy refuses the password.
            HasherBusy: Too many passwords are being hashed.
            StoreUnavailable: The database is down: better said now than after the answer.
        """
        async with self._registering():
            address = normal_email(email)
            name = normal_username(username or address, self.users.table.username.length or 0)
            if "@" in name and name != address:
                normal_username("", 0)  # or it would catch logins by the address of somebody else
            self._check_columns(columns)
            encoded = await self.users.encode(password, name, address)
            await self.accept(address)
            if columns:
                with _refusing():
                    async with store():
                        await service.check_values(self.users.table, dict(columns))
        return Registration(name, address, password, encoded, dict(columns))

    async def register(self, registration: Registration) -> None:
        """
        Make the account and send a link, or tell the owner of the address. It runs after the
        answer, which is the same for all.
        """
        try:
            async with self._registering():
                user = await self._create(registration)
        except IdentityTaken:
            await self._register_again(registration)
        except ValueTaken:
            await self._tell_stranger(DetailTaken, registration)
        else:
            await self.mailboxes.send_verification(user)

    def _registering(self) -> AbstractAsyncContextManager[None]:
        errors = (Unprocessable, IdentityTaken, ValueTaken)
        return telling("user_register_fail", self.users.clock, *errors)

    async def _create(self, registration: Registration) -> UserT:
        async with store(), transaction(self.users.table):
            user = await self.users.create(
                registration.username,
                email=registration.email,
                encoded=registration.encoded,
                active=self.active_before_verified,
                **registration.columns,
            )
            await self.mailboxes.begin(user, activates=not self.active_before_verified)
        return user

    async def _register_again(self, registration: Registration) -> None:
        owner = await self.mailboxes.find(registration.email)
        if owner is None:
            await self._tell_stranger(UsernameTaken, registration)
        elif await self.mailboxes.is_new(owner):
            # Of two passwords nobody knows which is the owner's: neither will be good.
            # Noted before they are compared, since that may fail.
            await self.mailboxes.contest(owner)
            is_same = await self.users.has_password(owner, registration.password)
            await self.mailboxes.compared(owner, is_same=is_same)
            await self.mailboxes.request_verification(registration.email)
        else:
            await self.mailboxes.tell_owner(owner)

    async def _tell_stranger(
        self, kind: type[UsernameTaken | DetailTaken], registration: Registration
    ) -> None:
        to: Any = {"to": registration.email, "username": registration.username, "user": None}
        await self.mailboxes.send(kind(at=self.users.clock(), **to))

    async def register_and_tell(
        self, username: str, email: str | None, password: str, columns: Mapping[str, Any]
    ) -> UserT:
        """
        Make an account at once; without mail there is no other way to tell what is taken.

        Raises:
            Unprocessable: A value can't be used.
            WeakPassword: The policy refuses the password.
            IdentityTaken: The username or the address belongs to somebody.
            ValueTaken: The value of another column does.
        """
        async with self._registering():
            self._check_columns(columns)
            with _refusing():
                return await self.users.create(username, password, email=email, **columns)

    async def request_reset(self, email: str) -> None:
        """Send a link for a new password to the stored address of a user, if there is one."""
        user = await self.mailboxes.find(email)
        if user is None or not (user.active or await self.mailboxes.waits(user)):
            key = None if user is None else primary_key(user)
            name = "authn_password_reset_request_fail"
            await emit(AuthEvent(name, self.users.clock(), key))
            return
        if await self.mailboxes.may_send(user, "reset"):
            await self.send_reset(user)

    async def send_reset(self, user: UserT) -> None:
        """Send a link for a new password; if that fails, the next request may do so at once."""
        await self.mailboxes.or_forget(user, "reset", lambda: self._send_reset(user))

    async def _send_reset(self, user: UserT) -> bool:
        key, now = primary_key(user), self.users.clock()
        async with store(), transaction(self.users.table):
            token = await self._resets.issue(key, user.email, replace=True)
            await emit(AuthEvent("authn_password_reset_requested", now, key))
        link = self.mailboxes.links.to("reset", token)
        message = ResetPassword(**self._to(user), link=link, expires_at=now + self._resets.lifetime)
        return await self.mailboxes.send(message)

    async def reset_password(self, token: str, password: str) -> UserT:
        """
        Set a new password by the secret of a link. It signs nobody in, and every other way in
        ends. That the link came by mail verifies the address, too.

        Raises:
            InvalidTicket: It is unknown, used or expired, the address is another by now, or the
                user is disabled.
            WeakPassword: The policy refuses the password; the link stays good.
        """
        errors = (InvalidTicket, Unprocessable)
        async with telling("authn_password_reset_fail", self.users.clock, *errors):
            ticket = await self._resets.present(token)
            user = await self.mailboxes.get(ticket.user)
            encoded = await self.users.encode(password, user.username, real_email(user.email))
            async with store(), transaction(self.users.table):
                await self.mailboxes.hold(ticket.user, ticket.data)
                await self._resets.burn(ticket)
                before = await self.mailboxes.mark_verified(ticket.user, ticket.data)
                await self.users.store_password(user, encoded, everything=before.is_new)
                await emit(AuthEvent("authn_password_reset", self.users.clock(), ticket.user))
        return user

    async def change_password(
        self,
        identity: Identity[UserT],
        current: str | None,
        new: str,
        request: Request,
        response: Response,
    ) -> None:
        """
        Change the password of somebody who is signed in, and end every other way in. Their own
        session gets a new cookie, and their browser is known anew.

        Raises:
            InvalidCredentials: The current password is wrong, or the account was closed meanwhile.
            StepUpRequired: It was not given, and no factor was presented lately.
            WeakPassword: The policy refuses the new one.
        """
        await self.prove(identity, current, request)
        user = identity.user
        clock, key = self.users.clock, primary_key(user)
        async with telling("authn_password_change_fail", clock, Unprocessable, user=key):
            encoded = await self.users.encode(new, user.username, real_email(user.email))
        async with store(), transaction(self.users.table):
            await self.users.store_password(user, encoded, keep=identity.credential_id)
            await self.guard.step_up(identity, PASSWORD, request, response)
            if any(one.scheme_name == identity.scheme for one in self._by_cookie):
                await self.login.remember(user, request, response)

    async def prove(
        self, identity: Identity[UserT], password: str | None, request: Request
    ) -> None:
        """
        Make sure that somebody who is signed in is still there.

        Raises:
            InvalidCredentials: The password is wrong.
            StepUpRequired: There is none, and no factor was presented lately.
        """
        if password is None:
            await check_step_up(FRESH, identity, request, self.users.clock())
        else:
            await self.login.confirm_password(identity.user, password, self.login.client(request))

    async def tell(self, kind: type[PasswordChanged | AccountClosed], user: UserT) -> None:
        """Tell a user by mail what was done, if they have an address."""
        if self.has_mail and real_email(user.email) is not None:
            await self.mailboxes.send(kind(**self._to(user)))

    def retry_mail(self, event: AuthEvent) -> None:
        """A listener: when a user does something, what could not be mailed is tried again."""
        self.mailboxes.send.on_event(event)

    async def update(self, user: UserT, values: Mapping[str, Any]) -> UserT:
        """
        Change the columns that a user may change.

        Returns:
            The user as they are then.

        Raises:
            Unprocessable: A column can't be empty, or a value does not fit it.
            ValueTaken: A value belongs to somebody else.
            SessionEnded: The account was closed meanwhile.
        """
        self._check_columns(values)
        if not values:
            return user
        key = primary_key(user)
        with _refusing():
            async with store(), transaction(self.users.table):
                if not await service.update_columns(self.users.table, key, dict(values)):
                    raise SessionEnded
                await emit(AuthEvent("user_updated", self.users.clock(), key))
        return await self.users.get(key) or user

    async def close(
        self, identity: Identity[UserT], password: str | None, request: Request
    ) -> None:
        """
        Delete a user and what belongs to them. Events stay. Of several at once, one does.

        Raises:
            InvalidCredentials: The password is wrong, or the account was closed meanwhile.
            StepUpRequired: It was not given, and no factor was presented lately.
        """
        await self.prove(identity, password, request)
        key = primary_key(identity.user)
        async with store(), transaction(self.users.table):
            await self.users.lock(key)
            # Before it is done, so that a `before_commit` listener finds what it has to clear away.
            await emit(AuthEvent("user_deleted", self.users.clock(), key))
            await service.delete_user(self.users.table, key)

    def _check_columns(self, values: Mapping[str, Any]) -> None:
        columns = {column._meta.name: column for column in self.users.table._meta.columns}
        missing = [
            FieldError(("body", name), "This can't be empty.", "column_null")
            for name, value in values.items()
            if value is None and not columns[name]._meta.null
        ]
        if missing:
            raise Unprocessable(missing)

    def _to(self, user: UserT) -> dict[str, Any]:
        """Whom a message is for."""
        key, now = primary_key(user), self.users.clock()
        return {"to": user.email, "username": user.username, "user": key, "at": now}


@contextmanager
def _refusing() -> Iterator[None]:
    """
    Say what the database says of values that somebody filled in.

    Raises:
        ValueTaken: One belongs to somebody else.
        Unprocessable: One does not fit its column.
    """
    try:
        yield
    except Exception as error:
        if is_unique_violation(error):
            raise ValueTaken from None
        if is_unusable_value(error):
            unusable = FieldError(("body",), "A value can't be stored.", "value_unusable")
            raise Unprocessable([unusable]) from None
        raise


async def _nobody() -> None:
    """The caller, where nobody can be signed in."""


def _csrf_of(schemes: Sequence[Scheme[Any]]) -> SameOrigin:
    """That of the first scheme that has one: what it trusts may register, too."""
    found = (getattr(scheme, "csrf", None) for scheme in schemes)
    return next((check for check in found if isinstance(check, SameOrigin)), SameOrigin())
