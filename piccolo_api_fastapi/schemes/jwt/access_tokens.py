"""Access tokens: JWTs of one profile (RFC 9068). No other JWT is accepted."""

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
from uuid import UUID

from piccolo_api_fastapi.core.crypto.keys import Key, KeyRing
from piccolo_api_fastapi.core.http.parsing import strict_json
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

_READ = RESERVED | {"client_id"}

CACHE_SIZE = 4096
"""The number of verified tokens in the cache, at about a kilobyte each."""

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claims:
    """
    The claims of a verified access token.

    ```python
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import Claims, JWTAuth

    jwt, app = JWTAuth(secret="x" * 32), FastAPI()

    @app.get("/whoami")
    async def whoami(claims: Annotated[Claims, Depends(jwt.claims)]) -> str:
        return claims.subject
    ```

    Args:
        subject: The primary key of the user, as text (`sub`).
        family: The id of the refresh family (`sid`).
        token_id: The id of the token (`jti`).
        issued_at: The time when the token was issued (`iat`).
        expires_at: The time when the token expires (`exp`).
        scopes: The scopes of the token (`scope`).
        extra: The claims that the application added.
        authenticated_at: The time when the user last presented a factor (`auth_time`).
        acr: `single_factor`, `mfa`, or `enrolment` if the token can only enrol a second factor.
        amr: The methods by which the user authenticated, named as in RFC 8176.
        client_id: The name that the client gave itself. Nothing proves it.
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
    client_id: str = ""


def family_id(claims: Claims) -> UUID:
    """
    The id of the family.

    Raises:
        InvalidToken: `sid` is no id of a family, as in a token of another issuer.
    """
    try:
        return UUID(claims.family)
    except ValueError:
        raise InvalidToken from None


@dataclass(frozen=True, slots=True)
class _Verified:
    claims: Claims
    starts_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """
    The issuer and verifier of access tokens.

    Verified tokens are cached by their SHA-256 digest, because checking a signature takes longer
    than the rest of a request. The times of a token are checked on every use.

    Args:
        keys: The keys that sign and verify.
        issuer: The value of `iss`.
        audience: The value of `aud`.
        lifetime: The lifetime of a token, at most a day.
        leeway: The tolerated difference between the clocks of servers, at most a minute.

    Raises:
        ConfigurationError: A setting is out of range or empty.
    """

    keys: KeyRing
    issuer: str
    audience: str
    lifetime: timedelta
    leeway: timedelta = timedelta(seconds=5)
    _known: dict[bytes, _Verified] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            raise ConfigurationError("issuer and audience must not be empty.")
        if not timedelta(0) < self.lifetime <= timedelta(days=1):
            raise ConfigurationError("access_lifetime must be more than zero, and at most a day.")
        if not timedelta(0) <= self.leeway <= timedelta(minutes=1):
            raise ConfigurationError("leeway must be 0 to 60 seconds (RFC 7519 section 4.1.4).")

    def encode(self, claims: Claims) -> str:
        """
        Sign a token.

        Raises:
            ConfigurationError: An extra claim has a reserved name.
        """
        if taken := RESERVED & claims.extra.keys():
            names = ", ".join(sorted(taken))
            raise ConfigurationError(f"extra_claims() must not return reserved names: {names}.")
        payload = {"client_id": claims.client_id} | dict(claims.extra)
        payload |= {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": claims.subject,
            "sid": claims.family,
            "jti": claims.token_id,
            "iat": int(claims.issued_at.timestamp()),
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
        Verify a token. Only tokens in the format of `encode` are accepted.

        Raises:
            InvalidToken: The token is malformed, forged or expired.
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
        """Cache a token, and drop the oldest of a full cache."""
        # Objects that one request could change must not reach another.
        if any(isinstance(value, dict | list) for value in verified.claims.extra.values()):
            return
        if len(self._known) >= CACHE_SIZE:
            del self._known[next(iter(self._known))]
        self._known[digest] = verified

    def _verify(self, token: str) -> _Verified:
        match = _COMPACT.fullmatch(token)
        if match is None or len(match[1]) > MAXIMUM_HEADER_LENGTH:
            raise ValueError
        header = _object(_decode(match[1]))
        key = self._key(header)
        _decode(match[3])
        return self._claims(_object(_payload(token, key, header["alg"])))

    def _key(self, header: dict[str, Any]) -> Key:
        """Look up the key by `kid`. The key, not the header, determines the algorithm."""
        key = self.keys.get(header["kid"])
        if key is None or header["alg"] not in key.algorithm_names:
            raise ValueError
        if header != {"alg": header["alg"], "typ": TYPE, "kid": key.kid}:
            raise ValueError
        return key

    def _claims(self, payload: dict[str, Any]) -> _Verified:
        issued_at, expires_at = _integer(payload["iat"]), _integer(payload["exp"])
        not_before = _integer(payload.get("nbf", issued_at))  # other issuers may set it
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
            MappingProxyType({k: value for k, value in payload.items() if k not in _READ}),
            *_authentication(payload),
            _text(payload.get("client_id", ""), empty=True),
        )
        return _Verified(claims, max(issued_at, not_before), expires_at)


@cache
def _jws() -> "PyJWS":
    """PyJWT, loaded at first use: it loads much of `cryptography`."""
    from jwt import PyJWS
    from jwt.algorithms import OKPAlgorithm

    jws = PyJWS()
    jws.register_algorithm("Ed25519", OKPAlgorithm())  # which PyJWT knows as EdDSA only
    return jws


def _payload(token: str, key: Key, algorithm: str) -> bytes:
    from jwt import PyJWTError

    try:
        payload: bytes = _jws().decode(token, key.verifying, algorithms=[algorithm])
    except PyJWTError:
        raise ValueError from None
    return payload


def _decode(segment: str) -> bytes:
    """Decode canonical base64url, so that each token has only one spelling."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise ValueError from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise ValueError
    return raw


def _object(raw: bytes) -> dict[str, Any]:
    value = strict_json(raw)
    if not isinstance(value, dict):
        raise TypeError
    return value


def _authentication(payload: dict[str, Any]) -> tuple[datetime | None, str | None, tuple[str, ...]]:
    """Read `auth_time`, `acr` and `amr`, which tokens of other issuers may lack."""
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
