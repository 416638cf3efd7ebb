"""`Composer`: makes the response that is a page."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.captcha import Captcha
from piccolo_api_fastapi.core.http.operations import declared_path, path_of_application
from piccolo_api_fastapi.schemes.sessions import SessionAuth

from .answers import Answer, errors_for_people
from .assets import Assets
from .brand import Brand
from .callers import caller_of
from .context import Errors, MenuItem, PageContext, PageInfo
from .declared import Action, Page
from .forms import NEXT, Form
from .headers import PageHeaders
from .next_url import safe_next
from .rendering import Renderer
from .texts import Texts, direction


@dataclass(frozen=True, slots=True)
class View:
    """
    What a page is made of.

    Args:
        name: The name of the page.
        answer: The answer of the operation, whose status and headers the page gets.
        data: What the page shows.
        errors: Why the form was refused.
        values: What the user typed.
        next: Where to go after the page.
        done: What was done just before; by default, what the address says.
    """

    name: str
    answer: Answer | None = None
    data: Any = None
    errors: Errors = field(default_factory=Errors)
    values: Mapping[str, Any] = field(default_factory=dict)
    next: str | None = None
    done: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """
    Makes the responses that are pages.

    Args:
        prefix: The path of the pages.
        pages: The pages, by name.
        facts: What the features of the pages add to their templates.
        renderer: Renders templates.
        texts: The texts.
        brand: The name, the logo and the colours.
        headers: The headers of every page.
        assets: The stylesheets and the script.
        default_next: Where to go if the request does not say it.
        trusted_origins: Other origins to which `next` may lead.
        captcha: The CAPTCHA of the forms that anybody may send.
        session: The scheme that signs browsers in.
    """

    prefix: str
    pages: Mapping[str, Page]
    facts: Mapping[str, Any]
    renderer: Renderer
    texts: Texts
    brand: Brand
    headers: PageHeaders
    assets: Assets
    default_next: str
    trusted_origins: frozenset[str]
    captcha: Any
    session: SessionAuth[Any]

    @property
    def captcha_field(self) -> str | None:
        """The field that the widget of the CAPTCHA fills in."""
        return self.captcha.field if isinstance(self.captcha, Captcha) else None

    def next_of(self, request: Request, form: Form | None = None) -> str:
        """Return where a request wants to go next, as far as that is safe."""
        sent = form.fields.get(NEXT) if form is not None else None
        wanted = sent or request.query_params.get(NEXT)
        return safe_next(wanted, self.default_next, self.trusted_origins)

    def base(self, connection: HTTPConnection) -> str:
        """Return the path of the pages, as this request reaches them."""
        scope = connection.scope
        own = self._own_path(scope.get("route"))
        if own is not None:
            return f"{scope.get('root_path', '')}{declared_path(scope).removesuffix(own)}"
        return f"{path_of_application(scope)}{self._placed(scope)}"

    def _own_path(self, route: Any) -> str | None:
        """Return the path of a route below that of the pages, if it is one of them."""
        site = getattr(route, "site", None)
        return route.own_path if site is not None and site.composer is self else None

    def _placed(self, scope: Scope) -> str:
        """Return the path where the application has the pages."""
        for context in iter_route_contexts(scope["app"].routes):
            if (own := self._own_path(context.original_route)) is not None:
                return str(context.path_format).removesuffix(own)
        return self.prefix

    def caller_of(self, connection: HTTPConnection) -> Identity[Any] | None:
        """Return who is signed in here, if a guard of the request has asked."""
        return caller_of(self.session, connection.scope)

    def href(self, connection: HTTPConnection, name: str) -> str:
        """Return the path of a page."""
        return self.base(connection) + self.pages[name].path

    def errors_of(self, request: Request, answer: Answer, action: Action | None = None) -> Errors:
        """Return the errors of an answer in the language of the page."""
        t = self._speaker(self._language_of(request))
        return errors_for_people(answer, self.texts, t, action)

    def compose(self, request: Request, view: View) -> Response:
        """
        Make a page.

        Args:
            request: The request.
            view: What the page is made of.
        """
        language, nonce = self._language_of(request), _Nonce()
        context = PageContext(
            **self._surroundings(request, view.name, language),
            data=view.data or {},
            errors=view.errors,
            values=view.values,
            next="" if view.next in (None, self.default_next) else str(view.next),
            done=self._done(request, language, view.done),
            csp_nonce=nonce,
        )
        text = self.renderer.render(context)
        answer = view.answer
        status = 200 if answer is None or answer.status == 204 else answer.status  # noqa: PLR2004
        response = HTMLResponse(text, status, headers=self.headers.make(nonce.given))
        return response if answer is None else answer.to(response)

    def _surroundings(self, request: Request, name: str, language: str) -> dict[str, Any]:
        """Return what does not depend on the answer."""
        base, caller = self.base(request), self.caller_of(request)
        t = self._speaker(language)
        urls = {page.name: base + page.path for page in self.pages.values()}
        is_member = caller is not None and not caller.is_enrolling
        listed = [page for page in self.pages.values() if page.in_menu and is_member]
        return {
            "page": PageInfo(name, t(f"{name}.title"), urls.get(name, "")),
            "brand": self.brand,
            "lang": language,
            "dir": direction(language),
            "urls": urls,
            "menu": [MenuItem(it.name, t(self._menu_key(it.name)), urls[it.name]) for it in listed],
            "username": None if caller is None else str(caller.user.username),
            "home": self.default_next,
            "facts": {
                name: fact(caller) if callable(fact) else fact for name, fact in self.facts.items()
            },
            "styles": [base + path for path in self.assets.styles],
            "script": base + self.assets.script,
            "passkey_script": base + self.assets.passkey_script,
            "t": t,
            "captcha": self.captcha if self.captcha_field else None,
        }

    def _menu_key(self, name: str) -> str:
        """Return the key of a page's name in the menu, which is its title unless that is long."""
        return f"{name}.menu" if self.texts.has(f"{name}.menu") else f"{name}.title"

    def _done(self, request: Request, language: str, done: str | None) -> str:
        """Return what was done just before, as a sentence of a fixed list."""
        key = f"done.{done or request.query_params.get('done', '')}"
        return self.texts.get(language, key) if self.texts.has(key) else ""

    def _language_of(self, connection: HTTPConnection) -> str:
        return self.texts.choose(connection.headers.get("accept-language", ""))

    def _speaker(self, language: str) -> Callable[..., str]:
        """Return the function that gives texts of a language."""

        def t(key: str, count: int | None = None, **values: object) -> str:
            text = self.texts.get(language, key, count)
            numbers = {} if count is None else {"count": count}
            return text.format(**numbers, **values)

        return t


class _Nonce:
    """Gives the nonce of one page, and knows whether the page asked for it."""

    def __init__(self) -> None:
        self.given: str | None = None

    def __call__(self) -> str:
        self.given = self.given or secrets.token_urlsafe(16)
        return self.given
