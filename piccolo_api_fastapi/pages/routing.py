"""The routes of the pages: each with the endpoint and the options of the operation it presents."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from piccolo_api_fastapi.core.http.route import AuthRoute

from .declared import Action, Page, PageSet
from .route import FormRoute, PageRoute, ScriptRoute, SiteRoute
from .site import Site

_OPTIONS = (
    "dependencies",
    "status_code",
    "response_model",
    "response_model_include",
    "response_model_exclude",
    "response_model_by_alias",
    "response_model_exclude_unset",
    "response_model_exclude_defaults",
    "response_model_exclude_none",
)
"""The options of an operation that decide what it asks for and what it answers."""


def add_routes(router: APIRouter, sets: Sequence[PageSet], site: Site) -> dict[str, PageRoute]:
    """
    Add the routes of pages to a router.

    Args:
        router: The router.
        sets: The pages.
        site: Presents their answers.

    Returns:
        The routes of the pages that GET shows, by name.
    """
    for action in (action for brought in sets for action in brought.actions):
        _add_action(router, action, site)
    for operation in (operation for brought in sets for operation in brought.for_scripts):
        _add_script_route(router, operation, site)
    pages = (page for brought in sets for page in brought.pages)
    return {page.name: _add_page(router, page, site) for page in pages}


def _add_page(router: APIRouter, page: Page, site: Site) -> PageRoute:
    shows, nothing = page.shows, dict[str, Any](response_model=None)
    router.add_api_route(
        page.path,
        _looking(page.guard) if shows is None else shows.endpoint,
        methods=["GET"] if page.is_callback else ["GET", "HEAD"],
        **(nothing if shows is None else _options_of(shows)),
        name=f"page_{page.name}",
        route_class_override=PageRoute,
    )
    route = _placed(router, page.path, shows, site)
    assert isinstance(route, PageRoute)  # noqa: S101 - the class above
    route.page = page
    if page.is_callback and shows is not None:
        route.operation = shows.operation
    return route


def _add_action(router: APIRouter, action: Action, site: Site) -> None:
    operation = action.operation
    router.add_api_route(
        action.path,
        operation.endpoint,
        methods=["POST"],
        **_options_of(operation),
        name=f"form_{operation.operation}",
        route_class_override=FormRoute,
    )
    route = _placed(router, action.path, operation, site)
    assert isinstance(route, FormRoute)  # noqa: S101 - the class above
    route.action = action


def _add_script_route(router: APIRouter, operation: AuthRoute, site: Site) -> None:
    router.add_api_route(
        operation.path,
        operation.endpoint,
        methods=list(operation.methods or ()),
        **_options_of(operation),
        name=f"script_{operation.operation}",
        route_class_override=ScriptRoute,
    )
    _placed(router, operation.path, operation, site)


def _placed(router: APIRouter, path: str, operation: AuthRoute | None, site: Site) -> SiteRoute:
    route = router.routes[-1]
    assert isinstance(route, SiteRoute)  # noqa: S101 - the classes above
    route.site, route.own_path = site, path
    if operation is not None:
        route.shares_limits_of = operation.shares_limits_of or operation
    route.user_table = site.composer.session.users.table
    return route


def _options_of(operation: AuthRoute) -> dict[str, Any]:
    """The options of an operation, for a route that does the same."""
    return {name: getattr(operation, name) for name in _OPTIONS}


def _looking(guard: Any) -> Any:
    """An endpoint of a page that shows no operation, which asks a guard if there is one."""

    async def look() -> dict[str, str]:
        return {}

    async def look_as(_: Any) -> dict[str, str]:
        return {}

    if guard is None:
        return look
    look_as.__annotations__["_"] = Annotated[Any, Depends(guard)]
    return look_as
