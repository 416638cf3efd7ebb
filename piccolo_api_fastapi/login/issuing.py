"""`Issuing`: how a scheme signs users in, as the router of any way in needs to know it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from fastapi import APIRouter, Request, Response, params
from pydantic import BaseModel

from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.public_routes import CallableT
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import AuthError, ConfigurationError
from piccolo_api_fastapi.users import Proof, Users

from .challenges import Challenge, Channel
from .consistency import Issues
from .service import Login

Answer: TypeAlias = Callable[
    [Login[Any], Request, Response, Proof[Any] | Challenge], Awaitable[BaseModel]
]
"""Issues a credential on a proof, or passes a challenge on; the body of the response."""


def _asks_nothing(_: Request, __: BaseModel) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuing:
    """
    How a scheme signs users in.

    Args:
        channel: What the scheme issues, as `Login` knows it.
        issues: A cookie, or the tokens of an app.
        path: The path that the routes of its logins begin with.
        verb: What the ids of its operations begin with, such as `log_in`.
        noun: What they call a login, such as `login`.
        summary: What the summaries of its operations begin with.
        answer: Issues a credential, and makes the response.
        started: The body of the first step of a login.
        completed: The body of the last step.
        tag: The tag of the operations.
        route_class: The class of the routes.
        dependencies: What every login depends on, such as the check against cross-site requests.
        errors: The errors that its routes answer in place of others.
        further_errors: The errors that its logins can raise as well.
        leaves_out_none: Whether its bodies have no members that are null.
        asks: Members that the body of a first step has as well.
        asked: Reads those members, for `Login`.
    """

    channel: Channel
    issues: Issues
    path: str
    verb: str
    noun: str
    summary: str
    answer: Answer
    started: Any
    completed: Any
    tag: str
    route_class: type[AuthRoute] = AuthRoute
    dependencies: Sequence[params.Depends] = ()
    errors: Mapping[type[AuthError], type[AuthError]] = field(default_factory=dict)
    further_errors: Sequence[type[AuthError]] = ()
    leaves_out_none: bool = False
    asks: type[BaseModel] | None = None
    asked: Callable[[Request, Any], Mapping[str, str]] = _asks_nothing

    def responses(self, *errors: type[AuthError]) -> dict[int | str, dict[str, Any]]:
        """Document errors of a login, as the routes of this scheme answer them."""
        return shared_responses(*(self.errors.get(error, error) for error in errors))

    def body(self, model: type[BaseModel]) -> Callable[[CallableT], CallableT]:
        """
        Let the parameter `body` of a first step have the members that the scheme asks for.

        Args:
            model: The members of the way in.
        """
        whole = model
        if self.asks is not None:
            name = model.__name__.replace("In", "ForTokensIn")
            whole = type(name, (self.asks, model), {"__doc__": model.__doc__})
        return takes(whole)


class SignsIn(Protocol):
    """A scheme that can sign users in: `SessionAuth` and `JWTAuth`."""

    users: Users[Any]

    @property
    def schemes(self) -> Sequence[Any]: ...  # noqa: D102 - the scheme itself, as of every guard

    @property
    def issuing(self) -> Issuing: ...  # noqa: D102 - how it signs users in


def takes(body: Any) -> Callable[[CallableT], CallableT]:
    """Set the type of the parameter `body` of an endpoint, before its route is made."""

    def typed(endpoint: CallableT) -> CallableT:
        endpoint.__annotations__["body"] = body
        return endpoint

    return typed


def login_router(
    scheme: SignsIn, login: Login[Any], operation_prefix: str | None, tag: str | None = None
) -> APIRouter:
    """
    Make the router of a way in, without routes.

    Args:
        scheme: The scheme that signs users in.
        login: The login that the way in leads to.
        operation_prefix: The beginning of the operation ids; by default the name of the scheme.
        tag: The tag of the operations; by default that of the scheme.

    Raises:
        ConfigurationError: They have different user tables.
    """
    if login.users.table is not scheme.users.table:
        raise ConfigurationError("The scheme and the login must have the same user table.")
    return AuthRouter(
        users=scheme.users.table,
        prefix=prefix_of(operation_prefix, scheme),
        tag=tag or scheme.issuing.tag,
        route_class=scheme.issuing.route_class,
    )
