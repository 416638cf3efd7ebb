"""Refresh tokens: verified without a query, each derived from the one before."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from piccolo_api_fastapi.core.crypto.keys import KeyRing

PREFIX = "rt_"
_GENERATION_BYTES = 4
_BODY_BYTES = 16 + _GENERATION_BYTES + 32
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """
    One refresh token: its family, its generation and 256 secret bits.

    A MAC covers all three, and the issuer and the audience. Used tokens are recognised without a
    history, and forged ones and those of another scheme are refused without a query.
    """

    family: UUID
    generation: int
    secret: bytes = field(repr=False)
    successor_key: bytes = field(repr=False, compare=False)

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the secret, which is stored."""
        return hashlib.sha256(self.secret).hexdigest()

    @property
    def body(self) -> bytes:
        """The bytes that the text carries."""
        return self.family.bytes + _generation(self.generation) + self.secret


class RefreshTokens:
    """
    The writer and reader of refresh tokens.

    Args:
        keys: The keys whose sub-keys authenticate tokens and derive successors.
        issuer: The issuer of the tokens, which the MAC covers.
        audience: The audience of the tokens, which the MAC covers.
    """

    def __init__(self, keys: KeyRing, issuer: str, audience: str) -> None:
        self._context = json.dumps([issuer, audience]).encode()
        self._mac_keys = tuple(keys.subkeys("refresh token mac").values())
        self._successor_keys = tuple(keys.subkeys("refresh token successor").values())

    def first(self) -> RefreshToken:
        """Make the first token of a new family."""
        return RefreshToken(uuid4(), 0, secrets.token_bytes(32), self._successor_keys[0])

    def successor(self, token: RefreshToken, lost: RefreshToken | None = None) -> RefreshToken:
        """
        Derive the next token. Requests that refresh with the same token get the same successor,
        because it is derived with the key that wrote the token: servers agree on that key even
        while keys rotate.

        Args:
            token: The token that the client sent.
            lost: The successor that did not reach the client, if another replaces it.
        """
        generation = token.generation + 1
        material = token.family.bytes + _generation(generation) + token.secret
        if lost is not None:
            material += lost.secret
        secret = hmac.digest(token.successor_key, material, "sha256")
        return RefreshToken(token.family, generation, secret, self._successor_keys[0])

    def write(self, token: RefreshToken) -> str:
        """Encode a token as text."""
        raw = token.body + self._mac(self._mac_keys[0], token.body)
        return PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def read(self, text: str) -> RefreshToken | None:
        """Decode and authenticate a token; `None` if it is forged or malformed."""
        try:
            raw = base64.b64decode(text.removeprefix(PREFIX).encode("ascii"), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
        if len(mac) != _MAC_BYTES or not text.startswith(PREFIX):
            return None
        secret = body[16 + _GENERATION_BYTES :]
        generation = int.from_bytes(body[16 : 16 + _GENERATION_BYTES], "big")
        for mac_key, successor_key in zip(self._mac_keys, self._successor_keys, strict=True):
            if hmac.compare_digest(self._mac(mac_key, body), mac):
                return RefreshToken(UUID(bytes=body[:16]), generation, secret, successor_key)
        return None

    def _mac(self, key: bytes, body: bytes) -> bytes:
        # A body has one length, so that it can't pass for a shorter one and another context.
        return hmac.digest(key, body + self._context, "sha256")


def _generation(generation: int) -> bytes:
    return generation.to_bytes(_GENERATION_BYTES, "big")
