"""`PageRoute` and `FormRoute`: operations of the API, presented as pages."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from piccolo_api_fastapi.core.http.operations import route_of
from piccolo_api_fastapi.core.http.parsing import capped_body, is_form
from piccolo_api_fastapi.core.http.route import AuthRoute, Handler, problem_response
from piccolo_api_fastapi.errors import AuthError, ConfigurationError, UnsupportedMediaType

from .answers import Answer
from .declared import Action, Page
from .forms import Form, as_api_request, parse_form

if TYPE_CHECKING:
    from .site import Site

_FORM = "piccolo_api_fastapi.form"


class SiteRoute(AuthRoute):
    """A route of the pages that asks for an operation."""

    documents_422 = False
    site: "Site"
    own_path: str = ""
    """The path below the prefix of the pages."""
    _checked: object = None
    """The application whose dependencies were compared."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, include_in_schema=False, **_without_schema(options))

    def document(
        self, documented: dict[int | str, dict[str, Any]], *errors: type[AuthError]
    ) -> None:
        """Pages are not in OpenAPI."""

    def _own_errors(self) -> Iterator[type[AuthError]]:
        return iter(())

    def get_route_handler(self) -> Handler:
        """Wrap the handler of the API with the check of the guards."""
        ask = super().get_route_handler()

        async def handle(request: Request) -> Response:
            self._check_guards(request.scope)
            return await ask(request)

        return handle

    def _check_guards(self, scope: Scope) -> None:
        """
        Make sure, once, that the application asks no more for the operation than for its page.

        Raises:
            ConfigurationError: It includes the operation with dependencies that the page lacks.
        """
        if self._checked is scope["app"]:
            return
        own, twin = route_of(scope, self), self.shares_limits_of
        operation = None if twin is None else route_of(scope, twin)
        if own is not None and operation is not None:
            asked = [it.dependency for it in own.dependencies]
            if any(it.dependency not in asked for it in operation.dependencies):
                raise ConfigurationError(
                    f"The application asks for more at {operation.path} than at {own.path}: give "
                    "operations_of() the router that includes it with these dependencies."
                )
        self._checked = scope["app"]


class ScriptRoute(SiteRoute):
    """An operation that a script of the pages asks for: JSON, as the API answers it."""


class PageRoute(SiteRoute):
    """A page that GET shows: an operation whose answer is presented as HTML."""

    page: Page

    def get_route_handler(self) -> Handler:
        """Wrap the handler of the API with the presentation."""
        ask = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await self.present(request, Answer.of(await ask(request)))

        return handle

    async def present(self, request: Request, answer: Answer) -> Response:
        """Present an answer of the API."""
        if self.page.presents is not None:
            return self.page.presents(self.site, request, self.page, answer)
        return answer.whole or self.site.show(request, self.page, answer)

    def refuse_method(self, error: HTTPException, request: Request) -> Response:
        """Present the error as a page."""
        return self.site.refuse(request, Answer.of(problem_response(error, request)))

    async def ask(self, request: Request) -> Answer:
        """
        Ask for what the page shows, during a request to another route.

        Args:
            request: The request to the other route, whose caller is known.
        """
        self._check_guards(request.scope)
        self.dependency_overrides_provider = request.scope["app"]
        # Guards look at the route to know whether it is public, or asks for them itself.
        here = {"route": self, "endpoint": self.endpoint, "method": "GET", "query_string": b""}
        scope = {**request.scope, **here}
        return Answer.of(await AuthRoute.get_route_handler(self)(Request(scope, _nothing)))


class FormRoute(PageRoute):
    """A form that POST takes: an operation of the API, asked by a form and presented as HTML."""

    action: Action

    async def read(self, request: Request) -> Request:
        """
        Read the form, and return the request of the API that it stands for.

        Raises:
            ContentTooLarge: The form is longer than 16 KiB.
            UnsupportedMediaType: It is not URL-encoded.
            Unprocessable: It is malformed, or repeats a field.
        """
        body = await capped_body(request)
        if body and not is_form(request.headers.get("content-type", "")):
            raise UnsupportedMediaType
        form = parse_form(body, self.action.lists)
        request.scope[_FORM] = form
        form = self.site.with_secret(request, self.action, form)
        composer, action = self.site.composer, self.action
        # Before the API gets a query of its own.
        wanted, captcha = composer.next_of(request, form), composer.captcha_field
        return as_api_request(request, self, action, form, captcha_field=captcha, wanted=wanted)

    def refuse_method(self, error: HTTPException, request: Request) -> Response:
        """Lead a browser that opens the address of a form to the page where its flow starts."""
        if request.method in ("GET", "HEAD"):
            return self.site.start_of(request, self.action)
        return super().refuse_method(error, request)

    async def present(self, request: Request, answer: Answer) -> Response:
        """Present an answer of the API to the form."""
        if answer.whole is not None:
            return answer.whole
        form = request.scope.get(_FORM) or Form({}, {})
        return await self.site.follow(request, self.action, form, answer)


def _without_schema(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "include_in_schema"}


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
