"""`Settings`: what the parts of `Accounts` share, and `MailSettings`: how they send mail."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Generic

from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.access.csrf import SameOrigin
from piccolo_api_fastapi.access.guards import AnyOf, Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.optional_user import optional
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.access.step_up import StepUp
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.mail.links import Links, LinkStyle
from piccolo_api_fastapi.mail.message import Mail
from piccolo_api_fastapi.mail.messages import AccountClosed, PasswordChanged
from piccolo_api_fastapi.mail.wording import Wording
from piccolo_api_fastapi.users import Users, UserT
from piccolo_api_fastapi.users.identifiers import normal_email, real_email

from . import queries
from .mailboxes import Caller, Mailboxes, MailLifetimes

PATHS = {
    "verify": "/verify-email",
    "reset": "/reset-password",
    "change": "/change-email",
    "undo": "/undo-email",
    "login": "/login-by-email",
}

FRESH = StepUp(within=timedelta(minutes=5))
"""If the caller used a factor within this time, the password is not required."""

RESET, LONGEST_RESET = timedelta(minutes=30), timedelta(hours=1)
"""The lifetimes of a link that sets a new password: the default of `Accounts`, and the longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """
    The arguments of `Accounts` that concern mail.

    Args:
        mail: Sends messages.
        base_url: The URL of the pages that links open.
        paths: The paths of pages that differ from `PATHS`.
        links: Where links have their secrets.
        reset_lifetime: The lifetime of a link that sets a new password.
        lifetimes: The lifetimes of all other links and codes.
        wording: The name of the product, and texts of the application's own.

    Raises:
        ConfigurationError: The arguments contradict each other.
    """

    mail: Mail | None
    base_url: str | None
    paths: Mapping[str, str] | None
    links: LinkStyle
    reset_lifetime: timedelta
    lifetimes: MailLifetimes | None
    wording: Wording

    def __post_init__(self) -> None:
        if (self.mail is None) is not (self.base_url is None):
            raise ConfigurationError("Give Accounts both mail= and base_url=, or neither.")
        if self.mail is None and (given := ", ".join(self._of_mail())):
            raise ConfigurationError(
                f"{given} need Accounts(mail=…, base_url=…). Leave them out if there is no mail."
            )
        if not set(self.paths or ()) <= PATHS.keys():
            raise ConfigurationError(
                "The keys of paths must be verify, reset, change, undo or login."
            )
        if not timedelta(0) < self.reset_lifetime <= LONGEST_RESET:
            raise ConfigurationError("reset_lifetime must be positive, and an hour or less.")

    def _of_mail(self) -> Iterator[str]:
        """Yield the names of the given arguments that change messages and their links."""
        given = {
            "product": self.wording.product,
            "texts": self.wording.texts,
            "links": self.links != "fragment",
            "paths": self.paths,
            "lifetimes": self.lifetimes,
            "reset_lifetime": self.reset_lifetime != RESET,
        }
        return (f"{name}=" for name, is_given in given.items() if is_given)

    def mailboxes_of(self, users: Users[UserT]) -> Mailboxes[UserT] | None:
        """The mailboxes of these users, or None without mail."""
        if self.mail is None or self.base_url is None:
            return None
        links = Links(self.base_url, {**PATHS, **(self.paths or {})}, self.links)
        lifetimes = self.lifetimes or MailLifetimes()
        return Mailboxes(users, self.mail, links, lifetimes, self.wording)


class Settings(Generic[UserT]):
    """
    The users, schemes, login and mail that the parts of `Accounts` share.

    Args:
        users: The users whose accounts these are.
        schemes: The schemes by which users are signed in; by default those of `guard`.
        guard: The guard of the routes that change an account, such as a `require(…)`.
        login: Checks passwords.
        mailing: The settings of mail.
        csrf: The CSRF check of routes that need no login.

    Raises:
        ConfigurationError: A scheme or the login belongs to another user table.
    """

    def __init__(
        self,
        users: Users[UserT],
        schemes: Sequence[Scheme[UserT]],
        guard: Guard[UserT] | None,
        login: Login[UserT] | None,
        mailing: MailSettings,
        csrf: SameOrigin | None,
    ) -> None:
        self.users = users
        self.schemes = tuple(schemes) or (guard.schemes if guard else ())
        self._guard = guard
        self.login = login or Login(users)
        self.csrf = csrf or _csrf_of(self.schemes)
        self._check_owners()
        self._mailboxes = mailing.mailboxes_of(users)

    def _check_owners(self) -> None:
        """A primary key of one user table would name another user in this one."""
        schemes = (*self.schemes, *(self._guard.schemes if self._guard else ()))
        owners = [self.login.users, *(getattr(scheme, "users", None) for scheme in schemes)]
        if any(owner is not None and owner.table is not self.users.table for owner in owners):
            raise ConfigurationError(
                "A scheme or the login has another user table than Accounts. "
                "Give all of them the same users."
            )

    @property
    def has_mail(self) -> bool:
        """Whether messages are sent."""
        return self._mailboxes is not None

    @property
    def mailboxes(self) -> Mailboxes[UserT]:
        """
        The addresses of the users.

        Raises:
            ConfigurationError: `Accounts` was made without mail.
        """
        if self._mailboxes is None:
            raise ConfigurationError("This needs Accounts(mail=…, base_url=…).")
        return self._mailboxes

    @cached_property
    def guard(self) -> InPerson[UserT]:
        """
        The guard of routes that change an account. It refuses API tokens and narrowed tokens.

        Raises:
            ConfigurationError: `Accounts` was made without schemes.
        """
        return in_person(self._guard or self._anyone, *self.schemes)

    @cached_property
    def reader(self) -> InPerson[UserT]:
        """
        The guard of the route that shows an account. It refuses API tokens only.

        Raises:
            ConfigurationError: `Accounts` was made without schemes.
        """
        return in_person(self._anyone, scopes=())

    @property
    def _anyone(self) -> AnyOf[UserT]:
        if not self.schemes:
            raise ConfigurationError("This needs Accounts(schemes=[…]).")
        return AnyOf(*self.schemes)

    @cached_property
    def caller(self) -> Any:
        """The dependency that gives the identity of the signed-in caller, or None."""
        managing = [scheme for scheme in self.schemes if scheme.manages_credentials]
        return optional(AnyOf(*managing)).identity if managing else _nobody

    def spared(
        self, caller: Identity[UserT] | None, request: Request, response: Response
    ) -> Caller[UserT] | None:
        """The caller whose own credential is kept, with a new secret, when others are revoked."""
        return None if caller is None else Caller(caller, self.reader, request, response)

    async def accept(self, email: str) -> str:
        """
        The normal form of an address in a request, whether or not a user has it.

        Raises:
            Unprocessable: The text is not an e-mail address.
            StoreUnavailable: The database is down. The work runs after the response, when it is
                too late to say so.
        """
        address = normal_email(email)
        await queries.ping(self.users.table)
        return address

    async def prove(
        self, identity: Identity[UserT], password: str | None, request: Request
    ) -> Identity[UserT]:
        """
        Check that a signed-in caller is the user and not a person at an unlocked device.

        Returns:
            The caller. Without a password, the step-ups of their credential are used up.

        Raises:
            InvalidCredentials: The password is wrong.
            StepUpRequired: No password was given, and the caller has used no factor recently;
                or with a bearer token, not since it was issued or the last change.
        """
        if password is None:
            await self.guard.check(FRESH, identity, request)
            return await self.guard.use_step_ups(identity)
        client, credential = self.login.client(request), identity.credential_id
        await self.login.confirm_password(identity.user, password, client, credential=credential)
        return identity

    async def tell(self, kind: type[AccountClosed], user: UserT) -> None:
        """Tell a user by mail what was done to their account, if they have an address."""
        if self.has_mail and real_email(user.email) is not None:
            await self.mailboxes.send(kind(**self.to(user)))

    async def owe(self, kind: type[PasswordChanged], user: UserT) -> None:
        """
        Store in the open transaction what a user is to be told by mail, if they have an address.
        `Delivery.retry` sends it.
        """
        if self.has_mail and real_email(user.email) is not None:
            await self.mailboxes.send.owe(kind(**self.to(user)))

    def to(self, user: UserT) -> dict[str, Any]:
        """The arguments of a message that say who it is for."""
        key, now = primary_key(user), self.users.clock()
        return {"to": user.email, "username": user.username, "user": key, "at": now}


async def _nobody() -> None:
    """The caller, where no scheme can sign a user in."""


def _csrf_of(schemes: Sequence[Scheme[Any]]) -> SameOrigin:
    """The check of the first scheme that has one, so that the same origins are trusted."""
    found = (getattr(scheme, "csrf", None) for scheme in schemes)
    return next((check for check in found if isinstance(check, SameOrigin)), SameOrigin())
