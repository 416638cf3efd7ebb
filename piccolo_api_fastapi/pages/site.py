"""`Site`: presents the answers of the API as pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from piccolo_api_fastapi.access.guards import refusing_guard
from piccolo_api_fastapi.core.http.operations import path_of
from piccolo_api_fastapi.errors import AuthError, InvalidSession

from .answers import Answer
from .callers import serves
from .composer import Composer, View
from .declared import Action, Page
from .entering import ENROLMENT, enrolment_of
from .forms import NEXT, Form
from .links import BY_LINK, LinkCookie
from .next_url import LONGEST

if TYPE_CHECKING:
    from .route import PageRoute

DETOURS = {
    "not_authenticated": "login",
    "invalid_session": "login",
    "insufficient_user_authentication": "reauthenticate",
    "mfa_enrolment_required": ENROLMENT[0],
    "email_not_verified": "verify_email",
}
"""The page that an error leads to, by its code."""

_DEAD = "invalid_ticket"
"""The code of an invalid, expired or used secret."""


@dataclass(frozen=True, slots=True)
class Site:
    """
    Presents the answers of the API as pages.

    Args:
        composer: Makes the pages.
        routes: The routes of the pages that GET shows, by name.
        links: The cookies of the pages that links open, by name.
    """

    composer: Composer
    routes: "Mapping[str, PageRoute]"
    links: Mapping[str, LinkCookie]

    def show(self, request: Request, page: Page, answer: Answer) -> Response:
        """Present the answer to a GET: the page, or the way to another one."""
        link = self.links.get(page.name)
        if link is not None and (way := link.moved(request)) is not None:
            return way
        if page.is_entrance and (not answer.is_refusal or self._is_stranger(request, answer)):
            return self._enter(request, page, answer)
        if answer.is_refusal:
            here = with_query(request)
            return self.detour(request, answer, here) or self.refuse(request, answer)
        asked = {name: request.query_params.get(name, "") for name in page.reads}
        wanted = self.composer.next_of(request)
        if link is not None and (held := link.held(request)) is not None:
            asked["by_link"] = held
        data, values = (asked, {}) if page.shows is None else (answer.data, asked)
        view = View(page.name, answer, data=data, values=values, next=wanted)
        return self.composer.compose(request, view)

    def _enter(self, request: Request, page: Page, answer: Answer) -> Response:
        """Show a page for users who are not signed in, and send on those who are."""
        caller, wanted = self.composer.caller_of(request), self.composer.next_of(request)
        if caller is not None and not caller.is_enrolling:
            return answer.to(_go(wanted))
        shown = None if answer.is_refusal else answer
        response = self.composer.compose(request, View(page.name, shown, next=wanted))
        if caller is None:
            self._forget(request, response)
        return response

    def _is_stranger(self, connection: HTTPConnection, answer: Answer) -> bool:
        """Return whether an error says that nobody is signed in here."""
        guard = refusing_guard(connection.scope)
        is_ours = guard is not None and serves(self.composer.session, guard)
        return is_ours and DETOURS.get(answer.code) == "login"

    def _forget(self, connection: HTTPConnection, response: Response) -> None:
        """Clear the cookie of a session that has ended, so that it is not looked up again."""
        session = self.composer.session
        try:
            held = session.cookie.read(connection.headers.getlist("cookie"))
        except InvalidSession:
            held = ["malformed"]
        if held:
            session.cookie.clear_on(response)

    async def is_signed_in(self, connection: HTTPConnection) -> bool:
        """Return whether the page to log in would send the browser on."""
        try:
            found = await self.composer.session.find(connection)
        except AuthError:
            return False
        return found is not None and not found.is_enrolling

    def with_secret(self, request: Request, action: Action, form: Form) -> Form:
        """Return a form with the secret of a link, if the link has put it into a cookie."""
        link = self.links.get(action.page)
        return form if link is None else link.with_secret(form, request)

    async def follow(
        self, request: Request, action: Action, form: Form, answer: Answer
    ) -> Response:
        """Present the answer to a form: where a success leads, or the form with its errors."""
        is_repeated = action.is_repeatable and answer.status == 404  # noqa: PLR2004
        if answer.is_refusal and not is_repeated:
            response = await self._fail(request, action, form, answer)
        else:
            response = self._succeed(request, action, form, answer)
        link = self.links.get(action.page)
        is_spent = answer.code == _DEAD or not answer.is_refusal
        if link is not None and is_spent and link.is_of(form, request):
            link.forget(response)
        return response

    async def _fail(self, request: Request, action: Action, form: Form, answer: Answer) -> Response:
        name = action.error_pages.get(answer.code, action.page)
        if name not in self.routes and not form.fields.keys() >= {*action.hidden}:
            name = self._start_of(action)  # a later step, without what the earlier one gave
        here = self._way_back(request, action, form)
        if (way := self.detour(request, answer, here)) is not None:
            return way
        shown = await self._data_of(request, name)
        if shown is not None and shown.whole is not None:
            return answer.to(shown.whole)
        if shown is not None and shown.is_refusal:
            shown = shown.after(answer)
            return self.detour(request, shown, here) or self.refuse(request, shown)
        view = View(
            name,
            answer,
            data=self._carried(request, action, form, answer) if shown is None else shown.data,
            errors=self.composer.errors_of(request, answer, action),
            values=_only(action.keeps, form),
            next=self.composer.next_of(request, form),
        )
        return self.composer.compose(request, view)

    def _carried(
        self, request: Request, action: Action, form: Form, answer: Answer
    ) -> Mapping[str, Any]:
        """Return what the form that failed gives to the one that is shown, unless it is dead."""
        if answer.code == _DEAD:
            return {}
        link = self.links.get(action.page)
        if link is not None and link.is_of(form, request):
            return {"by_link": form.fields[BY_LINK]}
        return _only(action.hidden, form)

    def _way_back(self, request: Request, action: Action, form: Form) -> str:
        """Return where to go after a detour: to the page, or past one that only lets in."""
        page, wanted = self.composer.pages.get(action.page), self.composer.next_of(request, form)
        if page is None or page.is_entrance:
            return wanted
        query = _only([f"_{name}" for name in page.reads], form)
        if wanted != self.composer.default_next:
            query[NEXT] = wanted
        return _with_query(self.composer.href(request, page.name), query)

    def _succeed(self, request: Request, action: Action, form: Form, answer: Answer) -> Response:
        step, wanted = action.follow(answer.data), self.composer.next_of(request, form)
        if step.page is None:
            return answer.to(_go(wanted))
        if step.is_shown:
            data = {**_only(action.hidden, form), **answer.data}
            values = _only(action.keeps, form)
            view = View(step.page, answer, data=data, values=values, next=wanted, done=step.done)
            return self.composer.compose(request, view)
        query = {"done": step.done} if step.done else {}
        if step.keeps_next and wanted != self.composer.default_next:
            query[NEXT] = wanted
        return answer.to(_go(self.composer.href(request, self._existing(step.page)), query))

    def _existing(self, name: str) -> str:
        """Return a page, or the one in its place if it sets up a factor that there is not."""
        return enrolment_of(self.composer.pages) if name == ENROLMENT[0] else name

    async def _data_of(self, request: Request, name: str) -> Answer | None:
        """Ask for what a page shows, if GET shows it, and it shows something."""
        route = self.routes.get(name)
        return None if route is None or route.page.shows is None else await route.ask(request)

    def detour(self, connection: HTTPConnection, answer: Answer, here: str) -> Response | None:
        """
        Return the way to the page that an error leads to, or `None` if there is no such page.

        Args:
            connection: The request.
            answer: The error.
            here: Where to come back to; an empty text for the default.
        """
        name = self._existing(DETOURS.get(answer.code, ""))
        if name not in self.routes:
            return None
        address = self.composer.href(connection, name)
        if address == here.partition("?")[0]:  # or the browser would go round in circles
            return None
        query = {}
        if here not in ("", self.composer.default_next) and len(here) <= LONGEST:
            query[NEXT] = here
        if asked := answer.data.get("acr_values"):
            query["acr"] = asked
        return answer.to(_go(address, query))

    def start_of(self, request: Request, action: Action) -> Response:
        """Return the way to the page where the flow of a form starts."""
        return _go(self.composer.href(request, self._start_of(action)))

    def _start_of(self, action: Action) -> str:
        """Return the page with the longest path that begins the path of a form."""
        pages = self.composer.pages.values()
        before = [page for page in pages if f"{action.path}/".startswith(f"{page.path}/")]
        start = max(before, key=lambda page: len(page.path), default=None)
        return "login" if start is None else start.name

    def refuse(self, request: Request, answer: Answer) -> Response:
        """Present an error that no form can mend as a page of its own."""
        errors = self.composer.errors_of(request, answer)
        return self.composer.compose(request, View("error", answer, errors=errors))


def with_query(connection: HTTPConnection) -> str:
    """Return the path and the query of a request."""
    path = path_of(connection.scope)
    query = connection.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _only(names: Sequence[str], form: Form) -> dict[str, Any]:
    """Return some fields of a form, without the underscore of those that are for pages alone."""
    sent: dict[str, Any] = {**form.fields, **form.lists}
    return {name.lstrip("_"): sent[name] for name in names if name in sent}


def _with_query(address: str, query: Mapping[str, str]) -> str:
    return f"{address}?{urlencode(query)}" if query else address


def _go(address: str, query: Mapping[str, str] | None = None) -> Response:
    """Send a browser on with GET (RFC 9110 section 15.4.4)."""
    target = _with_query(address, query or {})
    return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
