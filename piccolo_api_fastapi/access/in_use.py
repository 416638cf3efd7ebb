"""The user tables that guards use: those of an application, and whether they are the same."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from piccolo.apps.user.tables import BaseUser
from piccolo.table import Table
from starlette.routing import BaseRoute

from piccolo_api_fastapi.core.http.public_routes import all_routes, dependencies_of
from piccolo_api_fastapi.errors import ConfigurationError

from .permissions import roles_of

ROWS_OF = "__piccolo_api_fastapi_rows_of__"
"""The mark of endpoints that serve the rows of a table: the table."""


def refuse_other_users(name: str, *owners: Any) -> None:
    """
    Make sure that guards, logins and factors have one user table.

    A primary key of one table would name another user in the other.

    Args:
        name: The class or function that is given the owners.
        owners: Objects with `users`, and guards.

    Raises:
        ConfigurationError: There is more than one table.
    """
    holders = [scheme for owner in owners for scheme in getattr(owner, "schemes", (owner,))]
    users = [holder.users for holder in holders if hasattr(holder, "users")]
    tables = {held.table: held.table.__name__ for held in users}
    if len(tables) > 1:
        raise ConfigurationError(
            f"{name} needs one user table, not {' and '.join(tables.values())}; "
            "give all of its parts the same users."
        )


def users_of(name: str, schemes: Sequence[Any]) -> Any:
    """
    Return the users of schemes that have one user table.

    Args:
        name: The function that is given the schemes.
        schemes: The schemes, of which some may have no users.

    Raises:
        ConfigurationError: None of them has users.
    """
    users = next((scheme.users for scheme in schemes if hasattr(scheme, "users")), None)
    if users is None:
        raise ConfigurationError(f"{name} needs a scheme with users, such as SessionAuth.")
    return users


def user_tables(routes: Sequence[BaseRoute]) -> list[type[BaseUser]]:
    """
    Return the user tables of all guards of these routes, and of mounted applications.

    Args:
        routes: The routes of an application.
    """
    schemes = [scheme for context in all_routes(routes) for scheme in _schemes_of(context)]
    owners = [scheme.users for scheme in schemes if getattr(scheme, "users", None) is not None]
    return list(dict.fromkeys(users.table for users in owners))


def row_tables(routes: Sequence[BaseRoute]) -> list[type[Table]]:
    """
    Return the tables whose rows these routes serve, and those of mounted applications.

    Args:
        routes: The routes of an application.
    """
    endpoints = (getattr(context, "endpoint", None) for context in all_routes(routes))
    found = (getattr(endpoint, ROWS_OF, None) for endpoint in endpoints)
    return list(dict.fromkeys(table for table in found if table is not None))


def asked_scopes(routes: Sequence[BaseRoute], roles: Any) -> frozenset[str]:
    """
    Return the scopes that the routes of an application ask users with these roles for.

    Args:
        routes: The routes of the application.
        roles: The `Roles`.
    """
    return frozenset(
        scope
        for context in all_routes(routes)
        if (dependant := getattr(context, "dependant", None)) is not None
        for guard, scopes in _asked(dependant, None)
        if any(roles_of(scheme) is roles for scheme in getattr(guard, "schemes", ()))
        for scope in scopes
    )


def roles_in_use(routes: Sequence[BaseRoute]) -> list[Any]:
    """
    Return the users with roles of all guards of these routes, and of mounted applications.

    Args:
        routes: The routes of an application.
    """
    schemes = [scheme for context in all_routes(routes) for scheme in _schemes_of(context)]
    return list(dict.fromkeys(scheme.users for scheme in schemes if roles_of(scheme) is not None))


def _asked(dependant: Dependant, guard: Any) -> Iterator[tuple[Any, Sequence[str]]]:
    """Yield the scopes that each dependency asks for, with the guard that it is or is part of."""
    call: Any = getattr(dependant.call, "_guard", dependant.call)
    guard = call if hasattr(call, "schemes") else guard
    yield guard, dependant.own_oauth_scopes or ()
    for inner in dependant.dependencies:
        yield from _asked(inner, guard)


def shared_names(routes: Sequence[BaseRoute]) -> list[str]:
    """
    Return the names in OpenAPI that several schemes of an application have.

    Those of mounted applications are not counted: these have documents of their own.

    Args:
        routes: The routes of an application.
    """
    schemes = {scheme for context in iter_route_contexts(routes) for scheme in _schemes_of(context)}
    names = Counter(scheme.scheme_name for scheme in schemes)
    return sorted(name for name, number in names.items() if number > 1)


def refuse_common_tokens(routes: Sequence[BaseRoute]) -> None:
    """
    Make sure that no token is one of two user tables: its subject would be another user in each.

    Args:
        routes: The routes of an application.

    Raises:
        ConfigurationError: Two schemes with different user tables verify the same tokens.
    """
    owners: dict[Any, Any] = {}
    for scheme in (scheme for context in all_routes(routes) for scheme in _schemes_of(context)):
        for mark in scheme.token_marks:
            first = owners.setdefault(mark, scheme.users.table)
            if first is not scheme.users.table:
                raise ConfigurationError(
                    f"The tokens of {first.__name__} and {scheme.users.table.__name__} have the "
                    "same key, issuer and audience; give one scheme a name, such as "
                    "JWTAuth(name='staff')."
                )


def _schemes_of(context: RouteContext) -> Iterator[Any]:
    """Yield the schemes of the guards of a route."""
    if (dependant := getattr(context, "dependant", None)) is None:
        return
    for call in dependencies_of(dependant, context.endpoint):
        guard: Any = getattr(call, "_guard", call)
        yield from getattr(guard, "schemes", ())
