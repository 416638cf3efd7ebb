"""`Pages`: the flows of the library as HTML."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, cast

from fastapi import APIRouter, FastAPI

from piccolo_api_fastapi.accounts import Accounts
from piccolo_api_fastapi.accounts.email_login import EmailLogin
from piccolo_api_fastapi.accounts.social import SocialLogin
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.csp import Sources
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.mfa.passkeys import Passkeys
from piccolo_api_fastapi.login.mfa.totp import TOTP
from piccolo_api_fastapi.schemes.api_tokens import TokenAuth
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.users import UserT

from .accounts import account_pages
from .api_tokens import token_pages
from .assets import Assets
from .brand import Brand
from .browsers import BrowserUser, serve_browsers
from .checks import check_email_login, check_names, check_pages
from .composer import Composer
from .declared import PageSet
from .email_login import email_login_pages
from .headers import PageHeaders
from .links import LinkCookie
from .next_url import check_origins, safe_next
from .passkeys import passkey_pages
from .rendering import Renderer
from .routing import add_routes
from .sessions import session_pages
from .site import Site
from .social import social_pages
from .texts import Catalogue, Texts
from .totp import totp_pages

if TYPE_CHECKING:
    from .route import PageRoute

_OWN = Path(__file__).parent


@configured
class Pages(Generic[UserT]):
    """
    The flows of the library as HTML, for sites without a front end of their own.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import Brand, Login, Pages, SessionAuth

    session, login = SessionAuth(), Login()
    app = FastAPI()
    pages = Pages(session, login, brand=Brand("Movie club"))
    app.include_router(pages.router)
    pages.install(app)
    ```

    There are pages for what is given: without `accounts`, nobody can register. They work without
    JavaScript. Each form is the operation of the JSON router, with the same checks and limits;
    the JSON routers need not be mounted.

    Args:
        session: The scheme that signs browsers in.
        login: The login. Default: one for the same users.
        accounts: Brings the pages to register, to verify an address, for passwords, and to close
            the account.
        totp: Brings the pages of authenticator apps and recovery codes.
        passkeys: Brings the pages of passkeys, and buttons that log in with them.
        email_login: Brings the pages to log in by e-mail. Needs `accounts`.
        social: Brings buttons to log in by other sites, and the page of linked accounts.
        tokens: Brings the page of API tokens.
        more: The pages of further features.
        brand: The name, the logo and the colours of the site.
        templates: The folder with templates of your own, which replace those of the package.
        prefix: The path of the pages, which `Accounts(base_url=…)` ends with.
        default_next: Where a user goes after logging in, unless the address says it in `next`.
        trusted_origins: Other origins to which `next` may lead.
        texts: Texts by language and key, which replace or add to those of the package.
        headers: Headers of every page, which replace those of the package.
        sources: Further sources of the Content Security Policy by directive, such as
            `{"img_src": ["https://images.example.com"]}`.
        captcha: The `Captcha` of the forms to log in, to register and to reset a password. Its
            `csp_sources` are added to the policy.

    Raises:
        ConfigurationError: The extra `pages` is not installed; `accounts` has links to other
            pages; the parts have different user tables; `email_login` has other accounts;
            `social` has a page of errors below `prefix`; the login does not know `passkeys`, or
            requires a second factor that no page sets up; or no template shows the CAPTCHA.
    """

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        session: SessionAuth[UserT],
        login: Login[UserT] | None = None,
        *,
        accounts: Accounts[UserT] | None = None,
        totp: TOTP | None = None,
        passkeys: Passkeys | None = None,
        email_login: EmailLogin[UserT] | None = None,
        social: SocialLogin[UserT] | None = None,
        tokens: TokenAuth[UserT] | None = None,
        more: Collection[PageSet] = (),
        brand: Brand | None = None,
        templates: str | PathLike[str] | None = None,
        prefix: str = "/account",
        default_next: str = "/",
        trusted_origins: Collection[str] = (),
        texts: Mapping[str, Catalogue] | None = None,
        headers: Mapping[str, str] | None = None,
        sources: Mapping[str, Sequence[str]] | None = None,
        captcha: Any = None,
    ) -> None:
        login = login or Login(session.users)
        if not prefix or safe_next(prefix, "") != prefix or prefix.endswith("/"):
            raise ConfigurationError("prefix must be a path such as /account.")
        if safe_next(default_next, "") != default_next:
            raise ConfigurationError("default_next must be a path on this site, such as /.")
        check_origins(trusted_origins)
        sets: list[PageSet] = []
        if accounts is not None:
            sets.append(account_pages(accounts, session, prefix, captcha=captcha))
        sets.append(session_pages(session, login, captcha=captcha))
        if totp is not None:
            sets.append(totp_pages(totp, session))
        if passkeys is not None:
            sets.append(passkey_pages(passkeys, login, session))
        if email_login is not None:
            check_email_login(email_login, accounts)
            sets.append(email_login_pages(email_login, login, session, captcha=captcha))
        if social is not None:
            sets.append(social_pages(social, login, session, prefix))
        if tokens is not None:
            sets.append(token_pages(tokens, session))
        self.session, self.prefix = session, prefix
        self._sets = [*sets, *more]
        check_names(self._sets)
        folders = [_OWN, *(brought.folder for brought in self._sets)]
        brand = brand or Brand("")
        self._composer = Composer(
            prefix=prefix,
            pages={page.name: page for brought in self._sets for page in brought.pages},
            facts=_merged(brought.facts for brought in self._sets),
            renderer=Renderer(None if templates is None else Path(templates), folders),
            texts=Texts(folders, _merged(brought.texts for brought in self._sets), texts or {}),
            brand=brand,
            headers=PageHeaders(
                trusted_origins,
                [_sources_of(sources), _sources_of(getattr(captcha, "csp_sources", None))],
                headers or {},
            ),
            assets=Assets(brand),
            default_next=default_next,
            trusted_origins=frozenset(trusted_origins),
            captcha=captcha,
            session=session,
        )
        routes: dict[str, PageRoute] = {}
        self._site = Site(self._composer, routes, self._link_cookies())
        check_pages(self._sets, self._composer, login)
        self.router = APIRouter(prefix=prefix)
        self._composer.assets.add_to(self.router)
        routes |= add_routes(self.router, self._sets, self._site)

    @property
    def user(self) -> BrowserUser[UserT]:
        """
        The dependency that returns the user, and sends browsers to the page to log in.

        It is for applications without `pages.install(app)`, which does that for every guard.
        """
        return BrowserUser(self.session, self._site)

    def install(self, app: FastAPI) -> None:
        """
        Send browsers that a guard refuses to the page that helps, and show errors as pages.

        A browser that opens a guarded address without being signed in goes to the page to log in,
        and comes back afterwards. One that must present a factor again goes to the page for that.
        Scripts, other clients and forms get the error as before. `/.well-known/change-password`
        leads to the page with the password (W3C "A Well-Known URL for Changing Passwords").

        Call it after `install(app)`, if you use that.

        Args:
            app: The application.
        """
        serve_browsers(app, self._site)

    def _link_cookies(self) -> dict[str, LinkCookie]:
        """Make the cookies of the pages that mailed links open with a secret in their query."""
        is_secure = self.session.cookie.secure
        return {
            page.name: LinkCookie(page.name, secure=is_secure)
            for page in self._composer.pages.values()
            if page.takes_link
        }


def _merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _sources_of(given: Mapping[str, Sequence[str]] | None) -> Sources:
    return cast("Sources", given or {})  # checked by `Policy`
