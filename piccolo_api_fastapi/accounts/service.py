"""`Accounts`: everything that users do with their own account."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic

from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.access.csrf import SameOrigin
from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.names import operation_prefix
from piccolo_api_fastapi.access.person_only import InPerson
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.unverified import offer_after_refusal
from piccolo_api_fastapi.mail.links import LinkStyle
from piccolo_api_fastapi.mail.message import Mail
from piccolo_api_fastapi.mail.messages import AccountClosed
from piccolo_api_fastapi.mail.wording import Texts, Wording
from piccolo_api_fastapi.users import Users, UserT, or_default

from .limits import AccountLimits
from .mailboxes import Caller, Mailboxes, MailLifetimes
from .passwords import Passwords
from .profile import Profile
from .registration import NewAccount, Registration
from .schemas import Models, make_models
from .settings import MailSettings, Settings
from .unverified import Unverified


@configured
class Accounts(Generic[UserT]):
    """
    Registration, verified addresses, forgotten passwords, changes, and the deletion of accounts.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import Accounts, SessionAuth, accounts_router
    from piccolo_api_fastapi.mail import ConsoleMail

    app = FastAPI()
    accounts = Accounts(
        mail=ConsoleMail(), base_url="http://localhost:8000", schemes=[SessionAuth()]
    )
    app.include_router(accounts_router(accounts), prefix="/auth")
    ```

    Without `mail` there are no verified addresses and no forgotten passwords, and
    `POST /register` reveals which usernames and addresses are taken.

    Args:
        users: The users whose accounts these are; `Users()` by default.
        mail: Sends messages, after the response.
        base_url: The URL of the pages that links open, such as `https://app.example.com`.
        product: The name of the product, such as `Movie club`, for subjects and texts.
        texts: For classes of messages, functions that return the subject and the whole text.
        paths: The paths of pages that are not at `/verify-email`, `/reset-password`,
            `/change-email`, `/undo-email` and `/login-by-email`, by the keys `verify`, `reset`,
            `change`, `undo` and `login`.
        links: Where links have their secrets. In the `fragment`, only a script can read them; in
            the `query`, they are left in access logs.
        schemes: The schemes by which users are signed in; by default those of `guard`.
        guard: The guard of the routes that change an account, such as a `require(…)`; by default
            any of the schemes.
        login: Checks passwords of signed-in users, with its hooks; `Login(users)` by default.
        extra: The names of columns of the user table that users may fill in and change.
        active_before_verified: Whether users may sign in before they verify their address.
        tells_unverified: Whether a login answers 403, `email_not_verified`, if the password is
            right and only the address is not verified. By default, the answer is that to a wrong
            password. The link is sent again in both cases.
        reset_lifetime: The lifetime of a link that sets a new password, at most an hour.
        lifetimes: The lifetimes of all other links and codes.
        csrf: The CSRF check of routes that need no login; by default the check of the session
            scheme.
        limits: The rate limits of those routes.

    Raises:
        ConfigurationError: The arguments contradict each other.
    """

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        users: Users[UserT] | None = None,
        *,
        mail: Mail | None = None,
        base_url: str | None = None,
        product: str = "",
        texts: Texts | None = None,
        paths: Mapping[str, str] | None = None,
        links: LinkStyle = "fragment",
        schemes: Sequence[Scheme[UserT]] = (),
        guard: Guard[UserT] | None = None,
        login: Login[UserT] | None = None,
        extra: Sequence[str] = (),
        active_before_verified: bool = False,
        tells_unverified: bool = False,
        reset_lifetime: timedelta = timedelta(minutes=30),
        lifetimes: MailLifetimes | None = None,
        csrf: SameOrigin | None = None,
        limits: AccountLimits | None = None,
    ) -> None:
        mailing = MailSettings(
            mail=mail,
            base_url=base_url,
            paths=paths,
            links=links,
            reset_lifetime=reset_lifetime,
            lifetimes=lifetimes,
            wording=Wording(product, texts or {}),
        )
        self.users = or_default(users)
        self.settings = Settings(self.users, schemes, guard, login, mailing, csrf)
        self.schemes = self.settings.schemes
        self.login = self.settings.login
        self.csrf = self.settings.csrf
        self.caller = self.settings.caller
        self.limits = limits or AccountLimits()
        self.active_before_verified = active_before_verified
        name = operation_prefix(None, *self.schemes)
        self.models: Models = make_models(
            self.users.table, extra, has_mail=mail is not None, name=name
        )
        self._registration = Registration(
            self.settings, active_before_verified=active_before_verified
        )
        self._passwords = Passwords(self.settings, reset_lifetime)
        self._profile = Profile(self.settings)
        self._offer_verification(tells_unverified=tells_unverified)

    def _offer_verification(self, *, tells_unverified: bool) -> None:
        if self.has_mail:
            limit = self.limits.mail_by_account
            unverified = Unverified(self.mailboxes, limit, tells=tells_unverified)
            offer_after_refusal(self.users.table, unverified.after_refusal)
        elif tells_unverified:
            raise ConfigurationError("tells_unverified=True needs Accounts(mail=…, base_url=…).")

    @property
    def has_mail(self) -> bool:
        """Whether messages are sent."""
        return self.settings.has_mail

    @property
    def mailboxes(self) -> Mailboxes[UserT]:
        """The addresses of the users. Raises ConfigurationError without mail."""
        return self.settings.mailboxes

    @property
    def guard(self) -> InPerson[UserT]:
        """The guard of routes that change an account. Raises ConfigurationError without schemes."""
        return self.settings.guard

    @property
    def reader(self) -> InPerson[UserT]:
        """The guard of `GET /me`. Raises ConfigurationError without schemes."""
        return self.settings.reader

    def retry_mail(self, event: AuthEvent) -> None:
        """
        A listener that sends mail again that could not be sent to a user, when that user does
        something.
        """
        self.mailboxes.send.on_event(event)

    async def tell(self, kind: type[AccountClosed], user: UserT) -> None:
        """Tell a user by mail what was done to their account. See `Settings.tell`."""
        await self.settings.tell(kind, user)

    async def send_owed(self, user: UserT) -> None:
        """Send the stored mail of a user that is due. There is none without mail."""
        if self.has_mail:
            await self.mailboxes.send.retry(primary_key(user))

    async def prove(
        self, identity: Identity[UserT], password: str | None, request: Request
    ) -> Identity[UserT]:
        """Check the password of a signed-in caller, or step-up. See `Settings.prove`."""
        return await self.settings.prove(identity, password, request)

    def spared(
        self, caller: Identity[UserT] | None, request: Request, response: Response
    ) -> Caller[UserT] | None:
        """The caller whose own credential is kept. See `Settings.spared`."""
        return self.settings.spared(caller, request, response)

    async def accept(self, email: str) -> str:
        """The normal form of an address in a request. See `Settings.accept`."""
        return await self.settings.accept(email)

    async def prepare(
        self, username: str | None, email: str, password: str, columns: Mapping[str, Any]
    ) -> NewAccount:
        """Check the values of a registration. See `Registration.prepare`."""
        return await self._registration.prepare(username, email, password, columns)

    async def register(self, account: NewAccount) -> None:
        """Make an account after the response. See `Registration.register`."""
        await self._registration.register(account)

    async def register_and_tell(
        self, username: str, email: str | None, password: str, columns: Mapping[str, Any]
    ) -> UserT:
        """Make an account before the response. See `Registration.register_and_tell`."""
        return await self._registration.register_and_tell(username, email, password, columns)

    async def request_reset(self, email: str) -> None:
        """Send a link for a new password to an address. See `Passwords.request_reset`."""
        await self._passwords.request_reset(email)

    async def send_reset(self, user: UserT) -> None:
        """Send a link for a new password to a user. See `Passwords.send_reset`."""
        await self._passwords.send_reset(user)

    async def reset_password(self, token: str, password: str) -> UserT:
        """Set a new password by the secret of a link. See `Passwords.reset`."""
        return await self._passwords.reset(token, password)

    async def change_password(
        self,
        identity: Identity[UserT],
        current: str | None,
        new: str,
        request: Request,
        response: Response,
    ) -> None:
        """Change the password of a signed-in user. See `Passwords.change`."""
        await self._passwords.change(identity, current, new, request, response)

    async def accept_change(
        self, identity: Identity[UserT], password: str | None, email: str, request: Request
    ) -> str:
        """The normal form of an address to change to. See `Profile.accept_change`."""
        return await self._profile.accept_change(identity, password, email, request)

    async def update(self, user: UserT, values: Mapping[str, Any]) -> UserT:
        """Change columns of a user. See `Profile.update`."""
        return await self._profile.update(user, values)

    async def close(
        self, identity: Identity[UserT], password: str | None, request: Request
    ) -> None:
        """Delete a user. See `Profile.close`."""
        await self._profile.close(identity, password, request)
