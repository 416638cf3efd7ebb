"""`in_person`: a guard for routes that manage credentials, where no API token may come."""

from collections.abc import Iterable
from typing import Any

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.errors import AuthError, ConfigurationError, CredentialNotAllowed

from .guards import AnyOf, Guard, Scheme
from .identity import Identity, UserT
from .requirements import Require


class InPerson(Require[UserT]):
    """A guard that refuses the credentials of machines; made by `in_person`."""

    def __init__(
        self, guard: Guard[UserT], others: Iterable[Scheme[UserT]], *, enrolling: bool
    ) -> None:
        allowed = [scheme for scheme in guard.schemes if scheme.manages_credentials]
        if not allowed:
            raise ConfigurationError("None of the schemes may manage credentials.")
        # What OpenAPI is told.
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
        """The caller, who is no machine."""
        for scheme in self._refused:
            if await scheme.find(connection) is not None:
                raise CredentialNotAllowed
        enrolling = enrolling or self._enrolling
        return await super().identify(connection, scopes, enrolling=enrolling)


def in_person(
    guard: Guard[UserT], *others: Scheme[Any], enrolling: bool = False
) -> InPerson[UserT]:
    """
    The user in person, for routes that manage credentials: 403 for a good API token.

    Or whoever finds a token makes more of them, and stays in when it is revoked
    (OWASP ASVS 5.0 V7.5.1). The prebuilt routers do this by themselves.

    Args:
        guard: A scheme, `AnyOf` or `require(…)`; one of its schemes may manage credentials.
        others: Schemes that are not part of `guard` and are told 403 too, not 401.
        enrolling: Whether it may be somebody who has yet to enrol a second factor.

    Raises:
        ConfigurationError: None of the schemes may manage credentials.
    """
    return InPerson(guard, others, enrolling=enrolling)
