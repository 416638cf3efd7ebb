"""Access tokens: JWTs of the one profile we issue (RFC 9068), and nothing else."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import jwt

from . import strict_json
from .errors import ConfigurationError, InvalidToken
from .keys import Key, KeyRing

TYPE = "at+jwt"
"""RFC 9068 section 2.1."""

MAXIMUM_LENGTH = 8 * 1024
MAXIMUM_HEADER_LENGTH = 512

RESERVED = frozenset({"sub", "iss", "aud", "exp", "iat", "nbf", "jti", "sid", "scope"})

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_JWS = jwt.PyJWS()


@dataclass(frozen=True, slots=True)
class Claims:
    """
    What a verified access token says.

    Args:
        subject: The primary key of the user, as text (`sub`).
        family: The refresh family it belongs to (`sid`).
        token_id: Its own id (`jti`).
        issued_at: When it was issued.
        expires_at: When it expires.
        scopes: What it may do.
        extra: Claims that the application added.
    """

    subject: str
    family: str
    token_id: str
    issued_at: datetime
    expires_at: datetime
    scopes: frozenset[str]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """
    Issues and verifies access tokens.

    Args:
        keys: Sign and verify.
        issuer: `iss`.
        audience: `aud`.
        lifetime: How long a token is good.
        leeway: How far the clocks of the servers may be apart.

    Raises:
        ConfigurationError: A setting makes no sense.
    """

    keys: KeyRing
    issuer: str
    audience: str
    lifetime: timedelta
    leeway: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            msg = "issuer and audience are not empty."
            raise ConfigurationError(msg)
        if not timedelta(0) < self.lifetime <= timedelta(days=1):
            msg = (
                "An access token lives for a day at most; sessions and refresh tokens live longer."
            )
            raise ConfigurationError(msg)
        if not timedelta(0) <= self.leeway <= timedelta(minutes=1):
            msg = "The leeway is a minute at most (RFC 7519 section 4.1.4)."
            raise ConfigurationError(msg)

    def encode(self, claims: Claims) -> str:
        """
        Sign a token.

        Raises:
            ConfigurationError: An extra claim has a reserved name.
        """
        if taken := RESERVED & claims.extra.keys():
            msg = f"These claims are ours: {', '.join(sorted(taken))}."
            raise ConfigurationError(msg)
        issued_at = int(claims.issued_at.timestamp())
        payload = dict(claims.extra) | {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": claims.subject,
            "sid": claims.family,
            "jti": claims.token_id,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": int(claims.expires_at.timestamp()),
            "scope": " ".join(sorted(claims.scopes)),
        }
        key = self.keys.current
        return _JWS.encode(
            json.dumps(payload, separators=(",", ":")).encode(),
            cast("Any", key.signing),  # the current key of a ring has one
            algorithm=key.algorithm,
            headers={"typ": TYPE, "kid": key.kid},
        )

    def decode(self, token: str, now: datetime) -> Claims:
        """
        Verify a token. Only the form that `encode` writes is accepted.

        Raises:
            InvalidToken: It is anything else.
        """
        try:
            payload = self._verified(token)
            return self._claims(payload, int(now.timestamp()))
        except (ValueError, TypeError, KeyError, jwt.PyJWTError):
            raise InvalidToken from None

    def _verified(self, token: str) -> dict[str, Any]:
        match = _COMPACT.fullmatch(token) if len(token) <= MAXIMUM_LENGTH else None
        if match is None or len(match[1]) > MAXIMUM_HEADER_LENGTH:
            raise ValueError
        key = self._key(_object(_decode(match[1])))
        _decode(match[3])
        return _object(_JWS.decode(token, key.verifying, algorithms=[key.algorithm]))

    def _key(self, header: dict[str, Any]) -> Key:
        """The key is found by `kid` and decides the algorithm; the header only confirms it."""
        key = self.keys.get(header["kid"])
        if key is None or header != {"alg": key.algorithm, "typ": TYPE, "kid": key.kid}:
            raise ValueError
        return key

    def _claims(self, payload: dict[str, Any], now: int) -> Claims:
        issued_at, not_before, expires_at = (
            _integer(payload[name]) for name in ("iat", "nbf", "exp")
        )
        leeway = int(self.leeway.total_seconds())
        if not max(issued_at, not_before) - leeway <= now < expires_at + leeway:
            raise ValueError
        if expires_at - issued_at > self.lifetime.total_seconds():
            raise ValueError
        if payload["iss"] != self.issuer or self.audience not in _audiences(payload["aud"]):
            raise ValueError
        return Claims(
            _text(payload["sub"]),
            _text(payload["sid"]),
            _text(payload["jti"]),
            datetime.fromtimestamp(issued_at, timezone.utc),
            datetime.fromtimestamp(expires_at, timezone.utc),
            frozenset(_text(payload["scope"], empty=True).split()),
            {name: value for name, value in payload.items() if name not in RESERVED},
        )


def _decode(segment: str) -> bytes:
    """Base64url in its one canonical form, so that a token has one text."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise ValueError from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise ValueError
    return raw


def _object(raw: bytes) -> dict[str, Any]:
    value = strict_json.loads(raw)
    if not isinstance(value, dict):
        raise TypeError
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 40:
        raise ValueError
    return value


def _text(value: Any, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty):
        raise ValueError
    return value


def _audiences(value: Any) -> Sequence[str]:
    audiences = value if isinstance(value, list) else [value]
    return [_text(audience) for audience in audiences]
