"""The encryption providers of piccolo-api, which stored the secrets of authenticators."""

import base64
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from piccolo_api_fastapi.errors import ConfigurationError

Decrypt: TypeAlias = Callable[[str], str]
"""Decrypts a secret of piccolo-api, as the `decrypt` of its providers does."""

CipherT = TypeVar("CipherT")

PROVIDERS = {"plain": "PlainText", "fernet": "Fernet", "xchacha20": "XChaCha20"}
"""The names of the providers, by the prefix of what they stored."""


def decrypt_with(key: bytes | None = None) -> Decrypt:
    """
    Make a function that decrypts what any provider of piccolo-api encrypted with this key.

    ```python
    from piccolo_api_fastapi.piccolo_app import decrypt_with

    assert decrypt_with()("plain-JBSWY3DPEHPK3PXP") == "JBSWY3DPEHPK3PXP"
    ```

    Args:
        key: The key that the provider was given. `PlainTextProvider` has none.

    Raises:
        ConfigurationError: On decryption, if the key does not fit the provider.
    """

    def decrypt(blob: str) -> str:
        kind, _, value = blob.partition("-")
        if kind == "plain":
            return value
        if key is None:
            raise ValueError("A secret that is encrypted needs a key.")
        if kind == "fernet":
            from cryptography.fernet import Fernet

            return _keyed(Fernet, key).decrypt(value.encode()).decode()
        import nacl.secret

        return _keyed(nacl.secret.Aead, key).decrypt(bytes.fromhex(value)).decode()

    return decrypt


def _keyed(cipher: Callable[[bytes], CipherT], key: bytes) -> CipherT:
    try:
        return cipher(key)
    except ValueError:
        raise ConfigurationError("The key of piccolo-api has the wrong length or format.") from None


def read_secret(blob: str, decrypt: Decrypt) -> bytes | None:
    """
    The shared secret, or `None` when it can't be read or is too short.

    Raises:
        ConfigurationError: It is the key that can't be used.
    """
    from cryptography.fernet import InvalidToken
    from nacl.exceptions import CryptoError

    try:
        secret = base64.b32decode(decrypt(blob))
    except ConfigurationError:  # a ValueError, too
        raise
    except (ValueError, InvalidToken, CryptoError):
        return None
    return secret if len(secret) >= 16 else None  # noqa: PLR2004 - RFC 4226 section 4, R6


def provider_of(blob: str) -> str:
    """Name the provider that stored a secret."""
    return PROVIDERS.get(blob.partition("-")[0], "an unknown provider")


def decrypt_by_name(provider: str, key: str | None) -> Decrypt | None:
    """
    Make the function for a provider, by its name and its key as text.

    Args:
        provider: `XChaCha20`, `Fernet` or `PlainText`, in any case.
        key: The key: in hex for `XChaCha20`, in base64 for `Fernet`.

    Returns:
        `None` if there is no key and the provider needs one.

    Raises:
        ConfigurationError: The provider is unknown, or the key has another format.
    """
    name = provider.lower().removesuffix("provider")
    if name not in {known.lower() for known in PROVIDERS.values()}:
        raise ConfigurationError("The provider must be XChaCha20, Fernet or PlainText.")
    if name == "plaintext":
        return decrypt_with()
    if not key:
        return None
    return decrypt_with(_fernet_key(key) if name == "fernet" else _xchacha20_key(key))


def _xchacha20_key(key: str) -> bytes:
    try:
        return bytes.fromhex(key)
    except ValueError:
        raise ConfigurationError(
            "PICCOLO_API_ENCRYPTION_KEY is not in hex. The key of a FernetProvider is in base64: "
            "pass --provider=Fernet for it."
        ) from None


def _fernet_key(key: str) -> bytes:
    try:
        is_key = len(base64.urlsafe_b64decode(key)) == 32  # noqa: PLR2004 - bytes of its key
    except ValueError:
        is_key = False
    if not is_key:
        raise ConfigurationError(
            "PICCOLO_API_ENCRYPTION_KEY is not a key of a FernetProvider: 32 bytes in base64."
        )
    return key.encode()
