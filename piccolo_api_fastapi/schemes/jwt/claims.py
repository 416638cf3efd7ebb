"""`JWTAuth.claims`: the dependency that verifies an access token without a query."""

from collections.abc import Callable
from typing import Any

from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.guards import name_metadata
from piccolo_api_fastapi.access.identity import check_scopes
from piccolo_api_fastapi.access.refusal_events import emit_refusal
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.access.step_up import ENROLMENT
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
        scheme: The scheme.
        decode: The function that verifies a token.
    """

    documented_errors = (
        InvalidRequest,
        Unauthenticated,
        InvalidToken,
        EnrolmentRequired,
        InsufficientScope,
    )

    def __init__(self, scheme: Scheme[Any], decode: Callable[[str], Claims]) -> None:
        self.model = scheme.model
        self.scheme_name = scheme.scheme_name
        self._scheme = scheme
        self._decode = decode

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
        try:
            claims = self._decode(self._token(connection))
        except Unauthenticated as error:
            name_metadata(error, [self._scheme])
            raise
        try:
            if claims.acr == ENROLMENT:
                raise EnrolmentRequired
            check_scopes(claims.scopes, scopes.scopes)
        except Forbidden as error:
            user, scheme = claims.subject, self.scheme_name
            await emit_refusal(error, connection, self._scheme.clock(), user=user, scheme=scheme)
            name_metadata(error, [self._scheme])
            raise
        return claims

    def _token(self, connection: HTTPConnection) -> str:
        token = bearer_token(connection)
        if token is None and "authorization" not in connection.headers:
            raise Unauthenticated(challenge=self._scheme.challenge)
        return token or ""
