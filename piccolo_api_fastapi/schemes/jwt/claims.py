"""`JWTAuth.claims`: the claims of an access token, without asking the database."""

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
    The dependency that gives the claims of an access token without asking the database.

    For services that accept that a logout or a deactivation bites when the token expires.

    Args:
        decode: Verifies a token.
        model: What OpenAPI shows of the scheme.
        scheme_name: The name of the scheme.
        clock: Tells when one is refused.
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
        The verified claims.

        Raises:
            Unauthenticated: There is no token, or it is no good.
            EnrolmentRequired: It is good for enrolling a second factor only.
            InsufficientScope: It lacks a scope.
        """
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
