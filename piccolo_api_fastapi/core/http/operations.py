"""Where the prebuilt operations of an application are, and at which of them a flow goes on."""

import posixpath
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi.routing import RouteContext, iter_route_contexts
from piccolo.apps.user.tables import BaseUser
from pydantic import ConfigDict, Field, TypeAdapter
from starlette.routing import BaseRoute, Mount
from starlette.types import Scope
from typing_extensions import TypeAliasType

from piccolo_api_fastapi.errors import LeadsTo

from .bodies import ResponseBody

CALLER_TABLE = "piccolo_api_fastapi.caller_table"
"""The key of a scope with the user table of the caller, once a guard has found one."""


def user_table_of(scope: Scope) -> type[BaseUser] | None:
    """Return the user table that a request is about: that of its route, or of its caller."""
    own: type[BaseUser] | None = getattr(scope.get("route"), "user_table", None)
    return own or scope.get(CALLER_TABLE)


def operations_near(scope: Scope, users: type[BaseUser] | None) -> dict[str, RouteContext]:
    """
    Return the routes of the prebuilt operations of an application, by the names of operations.

    Of several routes of one operation, it is the one whose path begins most like that of the
    request: `/staff/login` continues at `/staff/login/mfa`, not at `/login/mfa`.

    Args:
        scope: The request.
        users: The user table that the operations serve; `None` for any.
    """
    here = scope["path"].removeprefix(scope.get("root_path", ""))
    nearest: dict[str, tuple[int, RouteContext]] = {}
    for context in iter_route_contexts(scope["app"].routes):
        route: Any = context.original_route
        name = getattr(route, "operation", "")
        if name and (users is None or route.user_table is users):
            likeness = len(posixpath.commonprefix([here, context.path_format or ""]))
            if name not in nearest or likeness > nearest[name][0]:
                nearest[name] = likeness, context
    return {name: context for name, (_, context) in nearest.items()}


def route_of(scope: Scope, route: Any) -> RouteContext | None:
    """Return a route as the application has it, with the prefixes of the routers around it."""
    contexts = iter_route_contexts(scope["app"].routes)
    return next((context for context in contexts if context.original_route is route), None)


def href_of(scope: Scope, context: RouteContext) -> str:
    """
    Return the path of a route, below the path at which the application is mounted.

    Args:
        scope: The request.
        context: The route, which may have parameters in braces.
    """
    return f"{scope.get('root_path', '')}{context.path_format}"


def path_of(scope: Scope) -> str:
    """Return the path of a request as the browser has it: encoded, below any `root_path`."""
    root_path = scope.get("root_path", "")
    path = f"{root_path}{scope['path'].removeprefix(root_path)}"
    # Of two slashes at the beginning, the second would begin the name of another host.
    return "/" + quote(path, safe="/:@!$&'()*+,=-._~").lstrip("/")


def path_of_application(scope: Scope) -> str:
    """Return the path of the application of a request, also if a mount of it serves that."""
    root_path: str = scope.get("root_path", "")
    below = _segments(scope["app"].routes, scope.get("endpoint"))
    return root_path if below == 0 else root_path.rsplit("/", below)[0]


def _segments(routes: Iterable[BaseRoute], endpoint: Any) -> int:
    """Return how many segments the mounts have that lead to an endpoint; 0 if none does."""
    for route in routes:
        if isinstance(route, Mount):
            own, inner = route.path.count("/"), _segments(route.routes or (), endpoint)
            if route.app is endpoint or inner:
                return own + inner
    return 0


def declared_path(scope: Scope) -> str:
    """Return the declared path of the route of a request, with the prefixes of its routers."""
    context = scope.get("fastapi", {}).get("effective_route_context")
    route = scope["route"]
    found: Any = context if getattr(context, "original_route", None) is route else route
    path: str = found.path_format
    return path


Href = Annotated[
    str | None,
    Field(description="The path to send a POST to; null if the application has no such route."),
]

SendHref = Annotated[
    str | None,
    Field(description="The path to send a POST to for another code; null if there is none."),
]


def _example(**members: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [members]})


class PresentFactor(ResponseBody):
    """Send a code of a second factor with the challenge."""

    model_config = _example(
        action="present_factor", href="/auth/login/mfa", send_href="/auth/login/mfa/send"
    )

    action: Literal["present_factor"]
    href: Href
    send_href: SendHref


class EnrolFactor(ResponseBody):
    """Set up a second factor. Nothing else is allowed before."""

    model_config = _example(action="enrol_factor", href="/auth/mfa/totp")

    action: Literal["enrol_factor"]
    href: Href


class Reauthenticate(ResponseBody):
    """Present the password or a second factor again, then repeat the request."""

    model_config = _example(action="reauthenticate", href="/auth/reauthenticate")

    action: Literal["reauthenticate"]
    href: Href


class ConfirmEmail(ResponseBody):
    """Open the link that was mailed, or send its code."""

    model_config = _example(
        action="verify_email",
        href="/auth/verify-email",
        send_href="/auth/verify-email/request",
    )

    action: Literal["verify_email"]
    href: Href
    send_href: SendHref


NextStep = TypeAliasType(
    "NextStep",
    Annotated[
        PresentFactor | EnrolFactor | Reauthenticate | ConfirmEmail,
        Field(discriminator="action"),
    ],
)
"""What has to be done next. `action` tells the steps apart."""

_STEP: TypeAdapter[Any] = TypeAdapter(NextStep)


def next_step(scope: Scope, leads_to: LeadsTo) -> Any:
    """
    Return the `NextStep` of an answer.

    Args:
        scope: The request.
        leads_to: The action, and the names of its operations.
    """
    near = operations_near(scope, user_table_of(scope))
    has_operation = leads_to.operation in near
    operation = leads_to.operation if has_operation else leads_to.or_else
    names = {"href": operation, "send_href": leads_to.sending}
    paths = {
        member: href_of(scope, near[name]) if name in near else None
        for member, name in names.items()
    }
    return _STEP.validate_python({"action": leads_to.action, **paths})


@cache
def next_schemas() -> dict[str, Any]:
    """Return the schemas of `NextStep` and of each step, as they are in `components`."""
    template = "#/components/schemas/{model}"
    # Of the alias itself, Pydantic would write out the schema.
    steps: TypeAdapter[Any] = TypeAdapter(list[NextStep])
    schema = steps.json_schema(ref_template=template, mode="serialization")
    definitions: dict[str, Any] = schema["$defs"]
    return definitions
