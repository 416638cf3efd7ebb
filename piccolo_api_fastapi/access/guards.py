"""Dependencies that return the user or refuse the request: schemes, and guards made of them."""

import inspect
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from fastapi import Security
from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from piccolo_api_fastapi.core.database.outages import raise_unavailable
from piccolo_api_fastapi.core.http.middleware import note_vary
from piccolo_api_fastapi.core.http.operations import CALLER_TABLE
from piccolo_api_fastapi.core.http.public_routes import is_exempt
from piccolo_api_fastapi.errors import (
    AuthError,
    ConfigurationError,
    CredentialNotAllowed,
    EnrolmentRequired,
    Forbidden,
    InvalidToken,
    SessionEnded,
    StepUpRequired,
    Unauthenticated,
)

from .identity import Identity, UserT, check_scopes
from .in_use import refuse_other_users
from .refusal_events import emit_refusal

if TYPE_CHECKING:
    from .scheme import Scheme

FoundT = TypeVar("FoundT")

_IDENTITIES = "piccolo_api_fastapi.identities"
_REFUSED_BY = "piccolo_api_fastapi.refused_by"


class Guard(Generic[UserT]):
    """
    A dependency that returns the user, or refuses the request.

    The result is kept for the request, so that a second call costs nothing.
    """

    schemes: "tuple[Scheme[UserT], ...]"
    needed: tuple[str, ...] = ()
    """The scopes that callers need, as OpenAPI shows them."""

    is_optional: ClassVar[bool] = False

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> UserT:
        """
        Return the user of the request.

        Raises:
            AuthError: Nobody is signed in, or the user may not do this.
        """
        if is_exempt(connection, self):
            return None  # type: ignore[return-value]  # the value is not used: see `public`
        return (await admit(self, connection, self.identify(connection, scopes.scopes))).user

    @property
    def identity(self) -> "IdentityOf[UserT]":
        """The dependency that returns the `Identity` instead of the user."""
        return IdentityOf(self)

    async def identify(
        self, connection: HTTPConnection, scopes: Iterable[str] = (), *, enrolling: bool = False
    ) -> Identity[UserT]:
        """
        Return the caller of this request.

        Args:
            connection: The request or the WebSocket.
            scopes: Scopes that the caller must have.
            enrolling: Whether to accept a caller who must still enrol a second factor.

        Raises:
            Unauthenticated: There is no credential, or it is invalid.
            EnrolmentRequired: The caller must enrol a second factor first.
            InsufficientScope: A scope is missing, or the flag that it stands for.
        """
        identity = await self.find(connection)
        if identity is None:
            raise self._nobody(connection)
        if identity.is_enrolling and not enrolling:
            raise EnrolmentRequired
        check_scopes(identity.scopes, scopes, identity.user)
        return identity

    def now(self) -> datetime:
        """Return the present time, by the clock of the schemes."""
        return self.schemes[0].clock()

    def scheme_of(self, identity: Identity[UserT]) -> "Scheme[UserT] | None":
        """Return the scheme that found a caller. A test that acts as a user has none."""
        named = (scheme for scheme in self.schemes if scheme.scheme_name == identity.scheme)
        return next(named, None)

    async def step_up(
        self,
        identity: Identity[UserT],
        factor: str,
        connection: HTTPConnection,
        response: Response,
        *,
        for_change: bool = False,
    ) -> None:
        """
        Record with the credential of a caller that a factor was presented again.

        Args:
            identity: The caller, as this guard found them.
            factor: The name of the factor.
            connection: The request.
            response: The response, which may set a new cookie.
            for_change: Whether a later change of the account may use it; see
                `Identity.step_ups`. Otherwise earlier ones are used up.

        Raises:
            CredentialNotAllowed: The credential belongs to a machine.
            AuthError: The credential has ended meanwhile.
        """
        if (scheme := self.scheme_of(identity)) is None:
            raise CredentialNotAllowed
        await scheme.record_factor(identity, factor, connection, response, for_change=for_change)

    async def renew(
        self, identity: Identity[UserT], connection: HTTPConnection, response: Response
    ) -> None:
        """
        Replace the secret of the credential of a caller, if a response can carry a new one.

        Args:
            identity: The caller, as this guard found them.
            connection: The request.
            response: The response, which may set a new cookie.

        Raises:
            AuthError: The credential has ended meanwhile.
        """
        if (scheme := self.scheme_of(identity)) is not None:
            await scheme.replace_secret(identity, connection, response)

    async def identify_again(self, connection: HTTPConnection) -> Identity[UserT]:
        """
        Authenticate the caller again, in a transaction that has locked the user.

        A concurrent password change then either ends what the transaction issues, or stops it.

        Raises:
            AuthError: The credential is no longer valid.
        """
        scope = {name: value for name, value in connection.scope.items() if name != _IDENTITIES}
        return await self.identify(HTTPConnection(scope))

    async def confirm(self, connection: HTTPConnection) -> Identity[UserT]:
        """
        Authenticate the caller again as `identify_again` does, and use up the step-ups with which
        the request began.

        Raises:
            AuthError: The credential is no longer valid, or another change has used its step-ups.
        """
        identity = await self.identify_again(connection)
        begun = {
            (caller.scheme, caller.credential_id): caller.step_ups
            for _, caller in known_callers(connection.scope)
        }
        step_ups = begun.get((identity.scheme, identity.credential_id), identity.step_ups)
        return await self.use_step_ups(replace(identity, step_ups=step_ups))

    async def use_step_ups(self, identity: Identity[UserT]) -> Identity[UserT]:
        """
        Use up the step-ups of a credential for one change of the account.

        Returns:
            The caller without them.

        Raises:
            StepUpRequired: Another change has used them meanwhile.
        """
        if identity.step_ups and (scheme := self.scheme_of(identity)) is not None:
            await scheme.spend_step_ups(identity)
        return replace(identity, step_ups={})

    async def find(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """Return the caller, or `None`. The schemes are asked once a request."""
        known: dict[Guard[UserT], Identity[UserT] | None]
        known = connection.scope.setdefault(_IDENTITIES, {})
        if self not in known:
            note_vary(connection.scope, self._vary)
            try:
                identity = known[self] = await self.authenticate(connection)
            except Exception as error:
                raise_unavailable(error)
                raise
            if identity is not None:
                connection.scope[CALLER_TABLE] = type(identity.user)
        return known[self]

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Ask the schemes in turn. If a scheme reads the `Authorization` header and there is one, it
        decides alone: a valid cookie never rescues an invalid header. A token or a cookie that one
        scheme refuses may belong to the next one.
        """
        by_header = self.is_decided_by_header(connection)
        refusal: AuthError | None = None
        for scheme in self.schemes:
            if by_header is not (scheme.transport == "header"):
                continue
            try:
                identity = await scheme.find(connection)
            except (InvalidToken, SessionEnded) as error:
                refusal = refusal or error
            else:
                if identity is not None:
                    return identity
        if refusal is not None:
            raise refusal
        return None

    @cached_property
    def _vary(self) -> str:
        """The request headers in which the schemes look for credentials."""
        headers = {"cookie": "Cookie", "header": "Authorization"}
        return ", ".join(sorted({headers[scheme.transport] for scheme in self.schemes}))

    def is_decided_by_header(self, connection: HTTPConnection) -> bool:
        """
        Return whether there is an `Authorization` header and a scheme that reads it; or a ticket,
        which a browser sends in place of the header to open a WebSocket.
        """
        if "authorization" in connection.headers:
            return any(scheme.transport == "header" for scheme in self.schemes)
        is_websocket = connection.scope["type"] == "websocket"
        return is_websocket and any(scheme.has_ticket(connection) for scheme in self.schemes)

    def _nobody(self, connection: HTTPConnection) -> AuthError:
        if self.is_decided_by_header(connection):
            return InvalidToken()
        challenges = dict.fromkeys(scheme.challenge for scheme in self.schemes)
        return Unauthenticated(challenge=", ".join(challenges))


class AnyOf(Guard[UserT]):
    """
    A dependency that returns the user that any of several schemes finds.

    ```python
    import os
    from piccolo_api_fastapi import AnyOf, JWTAuth, SessionAuth

    current_user = AnyOf(SessionAuth(), JWTAuth(secret=os.environ["JWT_SECRET"]))
    ```

    Args:
        schemes: The schemes, asked in this order. If the request has an `Authorization` header,
            only schemes that read it are asked.

    Raises:
        ConfigurationError: There are no schemes, two have the same name, or they have different
            user tables.
    """

    def __init__(self, *schemes: "Scheme[UserT]") -> None:
        names = {getattr(scheme, "scheme_name", None) for scheme in schemes}
        if not schemes or len(names) < len(schemes) or None in names:
            raise ConfigurationError(
                "AnyOf takes one or more schemes with different names, such as SessionAuth() and "
                "SessionAuth(name='staff')."
            )
        self.schemes = schemes
        refuse_other_users("AnyOf", self)
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
        self.__signature__ = signature_of(guard.schemes, guard.needed)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._guard is self._guard

    def __hash__(self) -> int:
        return hash((type(self), self._guard))


class IdentityOf(View[UserT]):
    """The dependency that returns the `Identity` of a guard."""

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> Identity[UserT]:
        """Return the identity of the caller."""
        if is_exempt(connection, self):
            return None  # type: ignore[return-value]  # the value is not used: see `public`
        guard = self._guard
        return await admit(guard, connection, guard.identify(connection, scopes.scopes))


def signature_of(
    schemes: "Sequence[Scheme[Any]]" = (), scopes: Sequence[str] = ()
) -> inspect.Signature:
    """
    Return the signature that FastAPI reads: the parameters of `__call__`, and for each scheme a
    dependency that only names it in OpenAPI. Guards are configured when they are made, so the
    signature can't be written down.
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
        name_metadata(error, guard.schemes)
        connection.scope[_REFUSED_BY] = guard
        await emit_refusal(error, connection, guard.now(), known_caller(connection.scope))
        raise
    except Unauthenticated as error:
        name_metadata(error, guard.schemes)
        connection.scope[_REFUSED_BY] = guard
        raise


def known_callers(scope: Scope) -> Iterator[tuple[Guard[Any], Identity[Any]]]:
    """Yield the guards that have found a caller during a request, with the caller."""
    known: dict[Guard[Any], Identity[Any] | None] = scope.get(_IDENTITIES, {})
    for guard, identity in known.items():
        if identity is not None:
            yield guard, identity


def known_caller(scope: Scope) -> Identity[Any] | None:
    """Return the caller that a guard has found during a request, if one has."""
    return next((identity for _, identity in known_callers(scope)), None)


def refusing_guard(scope: Scope) -> Guard[Any] | None:
    """Return the guard that refused a request, if one has."""
    guard: Guard[Any] | None = scope.get(_REFUSED_BY)
    return guard


def name_metadata(error: AuthError, schemes: "Iterable[Scheme[Any]]") -> None:
    """Name the metadata of the API in the challenge of a bearer token (RFC 9728 section 5.1)."""
    challenge = dict(error.headers or {}).get("WWW-Authenticate", "")
    for scheme in schemes:
        if scheme.resource_metadata is not None and challenge.startswith("Bearer error="):
            challenge += f', resource_metadata="{scheme.resource_metadata}"'
            error.headers = {**(error.headers or {}), "WWW-Authenticate": challenge}
            return
