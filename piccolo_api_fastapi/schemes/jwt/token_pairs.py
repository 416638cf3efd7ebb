"""Token pairs: an access token and a refresh token, as a client is given them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.access.step_up import ENROLMENT, Factors, acr, amr

from .access_tokens import AccessTokens, Claims
from .refresh_tokens import RefreshToken, RefreshTokens


@dataclass(frozen=True, slots=True)
class TokenPair:
    """
    What a client is given.

    Args:
        access_token: A JWT.
        refresh_token: Good once, apart from the grace.
        expires_in: Seconds that the access token lives.
        scopes: What the access token may do.
        is_enrolling: Whether it is good for enrolling a second factor only.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    scopes: frozenset[str]
    is_enrolling: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What a family says of the tokens issued to it."""

    scopes: frozenset[str]
    expires_at: datetime
    factors: Factors
    is_enrolling: bool
    authenticated_at: datetime


class TokenPairs:
    """
    Writes what a client is given.

    Args:
        access: Writes access tokens.
        refresh: Writes refresh tokens.
    """

    def __init__(self, access: AccessTokens, refresh: RefreshTokens) -> None:
        self._access = access
        self._refresh = refresh

    def write(
        self,
        subject: str,
        token: RefreshToken,
        grant: Grant,
        now: datetime,
        extra: Mapping[str, Any],
    ) -> TokenPair:
        """
        A pair. The access token does not outlive the family.

        Args:
            subject: The primary key of the user, as text.
            token: The refresh token.
            grant: What its family says.
            now: The present time.
            extra: Claims of the application.
        """
        expires_at = min(now + self._access.lifetime, grant.expires_at)
        scopes: frozenset[str] = frozenset() if grant.is_enrolling else grant.scopes
        claims = Claims(
            subject=subject,
            family=str(token.family),
            token_id=uuid4().hex,
            issued_at=now,
            expires_at=expires_at,
            scopes=scopes,
            extra=extra,
            authenticated_at=max(grant.factors.values(), default=grant.authenticated_at),
            acr=ENROLMENT if grant.is_enrolling else acr(grant.factors),
            amr=amr(grant.factors),
        )
        lives = int(expires_at.timestamp()) - int(now.timestamp())
        access_token, refresh_token = self._access.encode(claims), self._refresh.write(token)
        return TokenPair(access_token, refresh_token, lives, scopes, grant.is_enrolling)
