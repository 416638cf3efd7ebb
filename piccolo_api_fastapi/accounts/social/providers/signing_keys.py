"""`SigningKey`: the private key with which a client authenticates at a provider."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.errors import ConfigurationError


class SigningKey:
    """
    A private key, RSA or P-256.

    Args:
        pem: The key in PEM, unencrypted.
        key_id: Its id, for the header `kid`.

    Raises:
        ConfigurationError: It is none, or none that can sign.
    """

    def __init__(self, pem: str, key_id: str | None) -> None:
        self._key, self._algorithm = _load(pem)
        self._headers = {} if key_id is None else {"kid": key_id}

    def sign(self, claims: Mapping[str, Any], lifetime: timedelta, now: datetime) -> str:
        """Return a JWT with these claims, which can be used once."""
        from jwt import encode

        times = {"iat": now, "exp": now + lifetime, "jti": str(uuid4())}
        return encode({**claims, **times}, self._key, self._algorithm, self._headers)


def _load(pem: str) -> tuple[Any, str]:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if isinstance(key, RSAPrivateKey):
        return key, "RS256"
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key, "ES256"
    raise ConfigurationError("private_key must be an RSA or P-256 key in PEM, unencrypted.")
