"""Token pairs: an access token and a refresh token, issued together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.access.identity import ACCOUNT
from piccolo_api_fastapi.access.step_up import ENROLMENT, Factors, acr, amr, last_presented

from .access_tokens import AccessTokens, Claims
from .refresh_tokens import RefreshToken, RefreshTokens


@dataclass(frozen=True, slots=True)
class TokenPair:
    """
    An access token and a refresh token, as `JWTAuth.issue` and `JWTAuth.refresh` return them.

    Args:
        access_token: The JWT.
        refresh_token: The token for the next refresh.
        expires_in: The lifetime of the access token in seconds.
        scopes: The scopes of the access token.
        is_enrolling: Whether the access token can only enrol a second factor.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    scopes: frozenset[str]
    is_enrolling: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """
    The facts of a family that its access tokens state.

    Args:
        subject: The primary key of the user, as text.
        scopes: The granted scopes.
        expires_at: The expiry time of the family.
        factors: The factors that the user presented, with their times.
        is_enrolling: Whether the family can only enrol a second factor.
        authenticated_at: The time of the login.
        client_id: The name that the client gave itself.
    """

    subject: str
    scopes: frozenset[str]
    expires_at: datetime
    factors: Factors
    is_enrolling: bool
    authenticated_at: datetime
    client_id: str


def write_pair(
    access: AccessTokens,
    refresh: RefreshTokens,
    token: RefreshToken,
    grant: Grant,
    now: datetime,
    extra: Mapping[str, Any],
) -> TokenPair:
    """
    Write a token pair. The access token does not outlive the family.

    Args:
        access: The writer of access tokens.
        refresh: The writer of refresh tokens.
        token: The refresh token.
        grant: The facts of its family.
        now: The current time.
        extra: The claims that the application adds.
    """
    expires_at = min(now + access.lifetime, grant.expires_at)
    scopes = grant.scopes & {ACCOUNT} if grant.is_enrolling else grant.scopes
    claims = Claims(
        subject=grant.subject,
        family=str(token.family),
        token_id=uuid4().hex,
        issued_at=now,
        expires_at=expires_at,
        scopes=scopes,
        extra=extra,
        authenticated_at=last_presented(grant.factors, grant.authenticated_at),
        acr=ENROLMENT if grant.is_enrolling else acr(grant.factors),
        amr=amr(grant.factors),
        client_id=grant.client_id,
    )
    lifetime = int(expires_at.timestamp()) - int(now.timestamp())
    return TokenPair(
        access.encode(claims), refresh.write(token), lifetime, scopes, grant.is_enrolling
    )
