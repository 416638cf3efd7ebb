"""`EmailLogin`: sign in by a link or a code that is sent by mail."""

from contextlib import suppress
from functools import partial
from typing import Any, Generic

from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.access.step_up import second_factors
from piccolo_api_fastapi.accounts.service import Accounts
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.core.http.cookies import Cookie
from piccolo_api_fastapi.errors import ConfigurationError, InvalidSession, InvalidTicket
from piccolo_api_fastapi.login import Challenge, Login
from piccolo_api_fastapi.login.challenges import Channel
from piccolo_api_fastapi.users import Proof, UserT

from .pending import LOGIN_TOKEN, browser_digest
from .redemption import BY_LINK, Entrant, OtherBrowser, Redemption
from .requests import LoginRequests, Wanted

DIGITS, DIGITS_OF_SIGN_UP = 6, 8
"""
How many digits codes have. Wrong codes for a user are counted across all their codes, but an
address that nobody has is only limited by time, so its codes must be harder to guess.
"""


@configured
class EmailLogin(Generic[UserT]):
    """
    Signs users in by a link or a code that is sent to their address, without a password.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import (
        Accounts,
        ConsoleMail,
        EmailLogin,
        Login,
        SessionAuth,
        email_login_router,
        session_router,
    )

    session, login = SessionAuth(), Login()
    accounts = Accounts(
        mail=ConsoleMail(), base_url="https://app.example.com", schemes=[session], login=login
    )
    email_login = EmailLogin(accounts)

    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(email_login_router(email_login, login, session), prefix="/auth")
    ```

    A link signs in only the browser that asked for it. In another browser it asks the user to
    type the code where they began. The response to a request is the same whether or not a user
    has the address.

    It is a single factor, which everybody has who can read the mail. A second factor is asked for
    afterwards, but not a code by mail: one mailbox is one factor. NIST SP 800-63B-4 section
    3.1.3.1 does not accept e-mail for out-of-band authentication. Where your policy asks for
    more, use `require(…, mfa=True)`.

    Args:
        accounts: The accounts that users sign in to. They must have mail.
        sign_up: Whether a link or a code that is sent to an address without an account makes one.
        allows_other_browsers: Whether a link also signs in a browser that did not ask for it.
            Then everybody who sees the link can use it.
        cookie: The name and attributes of the cookie that recognizes the browser. Default:
            `__Host-email-login`.

    Raises:
        ConfigurationError: `accounts` has no mail.
    """

    def __init__(
        self,
        accounts: Accounts[UserT],
        *,
        sign_up: bool = False,
        allows_other_browsers: bool = False,
        cookie: Cookie | None = None,
    ) -> None:
        self.accounts = accounts
        self.users = accounts.users
        self.cookie = cookie or Cookie(name="__Host-email-login")
        self._digits = DIGITS_OF_SIGN_UP if sign_up else DIGITS
        self._requests = LoginRequests(self.users, accounts.mailboxes, sign_up=sign_up)
        self.lifetime = self._requests.lifetime
        self._redemption = Redemption(
            self.users,
            accounts.mailboxes,
            self._requests,
            allows_other_browsers=allows_other_browsers,
        )

    def check(self, login: Login[Any]) -> None:
        """
        Make sure that a login can follow.

        Args:
            login: The login.

        Raises:
            ConfigurationError: It has another user table, or it requires a second factor and all
                of its factors prove the mailbox again.
        """
        if login.users.table is not self.users.table:
            raise ConfigurationError("EmailLogin and the login must have the same user table.")
        names = [factor.name for factor in login.factors]
        if login.mfa_required and not any(
            name in second_factors([BY_LINK, name]) for name in names
        ):
            raise ConfigurationError(
                "mfa_required needs a second factor beside the mailbox: a code by mail does not "
                "count after a login by mail. Pass another factor to Login, such as TOTP."
            )

    def token_for(self, connection: HTTPConnection) -> str:
        """
        Return the token of a browser that asks for a log-in. A browser that asks again keeps its
        token, so that the mail it was sent first stays valid.
        """
        return self._presented(connection) or LOGIN_TOKEN.generate()

    def new_token(self) -> str:
        """Return a token for an app, which sends it back with the code."""
        return LOGIN_TOKEN.generate()

    def remember(self, response: Response, token: str) -> None:
        """Set the cookie of a browser."""
        self.cookie.set_on(response, token, self.lifetime)

    def forget(self, response: Response) -> None:
        """Remove the cookie of a browser."""
        self.cookie.clear_on(response)

    async def prepare(
        self,
        email: str,
        token: str,
        client: ClientInfo,
        *,
        has_link: bool,
        is_known: bool = False,
    ) -> Wanted:
        """
        Check a request and make its code, for known and unknown addresses alike.

        Args:
            email: The address.
            token: The token of the browser or the app.
            client: The client that asks, whose browser and IP address the mail names.
            has_link: Whether the mail has a link.
            is_known: Whether the user with this address logged in with the browser before.
                Requests from other browsers do not end its mail.

        Raises:
            Unprocessable: The text is not an e-mail address.
            StoreUnavailable: The database is down.
            HasherBusy: Too many passwords are being hashed.
        """
        address = await self.accounts.accept(email)
        # The hash is slow: after the response it would reveal whether a code was sent.
        code = await self.accounts.mailboxes.verification.new_code(self._digits)
        return Wanted(address, browser_digest(token), code, client, has_link, is_known)

    async def request(self, wanted: Wanted) -> None:
        """Send a link and a code to an address, if it may log in. Call it after the response."""
        await self._requests.request(wanted)

    async def by_link(self, token: str, connection: HTTPConnection) -> Entrant | OtherBrowser:
        """
        Accept the secret of a link.

        Args:
            token: The secret.
            connection: The request, whose cookie tells the browser.

        Returns:
            The user for `enter`, or `OtherBrowser` if another browser asked for the link.

        Raises:
            InvalidTicket: The link is unknown, used or expired, or the account changed.
        """
        browser = browser_digest(self._presented(connection))
        return await self._redemption.by_link(token, browser)

    async def by_code(self, email: str, code: str, token: str | HTTPConnection) -> Entrant:
        """
        Accept a code.

        Args:
            email: The address.
            code: The code as typed.
            token: The token of the app, or the request whose cookie holds it.

        Returns:
            The user for `enter`.

        Raises:
            Unprocessable: The text is not an e-mail address.
            InvalidTicket: The code is wrong, used or expired, another browser or app asked for
                it, or the account changed.
            HasherBusy: Too many passwords are being hashed.
        """
        held = token if isinstance(token, str) else self._presented(token)
        return await self._redemption.by_code(email, code, browser_digest(held))

    async def enter(
        self,
        login: Login[UserT],
        entrant: Entrant,
        client: ClientInfo,
        *,
        channel: Channel = "session",
        **asked: str,
    ) -> Proof[UserT] | Challenge:
        """
        Log in a user who has presented a link or a code: the whole login, or its first step.

        Args:
            login: The login.
            entrant: The user.
            client: The client that sent the request.
            channel: What the login issues.
            asked: What the client asked for, as `Login.enter` takes it: `scope` and `client_id`.

        Raises:
            InvalidTicket: The password or the address was changed in the meantime.
            InvalidCredentials: The user was disabled or deleted in the meantime.
            LoginRefused: A hook refused.
        """
        recheck = partial(self._redemption.uphold, entrant)
        outcome = await login.enter(
            entrant.user, entrant.factor, client, recheck, channel=channel, **asked
        )
        # A new password ends links and codes. What follows is bound to the password as it is now.
        proof = await self.users.proof_of(entrant.user)
        if proof is None or proof.fingerprint != entrant.fingerprint:
            raise InvalidTicket
        return outcome

    def _presented(self, connection: HTTPConnection) -> str:
        """The token in the cookie of a request; empty if there is none, or not just one."""
        with suppress(InvalidSession):
            found = self.cookie.read(connection.headers.getlist("cookie"))
            if len(found) == 1 and browser_digest(found[0]):
                return found[0]
        return ""
