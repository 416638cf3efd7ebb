"""Encryption of secrets that are read again."""

import base64

import pytest

from piccolo_api_fastapi import ConfigurationError, Key, KeyRing
from piccolo_api_fastapi.core.crypto.encryption import (
    EncryptionProvider,
    Fernet,
    PlainText,
    XChaCha20Poly1305,
    generate_key,
)
from piccolo_api_fastapi.errors import SecretUnreadable

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
KEYED = (XChaCha20Poly1305, Fernet)

PROVIDERS: list[EncryptionProvider] = [
    XChaCha20Poly1305(NEW),
    Fernet(NEW),
    PlainText(i_know_that_nothing_is_encrypted=True),
]


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: type(provider).__name__)
async def test_round_trip(provider: EncryptionProvider) -> None:
    """What goes in comes out, by a blob that differs each time unless nothing is encrypted."""
    blob = await provider.encrypt(b"a secret", b"ada")
    assert await provider.decrypt(blob, b"ada") == b"a secret"
    assert provider.is_current(blob)
    assert blob.isascii()
    is_plain = isinstance(provider, PlainText)
    assert is_plain is (blob == await provider.encrypt(b"a secret", b"ada"))
    assert is_plain is (base64.urlsafe_b64encode(b"a secret").decode() in blob)


@pytest.mark.security(65)
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: type(provider).__name__)
async def test_bound(provider: EncryptionProvider) -> None:
    """A ciphertext moved to another user, or changed in any place, does not decrypt."""
    blob = await provider.encrypt(b"a secret", b"ada")
    with pytest.raises(SecretUnreadable):
        await provider.decrypt(blob, b"grace")
    start = len(blob) if isinstance(provider, PlainText) else blob.rindex(".") + 1
    for place in range(start, len(blob.rstrip("=")) - 1):
        changed = blob[:place] + ("A" if blob[place] != "A" else "B") + blob[place + 1 :]
        with pytest.raises(SecretUnreadable):
            await provider.decrypt(changed, b"ada")


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: type(provider).__name__)
@pytest.mark.parametrize(
    "blob", ["", "x", "..", "xc20p.a.b", "xc20p.x.A", "fernet.x.A", "plain.x.A", "\ud800", "é"]
)
async def test_malformed(provider: EncryptionProvider, blob: str) -> None:
    """What no provider wrote can't be read, and breaks nothing."""
    with pytest.raises(SecretUnreadable):
        await provider.decrypt(blob, b"ada")


@pytest.mark.parametrize("kind", KEYED)
async def test_short_body(kind: type[XChaCha20Poly1305 | Fernet]) -> None:
    """A body too short to hold a nonce can't be read."""
    provider = kind(NEW)
    blob = await provider.encrypt(b"a secret", b"ada")
    with pytest.raises(SecretUnreadable):
        await provider.decrypt(blob[: blob.rindex(".")] + ".AAAA", b"ada")


@pytest.mark.parametrize("kind", KEYED)
async def test_rotation(kind: type[XChaCha20Poly1305 | Fernet]) -> None:
    """A new key encrypts while the old one still decrypts; dropped, its blobs are unreadable."""
    before, during, after = kind(OLD), kind(f"{NEW}, {OLD}"), kind(NEW)
    blob = await before.encrypt(b"a secret", b"ada")
    assert await during.decrypt(blob, b"ada") == b"a secret"
    assert not during.is_current(blob)
    moved = await during.encrypt(b"a secret", b"ada")
    assert during.is_current(moved)
    assert await after.decrypt(moved, b"ada") == b"a secret"
    for gone in (blob, (await Fernet(OLD).encrypt(b"", b"ada"))):
        with pytest.raises(SecretUnreadable):
            await after.decrypt(gone, b"ada")


async def test_providers_read_only_their_own() -> None:
    """The same keys in another provider make other sub-keys, and its blobs are unreadable."""
    ring = KeyRing(Key.from_secret("s" * 32, kid="k"))
    blob = await XChaCha20Poly1305(ring).encrypt(b"a secret", b"ada")
    with pytest.raises(SecretUnreadable):
        await Fernet(ring).decrypt(blob, b"ada")


@pytest.mark.security(114)
@pytest.mark.parametrize("kind", KEYED)
@pytest.mark.parametrize(
    "keys",
    ["", "no base64!", base64.b64encode(b"short").decode(), f"{NEW},{NEW}", f"{NEW},"],
)
def test_bad_keys(kind: type[XChaCha20Poly1305 | Fernet], keys: str) -> None:
    """A key that is missing, malformed, short or there twice is refused at the start."""
    with pytest.raises(ConfigurationError):
        kind(keys)


@pytest.mark.security(114)
async def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come from the environment; without them nothing starts."""
    monkeypatch.delenv("AUTH_ENCRYPTION_KEYS", raising=False)
    with pytest.raises(ConfigurationError, match="AUTH_ENCRYPTION_KEYS is not set"):
        XChaCha20Poly1305.from_environment()
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", f"{NEW},{OLD}")
    provider = XChaCha20Poly1305.from_environment()
    blob = await provider.encrypt(b"a secret", b"ada")
    assert await XChaCha20Poly1305(NEW).decrypt(blob, b"ada") == b"a secret"


def test_generate_key() -> None:
    """A new key each time, of 32 bytes, that a provider takes."""
    key = generate_key()
    assert len(base64.b64decode(key)) == 32
    assert key != generate_key()
    assert isinstance(XChaCha20Poly1305(key), XChaCha20Poly1305)


def test_plain_text_has_to_be_asked_for() -> None:
    """Nobody stores secrets in the clear by mistake."""
    with pytest.raises(ConfigurationError):
        PlainText()


@pytest.mark.security(115)
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: type(provider).__name__)
def test_repr(provider: EncryptionProvider) -> None:
    """No key is shown."""
    assert NEW not in repr(provider)
