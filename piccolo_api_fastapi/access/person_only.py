"""`in_person`: a guard for routes that manage credentials, which refuses API tokens."""

from collections.abc import Iterable
from typing import Any

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import AuthError, ConfigurationError, CredentialNotAllowed

from .guards import AnyOf, Guard
from .identity import Identity, UserT
from .requirements import Require
from .scheme import Scheme


class InPerson(Require[UserT]):
    """A guard that refuses the credentials of machines. Made by `in_person`."""

    def __init__(
        self, guard: Guard[UserT], others: Iterable[Scheme[UserT]], *, enrolling: bool
    ) -> None:
        allowed = [scheme for scheme in guard.schemes if scheme.manages_credentials]
        if not allowed:
            raise ConfigurationError("in_person() needs a scheme for people, such as SessionAuth.")
        # OpenAPI lists the allowed schemes only.
        super().__init__(AnyOf(*allowed), ())
        self._guard = guard
        self._enrolling = enrolling
        asked = dict.fromkeys((*guard.schemes, *others))
        self._refused = [scheme for scheme in asked if not scheme.manages_credentials]
        told: list[type[AuthError]] = [*getattr(guard, "documented_errors", ())]
        told += [error for scheme in asked for error in scheme.documented_errors]
        self.documented_errors = (*dict.fromkeys(told), CredentialNotAllowed)

    async def identify(
        self, connection: HTTPConnection, scopes: Iterable[str] = (), *, enrolling: bool = False
    ) -> Identity[UserT]:
        """Return the caller, who is a person."""
        for scheme in self._refused:
            if await scheme.find(connection) is not None:
                raise CredentialNotAllowed
        enrolling = enrolling or self._enrolling
        return await super().identify(connection, scopes, enrolling=enrolling)


@configured
def in_person(
    guard: Guard[UserT], *others: Scheme[Any], enrolling: bool = False
) -> InPerson[UserT]:
    """
    Make a guard for routes that manage credentials. It answers 403 to a valid API token.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import AnyOf, SessionAuth, TokenAuth, in_person

    app, current_user = FastAPI(), AnyOf(SessionAuth(), TokenAuth())

    @app.post("/keys", dependencies=[Depends(in_person(current_user))])
    async def create_key() -> None: ...
    ```

    Otherwise, an attacker with a stolen token could make more tokens, and keep access after it is
    revoked (OWASP ASVS 5.0 V7.5.1). The prebuilt routers use this guard already.

    Args:
        guard: A scheme, an `AnyOf` or a `require(…)`. At least one scheme must be for people.
        others: Schemes outside `guard` whose credentials get 403 instead of 401.
        enrolling: Whether to accept a caller who must still enrol a second factor.

    Raises:
        ConfigurationError: All schemes are for machines.
    """
    return InPerson(guard, others, enrolling=enrolling)
