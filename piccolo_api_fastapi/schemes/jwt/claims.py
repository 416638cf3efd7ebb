"""`JWTAuth.claims`: the dependency that verifies an access token without a query."""

from collections.abc import Callable

from fastapi.openapi.models import SecurityBase as SecurityBaseModel
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.identity import check_scopes
from piccolo_api_fastapi.access.refusal_events import emit_refusal
from piccolo_api_fastapi.access.step_up import ENROLMENT
from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.http.middleware import note_vary
from piccolo_api_fastapi.errors import (
    EnrolmentRequired,
    Forbidden,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    Unauthenticated,
)

from .access_tokens import Claims


class ClaimsOf(SecurityBase):
    """
    The dependency that returns the claims of an access token without a query.

    For services that accept that a logout or a deactivation takes effect only when the token
    expires.

    Args:
        decode: The function that verifies a token.
        model: The OpenAPI model of the scheme.
        scheme_name: The name of the scheme.
        clock: The clock for the events of refusals.
    """

    documented_errors = (
        InvalidRequest,
        Unauthenticated,
        InvalidToken,
        EnrolmentRequired,
        InsufficientScope,
    )

    def __init__(
        self,
        decode: Callable[[str], Claims],
        model: SecurityBaseModel,
        scheme_name: str,
        clock: Clock,
    ) -> None:
        self.model = model
        self.scheme_name = scheme_name
        self._decode = decode
        self._clock = clock

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Claims:
        """
        Verify the token and return its claims.

        Raises:
            Unauthenticated: The request has no token.
            InvalidToken: The token is malformed, forged or expired.
            EnrolmentRequired: The token can only enrol a second factor.
            InsufficientScope: The token lacks a required scope.
        """
        note_vary(connection.scope, "Authorization")
        token = bearer_token(connection)
        if token is None:
            raise InvalidToken if "authorization" in connection.headers else Unauthenticated
        claims = self._decode(token)
        try:
            if claims.acr == ENROLMENT:
                raise EnrolmentRequired
            check_scopes(claims.scopes, scopes.scopes)
        except Forbidden as error:
            user, scheme = claims.subject, self.scheme_name
            await emit_refusal(error, connection, self._clock(), user=user, scheme=scheme)
            raise
        return claims
