"""Keys and rings."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.utils import base64url_decode

from piccolo_api_fastapi import ConfigurationError, Key, KeyRing
from piccolo_api_fastapi.core.crypto.keys import ring_of

SECRET = "a secret of more than thirty-two bytes"


def private_pem(key: object, password: bytes | None = None) -> bytes:
    """A private key as PEM."""
    assert isinstance(
        key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    )
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def public_pem(key: object) -> bytes:
    """The public half as PEM."""
    assert isinstance(
        key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    )
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


ED25519 = ed25519.Ed25519PrivateKey.generate()
P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
ASYMMETRIC = pytest.mark.parametrize(
    ("key", "algorithm"), [(ED25519, "EdDSA"), (P256, "ES256"), (RSA, "RS256")]
)


@pytest.mark.security(48)
@pytest.mark.security(114)
@pytest.mark.parametrize("secret", ["", "x" * 31, b"x" * 31])
def test_short_secret(secret: str | bytes) -> None:
    """Less than 32 bytes is refused when the key is made."""
    with pytest.raises(ConfigurationError, match=r"32 bytes\. .*secrets\.token_urlsafe\(32\)"):
        Key.from_secret(secret)


def test_ring_of() -> None:
    """A scheme takes a secret or keys. If both are missing, the error says how to make a secret."""
    ring = KeyRing(Key.from_secret(SECRET))
    assert ring_of(SECRET, None).current == ring.current
    assert ring_of(None, ring) is ring
    with pytest.raises(ConfigurationError, match=r"environment variable.*secrets\.token_urlsafe"):
        ring_of(None, None)
    with pytest.raises(ConfigurationError, match="not both"):
        ring_of(SECRET, ring)


def test_secret() -> None:
    """A secret signs by HS256, has a stable id and no public half."""
    key = Key.from_secret(SECRET)
    assert key == Key.from_secret(SECRET.encode())
    assert key.algorithm == "HS256"
    assert key.jwk() is None
    assert KeyRing(key).jwks() == {"keys": []}
    assert SECRET not in repr(key)


@ASYMMETRIC
def test_pem(key: object, algorithm: str) -> None:
    """A PEM decides the algorithm; its id is the RFC 7638 thumbprint; the JWK is public."""
    private, public = Key.from_pem(private_pem(key)), Key.from_pem(public_pem(key).decode())
    assert algorithm == private.algorithm == public.algorithm
    assert private.kid == public.kid
    assert public.signing is None
    jwk = private.jwk()
    assert jwk is not None
    assert jwk == public.jwk()
    assert "d" not in jwk
    assert jwt.PyJWK(jwk).key_id == private.kid
    assert "PRIVATE" not in repr(private)


def test_thumbprint() -> None:
    """The example of RFC 8037 appendix A.3."""
    public = ed25519.Ed25519PublicKey.from_public_bytes(
        base64url_decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    )
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert Key.from_pem(pem).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_encrypted_pem() -> None:
    """A password opens an encrypted PEM; another one does not."""
    pem = private_pem(ED25519, b"horse")
    assert Key.from_pem(pem, password=b"horse").algorithm == "EdDSA"
    for password in (b"donkey", None):
        with pytest.raises(ConfigurationError):
            Key.from_pem(pem, password=password)


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "garbage",
        private_pem(ec.generate_private_key(ec.SECP384R1())),
        private_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - too short is the point
    ],
)
def test_bad_pem(pem: str | bytes) -> None:
    """No PEM, another curve, or a short RSA key."""
    with pytest.raises(ConfigurationError):
        Key.from_pem(pem)


@pytest.mark.parametrize("kid", ["", "a b", "../x", "é", "x" * 65, "a\n"])
def test_key_ids(kid: str) -> None:
    """A key id can't smuggle anything."""
    with pytest.raises(ConfigurationError):
        Key.from_secret(SECRET, kid=kid)


def test_ring_order() -> None:
    """The current key and the retired ones are found by id; sub-keys begin with the current."""
    new, old = Key.from_secret("n" * 32, kid="new"), Key.from_secret("o" * 32, kid="old")
    ring = KeyRing(new, old)
    assert ring.current is new
    assert ring.get("old") is old
    assert ring.get("none") is None
    assert ring.subkeys("a") == KeyRing(new).subkeys("a") | KeyRing(old).subkeys("a")
    assert list(ring.subkeys("a")) == ["new", "old"]
    assert set(ring.subkeys("a").values()).isdisjoint(ring.subkeys("b").values())


@ASYMMETRIC
def test_asymmetric_sub_keys(key: object, algorithm: str) -> None:
    """Sub-keys come from private halves; a retired public key has none."""
    current, retired = Key.from_pem(private_pem(key)), Key.from_secret(SECRET)
    public = Key.from_pem(public_pem(ED25519 if algorithm != "EdDSA" else P256))
    ring = KeyRing(current, public)
    assert len(ring.subkeys("a")) == 1
    assert {current.kid, public.kid} == {jwk["kid"] for jwk in ring.jwks()["keys"]}
    assert json.dumps(ring.jwks())
    assert len(KeyRing(retired).subkeys("a")[retired.kid]) == 32


@pytest.mark.security(36)
def test_contradictory_rings() -> None:
    """No mixture of secrets and asymmetric keys, no id twice, no current key that can't sign."""
    secret, pair = Key.from_secret(SECRET), Key.from_pem(private_pem(ED25519))
    for keys in (
        (secret, pair),
        (pair, secret),
        (secret, secret),
        (Key.from_pem(public_pem(P256)),),
    ):
        with pytest.raises(ConfigurationError):
            KeyRing(*keys)


def test_names_of_an_algorithm() -> None:
    """An Ed25519 key may sign by the newer name of its algorithm, and no key by another."""
    key = Key.from_pem(private_pem(ED25519), algorithm="Ed25519")
    assert key.kid == Key.from_pem(private_pem(ED25519), algorithm="EdDSA").kid
    assert (key.jwk() or {})["alg"] == "Ed25519"
    for pair, algorithm in ((ED25519, "ES256"), (P256, "Ed25519"), (P256, "RS256"), (RSA, "PS256")):
        with pytest.raises(ConfigurationError, match=algorithm):
            Key.from_pem(private_pem(pair), algorithm=algorithm)
