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
@pytest.mark.parametrize("body", ["A", "AAAAA", "=", "A=B"])
async def test_broken_body(kind: type[XChaCha20Poly1305 | Fernet], body: str) -> None:
    """A body that is not base64 can't be read, under a key that is known as well."""
    provider = kind(NEW)
    blob = await provider.encrypt(b"a secret", b"ada")
    with pytest.raises(SecretUnreadable):
        await provider.decrypt(f"{blob[: blob.rindex('.')]}.{body}", b"ada")


KNOWN = {
    XChaCha20Poly1305: (
        "217acea466723b5ef333c172c45c3d6e55b7b2d103cb0f1505e9fe42e0b87065",
        "xc20p.fa5bbac2aaa08372.MrKEYxEIUsgNqSi0f-M2fwRA-29449JHzKXkjqiNxfj1Qjr3TCfT-_9dgSoBDZeq",
    ),
    Fernet: (
        "8bed6e062fd706488a39a1fb701899044bc43c15e6395db9a6426d53e153720c",
        (
            "fernet.fa5bbac2aaa08372."
            "gAAAAABrCSPBDNttCAqKz0GmW8g8PNieav7L6XTr6wCDEDCPKfpofg9ztebW_FZlUEr3baFTPuVPCI7TlpKjJpj4"
            "3XjgK4_Hl4DBuRDwQr1S3jaIj5hWGqRCaoGze2k0snVAn1es5gR-"
        ),
    ),
}
"""The sub-key of `NEW`, and a secret that was encrypted with it and stored."""


@pytest.mark.parametrize("kind", KEYED)
async def test_known_answers(kind: type[XChaCha20Poly1305 | Fernet]) -> None:
    """What is stored stays readable: neither the sub-keys nor the form of a blob change."""
    subkey, blob = KNOWN[kind]
    ring = KeyRing.from_base64(NEW)
    derived = {"fa5bbac2aaa08372": bytes.fromhex(subkey)}
    assert ring.subkeys(f"encryption {kind.name}") == derived
    assert await kind(NEW).decrypt(blob, b"ada") == b"a secret"
    assert kind(NEW).is_current(blob)


async def test_known_plain_text() -> None:
    """So it is without encryption, with the digest of what it belongs to."""
    provider = PlainText(i_know_that_nothing_is_encrypted=True)
    digest = "fdee430d40bd57deeac186cd9790033d0f06f909a8806e7ce6e717ab7c7d5029"
    assert await provider.encrypt(b"a secret", b"ada") == f"plain.{digest}.YSBzZWNyZXQ="


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
    [
        "",
        "no base64!",
        f"{NEW[:5]}!{NEW[5:]}",
        base64.b64encode(b"short").decode(),
        f"{NEW},{NEW}",
        f"{NEW},",
    ],
)
def test_bad_keys(kind: type[XChaCha20Poly1305 | Fernet], keys: str) -> None:
    """A key that is missing, malformed, short or there twice is refused at the start."""
    with pytest.raises(ConfigurationError):
        kind(keys)


@pytest.mark.security(114)
async def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come from the environment; without them nothing starts."""
    monkeypatch.delenv("AUTH_ENCRYPTION_KEYS", raising=False)
    with pytest.raises(ConfigurationError, match="AUTH_ENCRYPTION_KEYS is not set") as raised:
        XChaCha20Poly1305.from_environment()
    assert "python -c 'from piccolo_api_fastapi import generate_key; " in str(raised.value)
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
