"""Dependencies that give the user or refuse: schemes, and what is made of them."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar

from fastapi import Security
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.http.public_routes import is_exempt
from piccolo_api_fastapi.errors import (
    AuthError,
    ConfigurationError,
    CredentialNotAllowed,
    EnrolmentRequired,
    Forbidden,
    InvalidToken,
    StepUpRequired,
    Unauthenticated,
)

from .identity import Identity, UserT, check_scopes
from .refusal_events import emit_refusal

FoundT = TypeVar("FoundT")

_IDENTITIES = "piccolo_api_fastapi.identities"


class Guard(Generic[UserT]):
    """
    A dependency that gives the user, or refuses.

    What it finds is kept for the request, so that asking twice costs once.
    """

    schemes: "tuple[Scheme[UserT], ...]"
    is_optional: ClassVar[bool] = False

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> UserT:
        """
        The user of the request.

        Raises:
            AuthError: Nobody, or somebody who may not.
        """
        if is_exempt(connection, self):
            return None  # type: ignore[return-value]  # nobody reads it: see `public`
        return (await admit(self, connection, self.identify(connection, scopes.scopes))).user

    @property
    def identity(self) -> "IdentityOf[UserT]":
        """The dependency that gives the `Identity` instead of the user."""
        return IdentityOf(self)

    async def identify(
        self, connection: HTTPConnection, scopes: Iterable[str] = (), *, enrolling: bool = False
    ) -> Identity[UserT]:
        """
        The caller of this request.

        Args:
            connection: The request or the WebSocket.
            scopes: Scopes that the caller must have.
            enrolling: Whether it may be somebody who has yet to enrol a second factor.

        Raises:
            Unauthenticated: Nobody, or a credential that is no good.
            EnrolmentRequired: A second factor has to be enrolled first.
            InsufficientScope: A scope is missing.
        """
        identity = await self.find(connection)
        if identity is None:
            raise self._nobody(connection)
        if identity.is_enrolling and not enrolling:
            raise EnrolmentRequired
        check_scopes(identity.scopes, scopes)
        return identity

    def now(self) -> datetime:
        """The present time, by the clock of the schemes."""
        return self.schemes[0].clock()

    async def step_up(
        self, identity: Identity[UserT], factor: str, connection: HTTPConnection, response: Response
    ) -> None:
        """
        Record that a factor was presented once more, with the credential of a caller.

        Args:
            identity: The caller, as this guard found them.
            factor: The name of the factor.
            connection: The request.
            response: The answer, which may take a new cookie.

        Raises:
            CredentialNotAllowed: It is a credential of a machine.
            AuthError: It ended meanwhile.
        """
        for scheme in self.schemes:
            if scheme.scheme_name == identity.scheme:
                await scheme.record_factor(identity, factor, connection, response)
                return
        raise CredentialNotAllowed

    async def renew(
        self, identity: Identity[UserT], connection: HTTPConnection, response: Response
    ) -> None:
        """
        Give the credential of a caller a new secret, where an answer can carry one.

        Args:
            identity: The caller, as this guard found them.
            connection: The request.
            response: The answer, which may take a new cookie.

        Raises:
            AuthError: It ended meanwhile.
        """
        for scheme in self.schemes:
            if scheme.scheme_name == identity.scheme:
                await scheme.replace_secret(identity, connection, response)

    async def confirm(self, connection: HTTPConnection) -> Identity[UserT]:
        """
        The caller, asked anew: for a transaction that has locked the user since.

        What it issues then either is seen by a password change, or is stopped by it.

        Raises:
            AuthError: The credential no longer holds.
        """
        scope = {name: value for name, value in connection.scope.items() if name != _IDENTITIES}
        return await self.identify(HTTPConnection(scope))

    async def find(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """The caller, or `None`; asked once for each request, however often it is called."""
        known: dict[Guard[UserT], Identity[UserT] | None]
        known = connection.scope.setdefault(_IDENTITIES, {})
        if self not in known:
            async with store():
                known[self] = await self.authenticate(connection)
        return known[self]

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Ask the schemes in turn. An `Authorization` header, when there is one, decides alone:
        a bad header is never rescued by a good cookie.
        """
        by_header = "authorization" in connection.headers
        for scheme in self.schemes:
            if by_header is (scheme.transport == "header"):
                identity = await scheme.find(connection)
                if identity is not None:
                    return identity
        return None

    def _nobody(self, connection: HTTPConnection) -> AuthError:
        reads_header = any(scheme.transport == "header" for scheme in self.schemes)
        if reads_header and "authorization" in connection.headers:
            return InvalidToken()
        challenges = dict.fromkeys(scheme.challenge for scheme in self.schemes)
        return Unauthenticated(challenge=", ".join(challenges))


class Scheme(Guard[UserT], SecurityBase, ABC):
    """
    One way to authenticate, configured once; FastAPI lists it in OpenAPI.

    A subclass sets `scheme_name` and `model`, as FastAPI's own schemes do, and names in
    `documented_errors` what `install` shows as possible answers. One whose credentials
    stand for a machine says `manages_credentials = False`: see `in_person`.
    """

    transport: ClassVar[Literal["header", "cookie"]]
    challenge: ClassVar[str]
    documented_errors: ClassVar[tuple[type[AuthError], ...]]
    manages_credentials: ClassVar[bool] = True
    clock: Clock = staticmethod(utcnow)

    def __init__(self) -> None:
        self.schemes = (self,)
        self.__signature__ = signature_of()
        self.mention = Mention(self)

    @abstractmethod
    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Look at one connection, uncached.

        Returns:
            `None` when it carries no credential of this kind.

        Raises:
            AuthError: It carries one, and it is bad.
        """

    async def has_verified_email(self, user: UserT) -> bool:
        """What `require(…, verified=True)` asks. Never so for a scheme that has no `users`."""
        users = getattr(self, "users", None)
        return users is not None and bool(await users.has_verified_email(user))

    async def record_factor(
        self,
        identity: Identity[UserT],  # noqa: ARG002
        factor: str,  # noqa: ARG002
        connection: HTTPConnection,  # noqa: ARG002
        response: Response,  # noqa: ARG002
    ) -> None:
        """What `Guard.step_up` does for a credential of this scheme; refused unless overridden."""
        raise CredentialNotAllowed

    async def replace_secret(
        self, identity: Identity[UserT], connection: HTTPConnection, response: Response
    ) -> None:
        """What `Guard.renew` does for a credential of this scheme; nothing unless overridden."""


class Mention(SecurityBase):
    """Names a scheme to OpenAPI and does nothing: one `SecurityBase` stands for one scheme."""

    def __init__(self, scheme: "Scheme[Any]") -> None:
        self.model = scheme.model
        self.scheme_name = scheme.scheme_name
        self.documented_errors = scheme.documented_errors

    async def __call__(self) -> None:
        """Nothing to do."""


class AnyOf(Guard[UserT]):
    """
    The user, by whichever scheme finds one.

    Args:
        schemes: Asked in this order; `Authorization` decides alone when it is sent.

    Raises:
        ConfigurationError: There is no scheme, or one twice.
    """

    def __init__(self, *schemes: Scheme[UserT]) -> None:
        if not schemes or len({scheme.scheme_name for scheme in schemes}) < len(schemes):
            raise ConfigurationError("AnyOf takes one or more schemes with different names.")
        self.schemes = schemes
        self.__signature__ = signature_of(schemes)


class View(Generic[UserT]):
    """
    A dependency made from a guard, which returns something other than the user.

    Args:
        guard: The guard that finds the caller.
    """

    is_optional: ClassVar[bool] = False

    def __init__(self, guard: Guard[UserT]) -> None:
        self._guard = guard
        self.documented_errors = getattr(guard, "documented_errors", ())
        self.__signature__ = signature_of(guard.schemes)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._guard is self._guard

    def __hash__(self) -> int:
        return hash((type(self), self._guard))


class IdentityOf(View[UserT]):
    """The dependency that returns the `Identity` of a guard."""

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> Identity[UserT]:
        """The identity of the caller."""
        if is_exempt(connection, self):
            return None  # type: ignore[return-value]  # nobody reads it: see `public`
        guard = self._guard
        return await admit(guard, connection, guard.identify(connection, scopes.scopes))


def signature_of(
    schemes: Sequence[Scheme[Any]] = (), scopes: Sequence[str] = ()
) -> inspect.Signature:
    """
    The signature FastAPI sees: what the work needs, and for OpenAPI a dependency that does nothing
    for each scheme, since a guard is configured when it is made and not when it is written.
    """
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("connection", keyword, annotation=HTTPConnection),
        inspect.Parameter("scopes", keyword, annotation=SecurityScopes),
    ]
    for number, scheme in enumerate(schemes):
        mention = Security(scheme.mention, scopes=list(scopes))
        parameters.append(inspect.Parameter(f"scheme_{number}", keyword, default=mention))
    return inspect.Signature(parameters)


async def admit(guard: Guard[Any], connection: HTTPConnection, answer: Awaitable[FoundT]) -> FoundT:
    """
    Await the answer of a guard, and emit `authz_fail` if it refuses a known caller.

    Args:
        guard: The guard, whose clock is used.
        connection: The request or WebSocket.
        answer: The call of the guard.

    Raises:
        AuthError: The guard refused.
    """
    try:
        return await answer
    except (Forbidden, StepUpRequired) as error:
        known = connection.scope.get(_IDENTITIES, {}).values()
        identity = next(filter(None, known), None)
        await emit_refusal(error, connection, guard.now(), identity)
        raise
