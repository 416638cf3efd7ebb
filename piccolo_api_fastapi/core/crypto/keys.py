"""Signing keys: the current one, retired ones that still verify, and sub-keys."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

if TYPE_CHECKING:
    from .asymmetric import PrivateKey, PublicKey

MINIMUM_SECRET_BYTES = 32
"""RFC 7518 section 3.2: a key as long as the hash output."""

_MAKING_ONE = "This prints a new one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"

_ED25519 = ("EdDSA", "Ed25519")
"""RFC 8037 section 3.1, and RFC 9864 section 2.2: the same signature."""


@dataclass(frozen=True, slots=True)
class Key:
    """
    A signing key with its id and the one algorithm that it is used with.

    ```python
    import secrets
    from piccolo_api_fastapi import Key

    key = Key.from_secret(secrets.token_urlsafe(32))
    ```

    Make it with `from_secret` or `from_pem`.
    """

    kid: str
    algorithm: str
    verifying: "bytes | PublicKey" = field(repr=False)
    signing: "bytes | PrivateKey | None" = field(repr=False)

    @classmethod
    @configured
    def from_secret(cls, secret: str | bytes, *, kid: str | None = None) -> "Key":
        """
        Make a key for HS256.

        Args:
            secret: At least 32 bytes, for example from `secrets.token_urlsafe(32)`.
            kid: The key id. By default it is derived from the secret.

        Raises:
            ConfigurationError: The secret is too short.
        """
        raw = secret.encode() if isinstance(secret, str) else secret
        if len(raw) < MINIMUM_SECRET_BYTES:
            raise ConfigurationError(
                f"The secret must have at least {MINIMUM_SECRET_BYTES} bytes. {_MAKING_ONE}"
            )
        return cls(_kid(kid, _derive(raw, b"kid").hex()[:16]), "HS256", raw, raw)

    @classmethod
    @configured
    def from_pem(
        cls,
        pem: str | bytes,
        *,
        kid: str | None = None,
        password: bytes | None = None,
        algorithm: str | None = None,
    ) -> "Key":
        """
        Make a key for EdDSA, ES256 or RS256, depending on the PEM. A public key only verifies.

        Args:
            pem: A private or a public key.
            kid: The key id. By default it is the RFC 7638 thumbprint.
            password: The password that decrypts the private key.
            algorithm: The name of the algorithm in tokens. For an Ed25519 key, `Ed25519`
                (RFC 9864) is the newer name of `EdDSA`. Tokens with either name are accepted.

        Raises:
            ConfigurationError: The PEM is malformed, or the key is unsupported or too weak, or
                has another algorithm.
        """
        from .asymmetric import algorithm_of, load_pem, thumbprint

        signing, verifying = load_pem(pem.encode() if isinstance(pem, str) else pem, password)
        key = cls(_kid(kid, thumbprint(verifying)), algorithm_of(verifying), verifying, signing)
        if algorithm is None:
            return key
        if algorithm not in key.algorithm_names:
            names = " or ".join(key.algorithm_names)
            raise ConfigurationError(f"algorithm is {algorithm!r}, but the key is for {names}.")
        return replace(key, algorithm=algorithm)

    @property
    def algorithm_names(self) -> tuple[str, ...]:
        """The names of the one algorithm that the key is used with."""
        return _ED25519 if self.algorithm in _ED25519 else (self.algorithm,)

    def jwk(self) -> dict[str, Any] | None:
        """Return the public key as a JWK (RFC 7517), or `None` for a secret."""
        if isinstance(self.verifying, bytes):
            return None
        from .asymmetric import public_jwk

        return public_jwk(self.verifying) | {
            "kid": self.kid,
            "alg": self.algorithm,
            "use": "sig",
        }


@configured
class KeyRing:
    """
    The key that signs, and retired keys that still verify.

    ```python
    import secrets
    from piccolo_api_fastapi import JWTAuth, Key, KeyRing

    new, old = (Key.from_secret(secrets.token_urlsafe(32)) for _ in range(2))
    jwt = JWTAuth(keys=KeyRing(new, old))
    ```

    To retire a key, put it behind a new one. Remove it when the last token that it signed has
    expired. The public key alone is enough to verify access tokens, but not refresh tokens.

    Args:
        current: The key that signs new tokens.
        retired: The keys that only verify old tokens.

    Raises:
        ConfigurationError: The current key can't sign, two keys have the same id, or the ring
            mixes secrets and asymmetric keys (RFC 8725 section 2.1).
    """

    def __init__(self, current: Key, *retired: Key) -> None:
        self.current = current
        self._keys = {key.kid: key for key in (current, *retired)}
        if current.signing is None:
            raise ConfigurationError("The current key of a ring must be a private key or a secret.")
        if len(self._keys) != 1 + len(retired):
            raise ConfigurationError("Two keys of a ring have the same id.")
        if len({key.algorithm == "HS256" for key in self}) > 1:
            raise ConfigurationError("A ring holds either secrets or asymmetric keys, not both.")

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def get(self, kid: str) -> Key | None:
        """Return the key with this id, or `None`."""
        return self._keys.get(kid)

    @classmethod
    @configured
    def from_base64(cls, keys: str) -> "KeyRing":
        """
        Make a ring of secrets, each of 32 bytes or more in base64.

        Args:
            keys: The secrets, separated by commas, with the current one first.

        Raises:
            ConfigurationError: A secret is malformed, too short or repeated.
        """
        try:
            secrets = [base64.b64decode(key.strip(), validate=True) for key in keys.split(",")]
        except ValueError:
            raise ConfigurationError("A key is not base64; make one with generate_key().") from None
        return cls(*(Key.from_secret(secret) for secret in secrets))

    def subkeys(self, purpose: str) -> dict[str, bytes]:
        """
        Return a 32-byte sub-key of each secret or private key, by key id, the current one first.

        Args:
            purpose: The use of the sub-keys: each purpose has its own (RFC 5869 section 3.2).
        """
        return {
            key.kid: _derive(_secret_bytes(key.signing), purpose.encode())
            for key in self
            if key.signing is not None
        }

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """Return the public keys as a JWK set (RFC 7517 section 5)."""
        return {"keys": [jwk for key in self if (jwk := key.jwk()) is not None]}


def ring_of(secret: str | bytes | None, keys: KeyRing | None) -> KeyRing:
    """
    Return the ring of a scheme that takes either a secret or a ring.

    Raises:
        ConfigurationError: Both are given or neither, or the secret is too short.
    """
    if secret is None and keys is None:
        raise ConfigurationError(
            "JWTAuth has neither a secret nor keys. If the secret comes from an environment "
            f"variable, set it. {_MAKING_ONE}"
        )
    if secret is not None and keys is not None:
        raise ConfigurationError("Pass either secret or keys to JWTAuth, not both.")
    return keys or KeyRing(Key.from_secret(secret or b""))


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
            "A key id must be 1 to 64 letters, digits, dots, dashes and underscores."
        )
    return kid
