"""`optional`: the user, or `None` when nobody is signed in."""

from collections.abc import Iterable
from typing import Generic

from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.errors import Forbidden, SessionEnded, StepUpRequired

from .guards import Guard, signature_of, tell_refusal_by
from .identity import Identity, UserT


class Optional(Generic[UserT]):
    """The user or `None`; made by `optional`."""

    def __init__(self, guard: Guard[UserT]) -> None:
        self._guard = guard
        self.documented_errors = getattr(guard, "documented_errors", ())
        self.__signature__ = signature_of(guard.schemes)

    @property
    def identity(self) -> "OptionalIdentity[UserT]":
        """The dependency that gives the `Identity` or `None`."""
        return OptionalIdentity(self._guard)

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> UserT | None:
        """The user, if there is one."""
        identity = await _find_or_none(self._guard, connection, scopes.scopes)
        return identity.user if identity else None


class OptionalIdentity(Generic[UserT]):
    """The dependency that gives the `Identity` of a guard, or `None`."""

    def __init__(self, guard: Guard[UserT]) -> None:
        self._guard = guard
        self.documented_errors = getattr(guard, "documented_errors", ())
        self.__signature__ = signature_of(guard.schemes)

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> Identity[UserT] | None:
        """The identity, if there is one."""
        return await _find_or_none(self._guard, connection, scopes.scopes)


def optional(guard: Guard[UserT]) -> Optional[UserT]:
    """
    The user, or `None` when nobody is signed in.

    A session that has ended counts as nobody, since a browser goes on sending its
    cookie. A bad `Authorization` header is an error all the same.

    Args:
        guard: A scheme, `AnyOf` or `require(…)`.
    """
    return Optional(guard)


async def _find_or_none(
    guard: Guard[UserT], connection: HTTPConnection, scopes: Iterable[str]
) -> Identity[UserT] | None:
    try:
        found = await guard.find(connection)
    except SessionEnded:
        return None
    except (Forbidden, StepUpRequired) as error:
        await tell_refusal_by(error, connection, guard)
        raise
    if found is None and "authorization" not in connection.headers:
        return None  # no credential at all
    if found is not None and found.is_enrolling:
        return None  # good for enrolling a second factor, and for nothing else
    try:
        return await guard.identify(connection, scopes)
    except (Forbidden, StepUpRequired) as error:
        await tell_refusal_by(error, connection, guard)
        raise
