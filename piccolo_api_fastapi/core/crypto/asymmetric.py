"""Asymmetric keys: PEM, JWK and thumbprints. Loaded at first use, as `cryptography` takes long."""

import base64
import hashlib
import json
from typing import Any, TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from piccolo_api_fastapi.errors import ConfigurationError

PrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
PublicKey: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey

MINIMUM_RSA_BITS = 2048
"""RFC 7518 section 3.3."""


def load_pem(pem: bytes, password: bytes | None) -> tuple[PrivateKey | None, PublicKey]:
    """
    Load a private key, or a public key alone.

    Args:
        pem: The key.
        password: The password that decrypts a private key.

    Raises:
        ConfigurationError: The text is not a PEM key, or the password is wrong.
    """
    try:
        if b"PRIVATE KEY" in pem:
            private: Any = serialization.load_pem_private_key(pem, password)
            return private, private.public_key()
        public: Any = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError):
        raise ConfigurationError("The key is not a PEM, or its password is wrong.") from None
    return None, public


def private_bytes(key: PrivateKey) -> bytes:
    """Return the private key as bytes, from which sub-keys are derived."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def algorithm_of(key: object) -> str:
    """
    Return the one algorithm that a public key is used with.

    Raises:
        ConfigurationError: The key is of another kind, or too short.
    """
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return "ES256"
    if isinstance(key, RSAPublicKey) and key.key_size >= MINIMUM_RSA_BITS:
        return "RS256"
    raise ConfigurationError("Supported keys: Ed25519, P-256, and RSA of 2048 bits or more.")


_JWK_MEMBERS = {
    "OKP": ("kty", "crv", "x"),
    "EC": ("kty", "crv", "x", "y"),
    "RSA": ("kty", "n", "e"),
}
"""The required public members, RFC 7638 section 3.2 and RFC 8037 section 2."""


def public_jwk(key: PublicKey) -> dict[str, Any]:
    """Return a public key as a JWK (RFC 7517): the members that are required."""
    if isinstance(key, Ed25519PublicKey):
        jwk = OKPAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, EllipticCurvePublicKey):
        jwk = ECAlgorithm.to_jwk(key, as_dict=True)
    else:
        jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in _JWK_MEMBERS[jwk["kty"]]}


def thumbprint(key: PublicKey) -> str:
    """Return the thumbprint of a public key (RFC 7638)."""
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
