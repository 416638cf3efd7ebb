"""`Site`: presents the answers of the API as pages."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from piccolo_api_fastapi.access.guards import known_caller
from piccolo_api_fastapi.captcha import Captcha
from piccolo_api_fastapi.core.http.operations import declared_path

from . import links
from .answers import Answer, errors_for_people
from .assets import Assets
from .brand import Brand
from .context import Errors, MenuItem, PageContext, PageInfo
from .declared import Action, Page, Step
from .forms import NEXT, Form
from .headers import PageHeaders
from .next_url import LONGEST, safe_next
from .rendering import Renderer
from .texts import Texts, direction

DETOURS = {
    "not_authenticated": "login",
    "invalid_session": "login",
    "insufficient_user_authentication": "reauthenticate",
    "mfa_enrolment_required": "totp",
    "email_not_verified": "verify_email",
}
"""The page that an error leads to, by its code."""

_EMPTY = Form({}, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """
    Presents the answers of the API as pages.

    Args:
        prefix: The path of the pages.
        pages: The pages, by name.
        routes: What asks for the data of each page that GET shows.
        facts: What the features of the pages add to their templates.
        renderer: Renders templates.
        texts: The texts.
        brand: The name, the logo and the colours.
        headers: The headers of every page.
        assets: The stylesheets and the script.
        default_next: Where to go if the request does not say it.
        trusted_origins: Other origins to which `next` may lead.
        captcha: The CAPTCHA of the forms that anybody may send.
        forget: Clears the cookie of a session that has ended.
    """

    prefix: str
    pages: Mapping[str, Page]
    routes: Mapping[str, Any]
    facts: Mapping[str, Any]
    renderer: Renderer
    texts: Texts
    brand: Brand
    headers: PageHeaders
    assets: Assets
    default_next: str
    trusted_origins: Sequence[str]
    captcha: Any
    forget: Callable[[HTTPConnection, Response], None]

    @property
    def captcha_field(self) -> str | None:
        """The field that the widget of the CAPTCHA fills in."""
        return self.captcha.field if isinstance(self.captcha, Captcha) else None

    def show(self, request: Request, page: Page, answer: Answer) -> Response:
        """Present the answer to a GET: the page, or the way to another one."""
        if page.takes_link and (way := links.moved(request)) is not None:
            return way
        caller = known_caller(request.scope)
        if page.is_entrance and answer.status < 500:  # noqa: PLR2004
            if caller is not None and not caller.is_enrolling:
                return answer.to(_go(self.next_of(request)))
            response = self.render(request, page.name)
            if caller is None:
                self.forget(request, response)
            return response
        if answer.is_refusal:
            here = with_query(request)
            return self.detour(request, answer, here) or self.refuse(request, answer)
        asked = {name: request.query_params.get(name, "") for name in page.reads}
        return self.render(request, page.name, answer=answer, data=answer.data or asked)

    async def follow(
        self, request: Request, action: Action, form: Form, answer: Answer
    ) -> Response:
        """Present the answer to a form: where a success leads, or the form with its errors."""
        response = await self._after(request, action, form, answer)
        if action.takes_link and (not answer.is_refusal or answer.code == "invalid_ticket"):
            links.forget(request, response)
        return response

    async def _after(
        self, request: Request, action: Action, form: Form, answer: Answer
    ) -> Response:
        if not answer.is_refusal:
            return self._succeed(request, action, form, answer)
        page = action.otherwise.get(answer.code, action.page)
        here = self.href(request, action.page) if action.page in self.routes else self.home
        if (way := self.detour(request, answer, here)) is not None:
            return way
        shown = await self._data_of(request, page)
        if shown is not None and shown.is_refusal:
            return self.detour(request, shown, here) or self.refuse(request, shown)
        data = _only(action.carries, form) if shown is None else shown.data
        typed, errors = _only(action.keeps, form), self.errors_of(request, answer, action)
        return self.render(
            request, page, answer=answer, errors=errors, values=typed, form=form, data=data
        )

    def _succeed(self, request: Request, action: Action, form: Form, answer: Answer) -> Response:
        step = action.follow(answer.data)
        if step.page is None:
            return answer.to(_go(self.next_of(request, form)))
        if step.is_shown:
            data = answer.data or _only(action.carries, form)
            return self.render(
                request, step.page, answer=answer, form=form, data=data, done=step.done
            )
        query = {"done": step.done} if step.done else {}
        wanted = self.next_of(request, form)
        if step.keeps_next and wanted != self.default_next:
            query[NEXT] = wanted
        return answer.to(_go(self.href(request, step.page), query))

    async def _data_of(self, request: Request, name: str) -> Answer | None:
        """Ask for what a page shows, if GET shows it, and it shows something."""
        page = self.pages.get(name)
        if page is None or page.shows is None:
            return None
        found: Answer = await self.routes[name].ask(request)
        return found

    def detour(self, request: Request, answer: Answer, here: str) -> Response | None:
        """Return the way to the page that an error leads to, or `None` if there is no such page."""
        name = DETOURS.get(answer.code)
        if name is None or name not in self.pages:
            return None
        query = {} if here == self.default_next or len(here) > LONGEST else {NEXT: here}
        if answer.data.get("acr_values"):
            query["acr"] = answer.data["acr_values"]
        return answer.to(_go(self.href(request, name), query))

    def refuse(self, request: Request, answer: Answer) -> Response:
        """Present an error that no form can mend as a page of its own."""
        return self.render(
            request, "error", answer=answer, errors=self.errors_of(request, answer, None)
        )

    def errors_of(self, request: Request, answer: Answer, action: Action | None) -> Errors:
        """Return the errors of an answer in the language of the page."""
        t = self._speaker(self.language_of(request))
        return errors_for_people(answer, self.texts, t, action)

    def language_of(self, connection: HTTPConnection) -> str:
        """Return the language of a request."""
        return self.texts.choose(connection.headers.get("accept-language", ""))

    def next_of(self, request: Request, form: Form = _EMPTY) -> str:
        """Return where a request wants to go next, as far as that is safe."""
        wanted = form.fields.get(NEXT) or request.query_params.get(NEXT)
        return safe_next(wanted, self.default_next, self.trusted_origins)

    @property
    def home(self) -> str:
        """Where the name of the site leads."""
        return self.default_next

    def base(self, connection: HTTPConnection) -> str:
        """Return the path of the pages, as this request reaches them."""
        scope = connection.scope
        own: str | None = getattr(scope.get("route"), "own_path", None)
        below = self.prefix if own is None else declared_path(scope).removesuffix(own)
        return f"{scope.get('root_path', '')}{below}"

    def href(self, connection: HTTPConnection, name: str) -> str:
        """Return the path of a page."""
        return self.base(connection) + self.pages[name].path

    def render(
        self,
        request: Request,
        name: str,
        *,
        answer: Answer | None = None,
        errors: Errors | None = None,
        values: Mapping[str, str] | None = None,
        form: Form = _EMPTY,
        data: Any = None,
        done: str | None = None,
    ) -> Response:
        """
        Render a page.

        Args:
            request: The request.
            name: The name of the page.
            answer: The answer of the operation, whose status and headers the page gets.
            errors: Why the form was refused.
            values: What the user typed.
            form: The form that was sent.
            data: The answer of the operation that the page shows.
            done: What was done just before; by default, what the address says.
        """
        language, nonces = self.language_of(request), _Nonce()
        wanted = self.next_of(request, form)
        if links.is_held(request) and not data:
            data = {"by_link": True}
        context = PageContext(
            **self._surroundings(request, name, language),
            data={} if data is None else data,
            errors=errors or Errors(),
            values=values or {},
            next="" if wanted == self.default_next else wanted,
            done=self._done(request, language, done),
            csp_nonce=nonces,
        )
        text = self.renderer.render(context)
        status = 200 if answer is None or answer.status == 204 else answer.status  # noqa: PLR2004
        response = HTMLResponse(text, status, headers=self.headers.make(nonces.given))
        return response if answer is None else answer.to(response)

    def _done(self, request: Request, language: str, done: str | None) -> str:
        """Return what was done just before, as a sentence of a fixed list."""
        key = f"done.{done or request.query_params.get('done', '')}"
        return self.texts.get(language, key) if self.texts.has(key) else ""

    def _surroundings(self, request: Request, name: str, language: str) -> dict[str, Any]:
        """Return what does not depend on the answer."""
        base, caller = self.base(request), known_caller(request.scope)
        t = self._speaker(language)
        urls = {page.name: base + page.path for page in self.pages.values()}
        listed = [page for page in self.pages.values() if page.in_menu and caller is not None]
        return {
            "page": PageInfo(name, t(f"{name}.title"), urls.get(name, "")),
            "brand": self.brand,
            "lang": language,
            "dir": direction(language),
            "urls": urls,
            "menu": [MenuItem(it.name, t(f"{it.name}.title"), urls[it.name]) for it in listed],
            "username": None if caller is None else str(caller.user.username),
            "home": self.home,
            "styles": [base + path for path in self.assets.styles],
            "script": base + self.assets.script,
            "t": t,
            "facts": {
                name: fact(caller) if callable(fact) else fact for name, fact in self.facts.items()
            },
            "captcha": self.captcha if self.captcha_field else None,
        }

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


def _only(names: Sequence[str], form: Form) -> dict[str, str]:
    """Some fields of a form."""
    return {name.lstrip("_"): form.fields[name] for name in names if name in form.fields}


def with_query(request: Request) -> str:
    """The path and the query of a request."""
    path = quote(request.scope["path"], safe="/:@!$&'()*+,;=-._~")
    query = request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _go(address: str, query: Mapping[str, str] | None = None) -> Response:
    """Send a browser on with GET (RFC 9110 section 15.4.4)."""
    target = f"{address}?{urlencode(query)}" if query else address
    return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
