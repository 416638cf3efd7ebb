"""The verification of ID tokens (OpenID Connect Core section 3.1.3.7). Nothing here is kept."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from piccolo_api_fastapi.core.http.parsing import strict_json

from .faults import Refused
from .identities import is_subject

ALGORITHMS = frozenset(
    f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in ("256", "384", "512")
) | {"EdDSA"}
"""What a provider can sign with. None has a key that somebody else could know."""

LONGEST_TOKEN = 16 * 1024

LEEWAY = 60
"""Seconds by which the clocks may differ."""

LATEST = 2**40
"""A time that no claim reaches, far beyond that of any token."""

_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}

_HASHES: Mapping[str, Callable[[bytes], Any]] = {
    "256": hashlib.sha256,
    "384": hashlib.sha384,
    "512": hashlib.sha512,
    "DSA": hashlib.sha512,  # Ed25519 hashes with SHA-512
}

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Header:
    """
    The header of an ID token. It is not verified yet.

    Args:
        algorithm: The algorithm, which is a configured one.
        kid: The id of the key, if there is one.
    """

    algorithm: str
    kid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """
    What an ID token must say.

    Args:
        client_id: The client that it is for.
        nonce: The nonce of the flow.
        access_token: The access token that came with it.
        max_age: The seconds since the user authenticated, if that was asked for.
    """

    client_id: str
    nonce: str = field(repr=False)
    access_token: str = field(repr=False)
    max_age: int | None = None


def read_header(token: str, algorithms: Iterable[str]) -> Header:
    """
    Read the header of an ID token, to find its key.

    Args:
        token: The ID token.
        algorithms: The configured algorithms.

    Raises:
        Refused: It is no JWS, or its algorithm is not a configured one.
    """
    segments = token.split(".")
    if len(token) > LONGEST_TOKEN or len(segments) != 3:  # noqa: PLR2004
        raise Refused("id-token")
    header = _object(_decoded(segments[0]))
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in set(algorithms) & ALGORITHMS:
        raise Refused("alg")
    if "crit" in header or "b64" in header:
        raise Refused("crit")
    if kid is not None and not isinstance(kid, str):
        raise Refused("kid")
    return Header(algorithm, kid)


def choose_key(keys: Sequence[Mapping[str, Any]], header: Header) -> Mapping[str, Any] | None:
    """
    Return the key that a token names, if there is just one that it may be signed with.

    Args:
        keys: The published keys.
        header: The header of the token.
    """
    found = [key for key in keys if _is_usable(key, header)]
    return found[0] if len(found) == 1 else None


def _is_usable(key: Mapping[str, Any], header: Header) -> bool:
    operations = key.get("key_ops", ["verify"])
    return (
        (header.kid is None or key.get("kid") == header.kid)
        and key.get("kty") == _KINDS[header.algorithm[:2]]
        and key.get("use", "sig") == "sig"
        and key.get("alg", header.algorithm) == header.algorithm
        and isinstance(operations, list)
        and "verify" in operations
    )


def verified_claims(token: str, key: Mapping[str, Any], header: Header) -> Mapping[str, Any]:
    """
    Check the signature of an ID token.

    Args:
        token: The ID token.
        key: The key, as `choose_key` found it.
        header: The header of the token.

    Returns:
        The claims, of which only the signature is verified.

    Raises:
        Refused: It is signed with another key, or its claims are no JSON object.
    """
    from jwt import PyJWK, PyJWS, PyJWTError

    try:
        public = PyJWK(dict(key), header.algorithm)
        payload: bytes = PyJWS().decode(
            token, public, [header.algorithm], {"enforce_minimum_key_length": True}
        )
    except (PyJWTError, ValueError, TypeError):
        raise Refused("signature") from None
    return _object(payload)


def check_claims(
    claims: Mapping[str, Any], header: Header, issuer: str, expected: Expected, now: datetime
) -> None:
    """
    Check the claims of an ID token whose signature was verified.

    Args:
        claims: The claims.
        header: The header of the token.
        issuer: The issuer that it must be from.
        expected: What it must say beside that.
        now: The present time.

    Raises:
        Refused: A claim is missing, or is not what was expected.
    """
    if claims.get("iss") != issuer:
        raise Refused("iss")
    _check_audience(claims, expected.client_id)
    _check_times(claims, expected.max_age, now.timestamp())
    if not _is_same(claims.get("nonce"), expected.nonce):
        raise Refused("nonce")
    if "at_hash" in claims:
        half = _HASHES[header.algorithm[-3:]](expected.access_token.encode()).digest()
        half = half[: len(half) // 2]
        if not _is_same(claims["at_hash"], base64.urlsafe_b64encode(half).decode().rstrip("=")):
            raise Refused("at-hash")
    if not is_subject(claims.get("sub")):
        raise Refused("sub")


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience, party = claims.get("aud"), claims.get("azp")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise Refused("aud")
    if (len(audiences) > 1 or "azp" in claims) and party != client_id:
        raise Refused("azp")


def _check_times(claims: Mapping[str, Any], max_age: int | None, now: float) -> None:
    if now >= _time(claims, "exp") + LEEWAY:
        raise Refused("exp")
    for name in ("iat", "nbf"):
        if (name == "iat" or name in claims) and _time(claims, name) > now + LEEWAY:
            raise Refused(name)
    if max_age is not None and not 0 <= now - _time(claims, "auth_time") + LEEWAY <= (
        max_age + 2 * LEEWAY
    ):
        raise Refused("auth-time")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value: Any = claims.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < LATEST:
        raise Refused(name.replace("_", "-"))
    return float(value)


def _is_same(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(), expected.encode())


def _decoded(segment: str) -> bytes:
    if not _SEGMENT.fullmatch(segment):
        raise Refused("id-token")
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise Refused("id-token") from None


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        found = strict_json(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused("id-token")
    return found
