"""`Site`: presents the answers of the API as pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from piccolo_api_fastapi.access.guards import known_caller

from . import links
from .answers import Answer
from .composer import Composer, View
from .declared import Action, Page
from .forms import NEXT, Form
from .next_url import LONGEST

if TYPE_CHECKING:
    from .route import PageRoute

DETOURS = {
    "not_authenticated": "login",
    "invalid_session": "login",
    "insufficient_user_authentication": "reauthenticate",
    "mfa_enrolment_required": "totp",
    "email_not_verified": "verify_email",
}
"""The page that an error leads to, by its code."""


@dataclass(frozen=True, slots=True)
class Site:
    """
    Presents the answers of the API as pages.

    Args:
        composer: Makes the pages.
        routes: The routes of the pages that GET shows, by name.
        forget: Clears the cookie of a session that has ended.
    """

    composer: Composer
    routes: "Mapping[str, PageRoute]"
    forget: Callable[[HTTPConnection, Response], None]

    def show(self, request: Request, page: Page, answer: Answer) -> Response:
        """Present the answer to a GET: the page, or the way to another one."""
        if page.takes_link and (way := links.moved(request)) is not None:
            return way
        if page.is_entrance and answer.status < 500:  # noqa: PLR2004
            return self._enter(request, page, answer)
        if answer.is_refusal:
            here = with_query(request)
            return self.detour(request, answer, here) or self.refuse(request, answer)
        asked = {name: request.query_params.get(name, "") for name in page.reads}
        wanted = self.composer.next_of(request)
        view = View(page.name, answer, data=answer.data or asked, next=wanted)
        return self.composer.compose(request, view)

    def _enter(self, request: Request, page: Page, answer: Answer) -> Response:
        """Show a page for who is not signed in. Who is signed in is sent on."""
        caller, wanted = known_caller(request.scope), self.composer.next_of(request)
        if caller is not None and not caller.is_enrolling:
            return answer.to(_go(wanted))
        response = self.composer.compose(request, View(page.name, next=wanted))
        if caller is None:
            self.forget(request, response)
        return response

    async def follow(
        self, request: Request, action: Action, form: Form, answer: Answer
    ) -> Response:
        """Present the answer to a form: where a success leads, or the form with its errors."""
        if answer.is_refusal:
            response = await self._fail(request, action, form, answer)
        else:
            response = self._succeed(request, action, form, answer)
        if action.takes_link and (not answer.is_refusal or answer.code == "invalid_ticket"):
            links.forget(request, response)
        return response

    async def _fail(self, request: Request, action: Action, form: Form, answer: Answer) -> Response:
        name = action.otherwise.get(answer.code, action.page)
        is_shown_by_get = action.page in self.routes
        here = self.composer.href(request, action.page) if is_shown_by_get else ""
        if (way := self.detour(request, answer, here)) is not None:
            return way
        shown = await self._data_of(request, name)
        if shown is not None and shown.is_refusal:
            return self.detour(request, shown, here) or self.refuse(request, shown)
        view = View(
            name,
            answer,
            data=_only(action.carries, form) if shown is None else shown.data,
            errors=self.composer.errors_of(request, answer, action),
            values=_only(action.keeps, form),
            next=self.composer.next_of(request, form),
        )
        return self.composer.compose(request, view)

    def _succeed(self, request: Request, action: Action, form: Form, answer: Answer) -> Response:
        step, wanted = action.follow(answer.data), self.composer.next_of(request, form)
        if step.page is None:
            return answer.to(_go(wanted))
        if step.is_shown:
            data = {**_only(action.carries, form), **(answer.data or {})}
            view = View(step.page, answer, data=data, next=wanted, done=step.done)
            return self.composer.compose(request, view)
        query = {"done": step.done} if step.done else {}
        if step.keeps_next and wanted != self.composer.default_next:
            query[NEXT] = wanted
        return answer.to(_go(self.composer.href(request, step.page), query))

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
        name = DETOURS.get(answer.code)
        if name is None or name not in self.routes:
            return None
        query = {}
        if here not in ("", self.composer.default_next) and len(here) <= LONGEST:
            query[NEXT] = here
        if asked := answer.data.get("acr_values"):
            query["acr"] = asked
        return answer.to(_go(self.composer.href(connection, name), query))

    def refuse(self, request: Request, answer: Answer) -> Response:
        """Present an error that no form can mend as a page of its own."""
        errors = self.composer.errors_of(request, answer)
        return self.composer.compose(request, View("error", answer, errors=errors))


def with_query(connection: HTTPConnection) -> str:
    """Return the path and the query of a request."""
    path = quote(connection.scope["path"], safe="/:@!$&'()*+,;=-._~")
    query = connection.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _only(names: Sequence[str], form: Form) -> dict[str, str]:
    """Return some fields of a form, without the underscore of those that are for pages alone."""
    return {name.lstrip("_"): form.fields[name] for name in names if name in form.fields}


def _go(address: str, query: Mapping[str, str] | None = None) -> Response:
    """Send a browser on with GET (RFC 9110 section 15.4.4)."""
    target = f"{address}?{urlencode(query)}" if query else address
    return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
