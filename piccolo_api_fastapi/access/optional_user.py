"""`optional`: the user, or `None` if nobody is signed in."""

from collections.abc import Iterable

from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import SessionEnded

from .guards import Guard, View, admit
from .identity import Identity, UserT


class Optional(View[UserT]):
    """The dependency that `optional` returns."""

    is_optional = True

    @property
    def identity(self) -> "OptionalIdentity[UserT]":
        """The dependency that returns the `Identity` or `None`."""
        return OptionalIdentity(self._guard)

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> UserT | None:
        """Return the user, or `None` if nobody is signed in."""
        answer = _find_or_none(self._guard, connection, scopes.scopes)
        identity = await admit(self._guard, connection, answer)
        return identity.user if identity else None


class OptionalIdentity(View[UserT]):
    """The dependency that returns the `Identity` of a guard, or `None`."""

    is_optional = True

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> Identity[UserT] | None:
        """Return the identity, or `None` if nobody is signed in."""
        answer = _find_or_none(self._guard, connection, scopes.scopes)
        return await admit(self._guard, connection, answer)


@configured
def optional(guard: Guard[UserT]) -> Optional[UserT]:
    """
    Make a dependency that returns the user, or `None` if nobody is signed in.

    ```python
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import SessionAuth, User, optional

    app, current_user = FastAPI(), SessionAuth()

    @app.get("/")
    async def home(user: Annotated[User | None, Depends(optional(current_user))]) -> str:
        return f"Hello, {user.username if user else 'stranger'}!"
    ```

    A session that has ended counts as not signed in, since browsers keep sending its cookie. An
    invalid `Authorization` header is still refused.

    Args:
        guard: A scheme, an `AnyOf` or a `require(…)`.
    """
    return Optional(guard)


async def _find_or_none(
    guard: Guard[UserT], connection: HTTPConnection, scopes: Iterable[str]
) -> Identity[UserT] | None:
    try:
        found = await guard.find(connection)
    except SessionEnded:
        return None
    if found is None and not guard.is_decided_by_header(connection):
        return None  # no credential at all
    if found is not None and found.is_enrolling:
        return None  # this credential can only enrol a second factor
    return await guard.identify(connection, scopes)
