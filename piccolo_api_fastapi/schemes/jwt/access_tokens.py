"""Access tokens: JWTs of the one profile we issue (RFC 9068), and nothing else."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from piccolo_api_fastapi.core.crypto.keys import Key, KeyRing
from piccolo_api_fastapi.core.http import strict_json
from piccolo_api_fastapi.errors import ConfigurationError, InvalidToken

if TYPE_CHECKING:
    from jwt import PyJWS

TYPE = "at+jwt"
"""RFC 9068 section 2.1."""

MAXIMUM_LENGTH = 8 * 1024
MAXIMUM_HEADER_LENGTH = 512

RESERVED = frozenset(
    {"sub", "iss", "aud", "exp", "iat", "nbf", "jti", "sid", "scope", "auth_time", "acr", "amr"}
)

CACHE_SIZE = 4096
"""Verified tokens that are remembered, about a kilobyte each."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


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
        authenticated_at: When the user last presented a factor (`auth_time`).
        acr: `single_factor`, `mfa`, or `enrolment` for one that may enrol a factor only.
        amr: How they did, by the names of RFC 8176.
    """

    subject: str
    family: str
    token_id: str
    issued_at: datetime
    expires_at: datetime
    scopes: frozenset[str]
    extra: Mapping[str, Any] = field(default_factory=dict)
    authenticated_at: datetime | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Verified:
    claims: Claims
    starts_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """
    Issues and verifies access tokens. A token that was verified is known by its SHA-256
    from then on, since checking a signature costs more than all the rest; its times are
    checked at every use.

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
    _known: dict[bytes, _Verified] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            raise ConfigurationError("issuer and audience are not empty.")
        if not timedelta(0) < self.lifetime <= timedelta(days=1):
            raise ConfigurationError(
                "An access token lives for a day at most; sessions and refresh tokens live longer."
            )
        if not timedelta(0) <= self.leeway <= timedelta(minutes=1):
            raise ConfigurationError("The leeway is a minute at most (RFC 7519 section 4.1.4).")

    def encode(self, claims: Claims) -> str:
        """
        Sign a token.

        Raises:
            ConfigurationError: An extra claim has a reserved name.
        """
        if taken := RESERVED & claims.extra.keys():
            raise ConfigurationError(f"These claims are ours: {', '.join(sorted(taken))}.")
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
        if claims.authenticated_at is not None:
            payload["auth_time"] = int(claims.authenticated_at.timestamp())
            payload |= {"acr": claims.acr, "amr": claims.amr}
        key = self.keys.current
        return _jws().encode(
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
        if len(token) > MAXIMUM_LENGTH:
            raise InvalidToken
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        if (verified := self._known.get(digest)) is None:
            try:
                verified = self._verify(token)
            except (ValueError, TypeError, KeyError):
                raise InvalidToken from None
            self._remember(digest, verified)
        leeway = self.leeway.total_seconds()
        if not verified.starts_at - leeway <= int(now.timestamp()) < verified.expires_at + leeway:
            raise InvalidToken
        return verified.claims

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        """Nobody else gets an object that the application may change; the oldest give way."""
        if any(isinstance(value, dict | list) for value in verified.claims.extra.values()):
            return
        if len(self._known) >= CACHE_SIZE:
            del self._known[next(iter(self._known))]
        self._known[digest] = verified

    def _verify(self, token: str) -> _Verified:
        match = _COMPACT.fullmatch(token)
        if match is None or len(match[1]) > MAXIMUM_HEADER_LENGTH:
            raise ValueError
        key = self._key(_object(_decode(match[1])))
        _decode(match[3])
        return self._claims(_object(_payload(token, key)))

    def _key(self, header: dict[str, Any]) -> Key:
        """The key is found by `kid` and decides the algorithm; the header only confirms it."""
        key = self.keys.get(header["kid"])
        if key is None or header != {"alg": key.algorithm, "typ": TYPE, "kid": key.kid}:
            raise ValueError
        return key

    def _claims(self, payload: dict[str, Any]) -> _Verified:
        issued_at, not_before, expires_at = (
            _integer(payload[name]) for name in ("iat", "nbf", "exp")
        )
        if expires_at - issued_at > self.lifetime.total_seconds():
            raise ValueError
        if payload["iss"] != self.issuer or self.audience not in _texts(payload["aud"]):
            raise ValueError
        claims = Claims(
            _text(payload["sub"]),
            _text(payload["sid"]),
            _text(payload["jti"]),
            datetime.fromtimestamp(issued_at, timezone.utc),
            datetime.fromtimestamp(expires_at, timezone.utc),
            frozenset(_text(payload["scope"], empty=True).split()),
            MappingProxyType({k: value for k, value in payload.items() if k not in RESERVED}),
            *_authentication(payload),
        )
        return _Verified(claims, max(issued_at, not_before), expires_at)


@cache
def _jws() -> "PyJWS":
    """PyJWT, loaded at first use: it loads much of `cryptography`."""
    from jwt import PyJWS

    return PyJWS()


def _payload(token: str, key: Key) -> bytes:
    from jwt import PyJWTError

    try:
        payload: bytes = _jws().decode(token, key.verifying, algorithms=[key.algorithm])
    except PyJWTError:
        raise ValueError from None
    return payload


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


def _authentication(payload: dict[str, Any]) -> tuple[datetime | None, str | None, tuple[str, ...]]:
    """`auth_time`, `acr` and `amr`; tokens of other issuers may lack them."""
    if "auth_time" not in payload:
        return None, None, ()
    at = datetime.fromtimestamp(_integer(payload["auth_time"]), timezone.utc)
    return at, _text(payload["acr"]), tuple(_texts(payload["amr"]))


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 40:
        raise ValueError
    return value


def _text(value: Any, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty):
        raise ValueError
    return value


def _texts(value: Any) -> Sequence[str]:
    texts = value if isinstance(value, list) else [value]
    return [_text(text) for text in texts]
