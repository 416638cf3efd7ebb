"""Signing keys: the current one, retired ones that still verify, and sub-keys of them."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from piccolo_api_fastapi.errors import ConfigurationError

if TYPE_CHECKING:
    from .asymmetric import PrivateKey, PublicKey

MINIMUM_SECRET_BYTES = 32
"""RFC 7518 section 3.2: a key as long as the hash output."""


@dataclass(frozen=True, slots=True)
class Key:
    """
    One signing key with its id and the one algorithm it may be used with.

    Make it with `from_secret` or `from_pem`.
    """

    kid: str
    algorithm: str
    verifying: "bytes | PublicKey" = field(repr=False)
    signing: "bytes | PrivateKey | None" = field(repr=False)

    @classmethod
    def from_secret(cls, secret: str | bytes, *, kid: str | None = None) -> "Key":
        """
        A key for HS256.

        Args:
            secret: At least 32 bytes; `secrets.token_urlsafe(32)` makes one.
            kid: The key id; by default derived from the secret.

        Raises:
            ConfigurationError: The secret is too short.
        """
        raw = secret.encode() if isinstance(secret, str) else secret
        if len(raw) < MINIMUM_SECRET_BYTES:
            raise ConfigurationError(f"A secret has at least {MINIMUM_SECRET_BYTES} bytes.")
        return cls(_kid(kid, _derive(raw, b"kid").hex()[:16]), "HS256", raw, raw)

    @classmethod
    def from_pem(
        cls, pem: str | bytes, *, kid: str | None = None, password: bytes | None = None
    ) -> "Key":
        """
        A key for EdDSA, ES256 or RS256, as the PEM says. A public key verifies only.

        Args:
            pem: A private or a public key.
            kid: The key id; by default the RFC 7638 thumbprint.
            password: Decrypts the private key.

        Raises:
            ConfigurationError: It is no PEM, or a key of another or too weak a kind.
        """
        from .asymmetric import algorithm_of, load_pem, thumbprint

        signing, verifying = load_pem(pem.encode() if isinstance(pem, str) else pem, password)
        algorithm = algorithm_of(verifying)
        return cls(_kid(kid, thumbprint(verifying)), algorithm, verifying, signing)

    def jwk(self) -> dict[str, Any] | None:
        """The public half as a JWK (RFC 7517); `None` for a secret."""
        if isinstance(self.verifying, bytes):
            return None
        from .asymmetric import public_jwk

        return public_jwk(self.verifying) | {
            "kid": self.kid,
            "alg": self.algorithm,
            "use": "sig",
        }


class KeyRing:
    """
    The key that signs, and retired ones that still verify.

    Retire a key by putting it behind a new one; drop it when the last token it
    signed has expired. A retired key given as its public half verifies access
    tokens only: refresh tokens need the whole of it.

    Args:
        current: Signs new tokens.
        retired: Verify old ones.

    Raises:
        ConfigurationError: The current key can't sign, two keys share an id, or
            secrets and asymmetric keys are mixed (RFC 8725 section 2.1).
    """

    def __init__(self, current: Key, *retired: Key) -> None:
        self.current = current
        self._keys = {key.kid: key for key in (current, *retired)}
        if current.signing is None:
            raise ConfigurationError("The current key of a ring has its private half.")
        if len(self._keys) != 1 + len(retired):
            raise ConfigurationError("Two keys of a ring have the same id.")
        if len({key.algorithm == "HS256" for key in self}) > 1:
            raise ConfigurationError("A ring holds secrets or asymmetric keys, never both.")

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def get(self, kid: str) -> Key | None:
        """The key with this id."""
        return self._keys.get(kid)

    @classmethod
    def from_base64(cls, keys: str) -> "KeyRing":
        """
        A ring of secrets, each of 32 bytes or more in base64.

        Args:
            keys: The current one first, separated by commas.

        Raises:
            ConfigurationError: One is malformed or too short, or comes twice.
        """
        try:
            secrets = [base64.b64decode(key.strip(), validate=True) for key in keys.split(",")]
        except ValueError:
            raise ConfigurationError("A key is not base64; generate_key() makes one.") from None
        return cls(*(Key.from_secret(secret) for secret in secrets))

    def subkeys(self, purpose: str) -> dict[str, bytes]:
        """
        A 32-byte sub-key of each key that has its secret half, by key id, the current one's first.

        Args:
            purpose: Keeps sub-keys for different purposes apart (RFC 5869 section 3.2).
        """
        return {
            key.kid: _derive(_secret_bytes(key.signing), purpose.encode())
            for key in self
            if key.signing is not None
        }

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys as a JWK set (RFC 7517 section 5)."""
        return {"keys": [jwk for key in self if (jwk := key.jwk()) is not None]}


def _derive(secret: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = b"piccolo_api_fastapi " + purpose
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(secret)


def _secret_bytes(signing: "bytes | PrivateKey") -> bytes:
    if isinstance(signing, bytes):
        return signing
    from .asymmetric import private_bytes

    return private_bytes(signing)


def _kid(given: str | None, derived: str) -> str:
    kid = derived if given is None else given
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", kid):
        raise ConfigurationError(
            "A key id is 1 to 64 letters, digits, dots, dashes and underscores."
        )
    return kid
