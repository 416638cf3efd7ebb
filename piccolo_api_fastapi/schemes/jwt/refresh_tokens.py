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
# The name of the client follows; tokens of a client without one end here.
_BODY_BYTES = 16 + _GENERATION_BYTES + 32
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """
    One refresh token: its family, its generation, 256 secret bits, and the name of the client.

    A MAC covers all four, and the issuer and the audience. Used tokens are recognised without a
    history, and forged ones and those of another scheme are refused without a query.
    """

    family: UUID
    generation: int
    secret: bytes = field(repr=False)
    successor_key: bytes = field(repr=False, compare=False)
    client_id: str = ""

    @property
    def digest(self) -> str:
        """The SHA-256 digest of the secret, which is stored."""
        return hashlib.sha256(self.secret).hexdigest()

    @property
    def body(self) -> bytes:
        """The bytes that the text carries."""
        fixed = self.family.bytes + _generation(self.generation) + self.secret
        return fixed + self.client_id.encode()


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

    def first(self, client_id: str) -> RefreshToken:
        """Make the first token of a new family, for the client of this name."""
        secret = secrets.token_bytes(32)
        return RefreshToken(uuid4(), 0, secret, self._successor_keys[0], client_id)

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
        key = self._successor_keys[0]
        return RefreshToken(token.family, generation, secret, key, token.client_id)

    def write(self, token: RefreshToken) -> str:
        """Encode a token as text."""
        return _encode(token.body + self._mac(self._mac_keys[0], token.body))

    def read(self, text: str) -> RefreshToken | None:
        """Decode and authenticate a token; `None` if it is forged or malformed."""
        encoded = text.removeprefix(PREFIX)
        try:
            raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except (binascii.Error, ValueError):
            return None
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(body) < _BODY_BYTES or _encode(raw) != text:  # each token has one spelling
            return None
        secret, client_id = body[16 + _GENERATION_BYTES : _BODY_BYTES], body[_BODY_BYTES:]
        generation = int.from_bytes(body[16 : 16 + _GENERATION_BYTES], "big")
        for mac_key, successor_key in zip(self._mac_keys, self._successor_keys, strict=True):
            if hmac.compare_digest(self._mac(mac_key, body), mac):
                family = UUID(bytes=body[:16])
                return RefreshToken(family, generation, secret, successor_key, client_id.decode())
        return None

    def _mac(self, key: bytes, body: bytes) -> bytes:
        # The context ends where its JSON ends, so no other context and body are the same bytes.
        return hmac.digest(key, self._context + body, "sha256")


def _encode(raw: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _generation(generation: int) -> bytes:
    return generation.to_bytes(_GENERATION_BYTES, "big")
