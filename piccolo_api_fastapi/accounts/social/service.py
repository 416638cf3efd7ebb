"""`SocialLogin`: sign in with Google, GitHub and any OpenID provider."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic

from starlette.requests import Request

from piccolo_api_fastapi.accounts.service import Accounts
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    FieldError,
    InvalidTicket,
    LoginFlowUnknown,
    NotFound,
    Unprocessable,
)
from piccolo_api_fastapi.login.tickets import Tickets
from piccolo_api_fastapi.login.tickets.service import TICKET_TOKEN
from piccolo_api_fastapi.users import UserT

from . import queries
from .admission import Admission, Unconfirmed
from .arrivals import Begun, Entrant
from .browsers import FlowCookies
from .callbacks import Callback
from .decisions import Linking
from .entrances import OAUTH, OAUTH_MFA, Entrances
from .exchange import Exchange
from .flows import LIFETIME, Flow, browser_digest
from .links import Links
from .providers import OAuthProvider, ProviderIdentity
from .targets import checked_apps, checked_base, checked_next, checked_paths


@configured
class SocialLogin(Generic[UserT]):
    """
    Signs users in with Google, GitHub and any OpenID provider.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import (
        Accounts,
        ConsoleMail,
        GitHub,
        Google,
        Login,
        SessionAuth,
        SocialLogin,
        oauth_router,
        session_router,
    )

    session, login = SessionAuth(), Login()
    accounts = Accounts(
        mail=ConsoleMail(), base_url="https://app.example.com", schemes=[session], login=login
    )
    google = Google(client_id="1200.apps.googleusercontent.com", client_secret="GOCSPX-…")
    github = GitHub(client_id="Iv1.1200", client_secret="a secret of the provider")
    social = SocialLogin(
        accounts, [google, github], base_url="https://app.example.com", sign_up=True
    )

    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(oauth_router(social, login, session), prefix="/auth")
    ```

    Users are known by the id that the provider gave them, never by their address. A provider is
    one factor: the user's own second factor is asked for afterwards.

    Args:
        accounts: The accounts that users sign in to. They must have mail.
        providers: The providers.
        base_url: The origin of the site, such as `https://app.example.com`.
        sign_up: Whether users who have no account get one.
        linking: What happens if the verified address of a user is that of an account. With
            `confirm`, they sign in to it as usual and confirm the link. With `verified`, a
            verified account is linked at once, and its owner gets mail. With `never`, they are
            told to sign in as usual.
        trusts_amr: By the name of a provider, the values of `amr` in its ID tokens that make a
            log-in multi-factor, such as `{"company": ["mfa"]}`.
        paths: The paths of pages: `home` for logins that name no other page, `mfa` for the second
            factor, and `error`. Without `error`, errors are answered as JSON.
        apps: By the names of apps, the addresses to which they are sent a ticket.
        http: An `httpx.AsyncClient` for requests to providers. Default: one for each request.

    Raises:
        ConfigurationError: A value can't be used, two providers have the same name, `accounts` has
            no mail, or the extra `http` is not installed.
    """

    def __init__(  # noqa: PLR0913 - configuration
        self,
        accounts: Accounts[UserT],
        providers: Sequence[OAuthProvider],
        *,
        base_url: str,
        sign_up: bool = False,
        linking: Linking = "confirm",
        trusts_amr: Mapping[str, Collection[str]] | None = None,
        paths: Mapping[str, str] | None = None,
        apps: Mapping[str, str] | None = None,
        http: Any = None,
    ) -> None:
        self.accounts = accounts
        self.users = accounts.users
        self.providers = {provider.name: provider for provider in providers}
        if not providers or len(self.providers) < len(providers):
            raise ConfigurationError("SocialLogin needs providers with different names.")
        self._trusted = {name: frozenset(found) for name, found in (trusts_amr or {}).items()}
        if not self._trusted.keys() <= self.providers.keys():
            raise ConfigurationError("The keys of trusts_amr must be names of providers.")
        self.base_url = checked_base(base_url)
        self.paths = checked_paths(paths or {}, self.base_url)
        self.apps = checked_apps(apps or {})
        self.cookies = FlowCookies(self.base_url)
        self.links = Links(self.users)
        self._admission = Admission(accounts, self.links, sign_up=sign_up, linking=linking)
        self._exchange = Exchange(http, self.users.clock)
        self._flows = {
            name: Tickets(self.users, f"oauth {name}", lifetime=LIFETIME, attempts=1)
            for name in self.providers
        }
        self.entrances = Entrances(self.users, self.links.table)

    def provider(self, name: str) -> OAuthProvider:
        """
        Return a provider.

        Raises:
            NotFound: There is none of this name.
        """
        if name not in self.providers:
            raise NotFound
        return self.providers[name]

    def next_path(self, path: str | None) -> str:
        """
        Return the path to go to after a log-in.

        Raises:
            Unprocessable: It does not lead to the site.
        """
        return self.paths["home"] if path is None else checked_next(path, self.base_url)

    def app(self, name: str | None) -> str:
        """
        Return the name of an app; empty for none.

        Raises:
            Unprocessable: There is no app of this name.
        """
        if name is not None and name not in self.apps:
            message = "This app is not registered."
            raise Unprocessable([FieldError(("body", "app"), message, "app_unknown")])
        return name or ""

    async def begin(
        self,
        name: str,
        flow: Flow,
        token: str,
        redirect_uri: str,
        *,
        user: Any = None,
    ) -> str:
        """
        Begin a flow.

        Args:
            name: The name of the provider.
            flow: The flow.
            token: The token of the browser, for its cookie.
            redirect_uri: The address of the callback.
            user: For a link: the primary key of the user.

        Returns:
            The address to which the browser is sent.

        Raises:
            NotFound: There is no such provider.
            ProviderUnavailable: The provider does not answer.
        """
        provider = self.provider(name)
        state = await self._flows[name].issue(user, flow.write())
        return await self._exchange.address(
            provider, state=state, token=token, redirect_uri=redirect_uri
        )

    async def open(self, name: str, callback: Callback, request: Request) -> Begun:
        """
        Use up the flow of a callback, of which the browser must have the cookie.

        Nothing is written before the browser has proved that it began: otherwise, whoever saw the
        state could use it up.

        Args:
            name: The name of the provider.
            callback: The parameters of the callback.
            request: The request.

        Raises:
            NotFound: There is no such provider.
            LoginFlowUnknown: The flow is unknown, used or expired, or is of another browser.
        """
        provider, flows = self.provider(name), self._flows[name]
        token = self.cookies.read(name, request)
        browser, digest = browser_digest(token), TICKET_TOKEN.digest(callback.state)
        if not browser or digest is None:
            raise LoginFlowUnknown
        now = self.users.clock()
        ticket = await queries.find_flow(flows.table, digest, flows.purpose, now)
        flow = None if ticket is None else Flow.of(ticket)
        if ticket is None or flow is None or not flow.is_of(browser):
            raise LoginFlowUnknown
        if flow.app not in {"", *self.apps}:  # it was registered when the flow began
            raise LoginFlowUnknown
        try:
            await flows.burn(ticket)
        except InvalidTicket:
            raise LoginFlowUnknown from None
        return Begun(provider, flow, ticket.user, token, callback)

    async def identify(self, begun: Begun, redirect_uri: str) -> ProviderIdentity:
        """
        Ask the provider who came back.

        Raises:
            ProviderRefused: The provider refused, or what it sent is not valid.
            ProviderUnavailable: The provider does not answer.
        """
        return await self._exchange.identity(
            begun.provider, begun.callback, token=begun.token, redirect_uri=redirect_uri
        )

    async def admit(self, begun: Begun, identity: ProviderIdentity) -> Entrant | Unconfirmed:
        """
        Find or make the user. See `Admission.admit`.

        Raises:
            InvalidCredentials: The user is disabled.
        """
        account = await self._admission.admit(begun.provider, identity)
        if isinstance(account, Unconfirmed):
            return account
        is_trusted = not self._trusted.get(begun.provider.name, frozenset()).isdisjoint(
            identity.amr
        )
        return Entrant(account.user, account.id, OAUTH_MFA if is_trusted else OAUTH)
