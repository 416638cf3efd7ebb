"""The check that the routers of one user table all ask for the same second factors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from starlette.routing import BaseRoute

from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.http.public_routes import CallableT, all_routes, marked
from piccolo_api_fastapi.errors import ConfigurationError

from .mfa.second_factor import SecondFactor

if TYPE_CHECKING:
    from .service import Login

Kind: TypeAlias = str | SecondFactor
"""What tells factors apart: the name in the database, or the object if it is not recorded."""

Issues: TypeAlias = Literal["session", "tokens"]
"""What a login gives: a cookie, or tokens."""

_WAY_IN, _FACTOR = "__piccolo_api_fastapi_way_in__", "__piccolo_api_fastapi_factor__"


@dataclass(frozen=True, slots=True)
class WayIn:
    """
    How an endpoint starts a login.

    Args:
        login: The login.
        factor: The name of the factor that the user presents first.
        issues: What a user who is signed in gets.
    """

    login: "Login[Any]"
    factor: str
    issues: Issues


def logs_in(
    login: "Login[Any]", *, factor: str = PASSWORD, issues: Issues = "session"
) -> Callable[[CallableT], CallableT]:
    """
    Mark an endpoint that starts a login, for `check_logins` and `GET /config`.

    Args:
        login: The login.
        factor: The name of the factor that the user presents first.
        issues: What a user who is signed in gets.
    """
    return marked(_WAY_IN, WayIn(login, factor, issues))


def way_in(endpoint: object) -> WayIn | None:
    """Return how an endpoint starts a login, if it is marked."""
    return getattr(endpoint, _WAY_IN, None)


def enrols(factor: SecondFactor) -> Callable[[CallableT], CallableT]:
    """Mark an endpoint that confirms a second factor, for `check_logins`."""
    return marked(_FACTOR, factor)


def check_logins(routes: Sequence[BaseRoute]) -> None:
    """
    Make sure that all logins of a user table ask for the same second factors.

    Args:
        routes: The routes of an application. Those of mounted applications are checked as well.

    Raises:
        ConfigurationError: Two logins of one user table have different factors, or users can
            enrol a factor that a login of theirs does not know.
    """
    logins: dict[str, Login[Any]] = {}
    endpoints = [context.endpoint for context in all_routes(routes)]
    for endpoint in endpoints:
        if (way := way_in(endpoint)) is not None:
            login = way.login
            table = login.users.table
            first = logins.setdefault(table._meta.get_formatted_tablename(), login)
            if _kinds(first.factors) != _kinds(login.factors):
                raise ConfigurationError(
                    f"Two routers log in users of {table.__name__}, one with {_names(first)} and "
                    f"one with {_names(login)}; pass the same login= to both."
                )
    for factor in (getattr(endpoint, _FACTOR, None) for endpoint in endpoints):
        if factor is not None:
            table = factor.users.table
            own = logins.get(table._meta.get_formatted_tablename())
            if own is not None and not _kinds([factor]) <= _kinds(own.factors):
                raise ConfigurationError(
                    f"Users of {table.__name__} can enrol the factor {factor.name!r}, which "
                    f"their login does not know; pass it in Login(factors=[…])."
                )


def _kinds(factors: Sequence[SecondFactor]) -> frozenset[Kind]:
    return frozenset(factor.recorded_as or factor for factor in factors)


def _names(login: "Login[Any]") -> str:
    names = ", ".join(factor.name for factor in login.factors)
    return f"the second factors {names}" if names else "no second factor"
