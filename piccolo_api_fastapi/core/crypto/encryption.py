"""Encryption of secrets that must be read again, such as those of authenticator apps."""

import base64
import hashlib
import os
import re
import secrets
from abc import ABC, abstractmethod

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError
from typing_extensions import Self

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError, SecretUnreadable

from .keys import KeyRing

ENVIRONMENT_VARIABLE = "AUTH_ENCRYPTION_KEYS"
"""The environment variable that `from_environment` and the commands read."""

_BLOB = re.compile(r"([a-z0-9]+)\.([A-Za-z0-9._-]{1,64})\.([A-Za-z0-9_=-]+)", re.ASCII)


def generate_key() -> str:
    """
    Return a new key for `from_environment`: 32 random bytes in base64.

    ```python
    from piccolo_api_fastapi import XChaCha20Poly1305, generate_key

    encryption = XChaCha20Poly1305(generate_key())
    ```
    """
    return base64.b64encode(secrets.token_bytes(32)).decode()


class EncryptionProvider(ABC):
    """
    Encrypts secrets at rest. Implement it to use a key management service.

    ```python
    from piccolo_api_fastapi import EncryptionProvider

    class KeyService(EncryptionProvider):
        async def encrypt(self, plaintext: bytes, associated_data: bytes) -> str: ...
        async def decrypt(self, blob: str, associated_data: bytes) -> bytes: ...
        def is_current(self, blob: str) -> bool: ...
    ```

    A blob can only be decrypted with the same associated data, so that a secret copied to the
    row of another user is useless.
    """

    @abstractmethod
    async def encrypt(self, plaintext: bytes, associated_data: bytes) -> str:
        """
        Encrypt with the current key.

        Args:
            plaintext: The secret.
            associated_data: The owner and the purpose of the secret, which are not stored.

        Returns:
            A blob of printable ASCII that names the key.
        """

    @abstractmethod
    async def decrypt(self, blob: str, associated_data: bytes) -> bytes:
        """
        Decrypt a blob with the key that encrypted it.

        Args:
            blob: The result of `encrypt`.
            associated_data: The owner and the purpose, as given to `encrypt`.

        Raises:
            SecretUnreadable: The key is unknown, the associated data differ, or the blob was
                changed or made by another provider.
        """

    @abstractmethod
    def is_current(self, blob: str) -> bool:
        """Return whether this provider encrypted a blob with the current key."""


class _KeyedProvider(EncryptionProvider):
    """
    The blob is `<name>.<key id>.<ciphertext>`.

    Args:
        keys: The keys: the current one encrypts, retired ones still decrypt. A string holds keys
            from `generate_key`, separated by commas, with the current one first.

    Raises:
        ConfigurationError: A key is missing, malformed or too short.
    """

    name: str

    def __init__(self, keys: KeyRing | str) -> None:
        ring = KeyRing.from_base64(keys) if isinstance(keys, str) else keys
        self._keys = ring.subkeys(f"encryption {self.name}")
        self._current = ring.current.kid

    @classmethod
    def from_environment(cls, variable: str = ENVIRONMENT_VARIABLE) -> Self:
        """
        Read the keys from an environment variable, separated by commas, the current one first.

        Args:
            variable: The name of the variable.

        Raises:
            ConfigurationError: The variable is not set, or a key is malformed or too short.
        """
        if not (keys := os.environ.get(variable, "")):
            raise ConfigurationError(
                f"{variable} is not set. Set it to a key; this prints one: python -c "
                "'from piccolo_api_fastapi import generate_key; print(generate_key())'"
            )
        return cls(keys)

    async def encrypt(self, plaintext: bytes, associated_data: bytes) -> str:
        """Encrypt with the current key."""
        sealed = self._seal(self._keys[self._current], plaintext, associated_data)
        return f"{self.name}.{self._current}.{sealed}"

    async def decrypt(self, blob: str, associated_data: bytes) -> bytes:
        """Decrypt with the key that the blob names."""
        match = _BLOB.fullmatch(blob)
        key = self._keys.get(match[2]) if match and match[1] == self.name else None
        if match is None or key is None:
            raise SecretUnreadable
        return self._open(key, match[3], associated_data)

    def is_current(self, blob: str) -> bool:
        """Return whether a blob names this provider and the current key."""
        return blob.startswith(f"{self.name}.{self._current}.")

    @abstractmethod
    def _seal(self, key: bytes, plaintext: bytes, associated_data: bytes) -> str: ...

    @abstractmethod
    def _open(self, key: bytes, sealed: str, associated_data: bytes) -> bytes: ...


@configured
class XChaCha20Poly1305(_KeyedProvider):
    """
    XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), with a random nonce of 192 bits.

    ```python
    import os
    from piccolo_api_fastapi import XChaCha20Poly1305, generate_key

    os.environ["AUTH_ENCRYPTION_KEYS"] = generate_key()  # in production, by your deployment
    encryption = XChaCha20Poly1305.from_environment()
    ```

    Args:
        keys: The keys: the current one encrypts, retired ones still decrypt. A string holds keys
            from `generate_key`, separated by commas, with the current one first.

    Raises:
        ConfigurationError: A key is missing, malformed or too short.
    """

    name = "xc20p"

    def _seal(self, key: bytes, plaintext: bytes, associated_data: bytes) -> str:
        nonce = secrets.token_bytes(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
        sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated_data, nonce, key)
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def _open(self, key: bytes, sealed: str, associated_data: bytes) -> bytes:
        size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
        try:
            raw = base64.urlsafe_b64decode(sealed)
            nonce, body = raw[:size], raw[size:]
            return crypto_aead_xchacha20poly1305_ietf_decrypt(body, associated_data, nonce, key)
        except (CryptoError, ValueError):
            raise SecretUnreadable from None


@configured
class Fernet(_KeyedProvider):
    """
    Fernet: AES-128-CBC with HMAC-SHA256.

    ```python
    from piccolo_api_fastapi import Fernet, generate_key

    encryption = Fernet(generate_key())
    ```

    Fernet has no associated data, so their digest is encrypted along with the secret.

    Args:
        keys: The keys, as for `XChaCha20Poly1305`.

    Raises:
        ConfigurationError: A key is missing, malformed or too short.
    """

    name = "fernet"

    def _seal(self, key: bytes, plaintext: bytes, associated_data: bytes) -> str:
        from cryptography.fernet import Fernet as Cipher

        bound = hashlib.sha256(associated_data).digest() + plaintext
        return Cipher(base64.urlsafe_b64encode(key)).encrypt(bound).decode()

    def _open(self, key: bytes, sealed: str, associated_data: bytes) -> bytes:
        from cryptography.fernet import Fernet as Cipher
        from cryptography.fernet import InvalidToken

        try:
            bound = Cipher(base64.urlsafe_b64encode(key)).decrypt(sealed.encode())
        except InvalidToken:
            raise SecretUnreadable from None
        digest = hashlib.sha256(associated_data).digest()
        if not secrets.compare_digest(bound[:32], digest):
            raise SecretUnreadable
        return bound[32:]


@configured
class PlainText(EncryptionProvider):
    """
    No encryption, for tests.

    ```python
    from piccolo_api_fastapi import PlainText

    encryption = PlainText(i_know_that_nothing_is_encrypted=True)
    ```

    Args:
        i_know_that_nothing_is_encrypted: Must be True.

    Raises:
        ConfigurationError: `i_know_that_nothing_is_encrypted` is not True.
    """

    def __init__(self, *, i_know_that_nothing_is_encrypted: bool = False) -> None:
        if i_know_that_nothing_is_encrypted is not True:
            raise ConfigurationError(
                "PlainText encrypts nothing: use XChaCha20Poly1305, or for tests pass "
                "i_know_that_nothing_is_encrypted=True."
            )

    async def encrypt(self, plaintext: bytes, associated_data: bytes) -> str:
        """Encode the plaintext as base64, next to a digest of the associated data."""
        digest = hashlib.sha256(associated_data).hexdigest()
        return f"plain.{digest}.{base64.urlsafe_b64encode(plaintext).decode()}"

    async def decrypt(self, blob: str, associated_data: bytes) -> bytes:
        """Decode the plaintext."""
        match = _BLOB.fullmatch(blob)
        digest = hashlib.sha256(associated_data).hexdigest()
        if match is None or (match[1], match[2]) != ("plain", digest):
            raise SecretUnreadable
        return base64.urlsafe_b64decode(match[3])

    def is_current(self, blob: str) -> bool:
        """Return whether this provider made a blob."""
        return blob.startswith("plain.")
