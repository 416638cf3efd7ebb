"""`Page`, `Action` and `PageSet`: what a feature brings to the pages."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts

from piccolo_api_fastapi.core.http.route import AuthRoute

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from .answers import Answer
    from .site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    A page that GET shows.

    ```python
    from piccolo_api_fastapi.pages import Page

    page = Page(name="help", path="/help", in_menu=True)
    ```

    Args:
        name: The name of the page, of its template and of its texts.
        path: The path below the prefix.
        shows: The operation whose answer the page shows, with its guard.
        guard: The dependency of a page that shows no operation; its result is not used.
        reads: The parameters of the query that the template gets: as data, or as values if the
            page shows an operation.
        takes_link: Whether mailed links open the page with a secret in their query.
        is_entrance: Whether the page redirects users who are signed in.
        in_menu: Whether the menu of the account lists the page.
        is_callback: Whether another site sends browsers to the page. Then it takes the place of
            the operation for them.
        presents: Presents the answer of the operation in place of the template.
    """

    name: str
    path: str
    shows: AuthRoute | None = None
    guard: Callable[..., Any] | None = None
    reads: tuple[str, ...] = ()
    takes_link: bool = False
    is_entrance: bool = False
    in_menu: bool = False
    is_callback: bool = False
    presents: "Callable[[Site, Request, Page, Answer], Response] | None" = None


@dataclass(frozen=True, slots=True)
class Step:
    """
    What follows an action that succeeded.

    ```python
    from piccolo_api_fastapi.pages import Step

    step = Step("sessions", done="session_ended")
    ```

    Args:
        page: The page to go to; `None` for the address in `next`.
        done: The text that tells of the success: the key `done.<name>`.
        is_shown: Whether the page is the response itself, with the answer of the operation.
        keeps_next: Whether the page that follows gets `next`.
    """

    page: str | None = None
    done: str | None = None
    is_shown: bool = False
    keeps_next: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """
    A form that POST takes: an operation of the API, presented as a page.

    ```python
    from fastapi import APIRouter
    from piccolo_api_fastapi.features import AuthRoute
    from piccolo_api_fastapi.pages import Action, Step, operations_of

    api = APIRouter(route_class=AuthRoute)


    @api.post("/doors/close")
    async def close_doors() -> None: ...


    close = operations_of(api)["close_doors"]
    action = Action(path="/doors", operation=close, page="doors", then=Step("doors"))
    ```

    Args:
        path: The path below the prefix. It has the parameters of the operation.
        operation: The operation.
        page: The page that is shown if the operation fails.
        then: What follows a success: a `Step`, or a function of the operation's answer.
        keeps: The fields that are shown again after a failure. Secrets never are.
        hidden: The hidden fields of a form of several steps, which the next page gets as data.
        lists: The fields that may be sent several times.
        parsed: The fields that a script fills in with JSON.
        is_repeatable: Whether a 404 counts as a success, as of a form that was sent twice and has
            deleted something.
        conversions: What the values of fields are converted to, by field and value. An optional
            field that was left empty is not sent, unless its empty value is converted.
        checkboxes: The fields that are false if they were not sent.
        query: The fields that the operation takes in its query.
        next_for: What the operation gets as `next`: a function of the address to go to. Without
            it, the operation gets none.
        error_pages: The pages that are shown for errors with certain codes.
        error_texts: The page whose texts the errors have: the keys `<page>.error.<code>`. Default:
            `page`.
    """

    path: str
    operation: AuthRoute
    page: str
    then: Step | Callable[[Mapping[str, Any]], Step] = Step()
    keeps: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    parsed: tuple[str, ...] = ()
    is_repeatable: bool = False
    conversions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checkboxes: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    next_for: Callable[[str], str | None] | None = None
    error_pages: Mapping[str, str] = field(default_factory=dict)
    error_texts: str = ""

    def follow(self, answer: Any) -> Step:
        """Return what follows a success with this answer."""
        return self.then if isinstance(self.then, Step) else self.then(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSet:
    """
    The pages of one feature, for `Pages(more=[…])`.

    ```python
    from pathlib import Path
    from piccolo_api_fastapi.pages import Page, PageSet

    pages = PageSet(folder=Path("help"), pages=(Page(name="help", path="/help"),))
    ```

    Args:
        folder: The folder that has `templates/` and `texts/`.
        pages: The pages.
        actions: The forms.
        for_scripts: The operations that are answered as the API answers them, below the prefix:
            scripts of the pages ask for JSON, and other sites send browsers back.
        shown: The names of pages that only an action shows, such as the one with a new secret.
        facts: What templates of these pages may ask for as `facts`, beside the answers: values,
            or functions of the caller, which is `None` if nobody is signed in.
        texts: English texts that depend on the configuration, such as the names of columns; those
            in `texts/` replace them.
    """

    folder: Path
    pages: tuple[Page, ...]
    actions: tuple[Action, ...] = ()
    for_scripts: tuple[AuthRoute, ...] = ()
    shown: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


def operations_of(router: APIRouter) -> dict[str, AuthRoute]:
    """
    Return the routes of a router by the names of their operations, or else their own names.

    ```python
    from piccolo_api_fastapi import SessionAuth, session_router
    from piccolo_api_fastapi.pages import operations_of

    log_in = operations_of(session_router(SessionAuth()))["log_in"]
    ```

    Args:
        router: A prebuilt router, or one with `APIRouter(route_class=AuthRoute)`. A router that
            includes it with further dependencies passes them on; an application does not.
    """
    operations: dict[str, AuthRoute] = {}
    for context in iter_route_contexts(router.routes):
        original = context.original_route
        if isinstance(original, AuthRoute):
            route = copy(original)
            route.dependencies = list(context.dependencies)
            route.dependant = context.dependant
            route.shares_limits_of = original
            operations[route.operation or route.name] = route
    return operations
