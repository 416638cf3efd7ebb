"""The strings in which Argon2id hashes are stored, and checking a password against one."""

import base64
import re
from dataclasses import dataclass

import nacl.exceptions
import nacl.pwhash

_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,8}),t=([1-9][0-9]{0,3}),p=([1-9][0-9]{0,2})"
    r"\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})"  # 8 bytes or more, and 16 or more
)
_LENGTH = 127
_MEMORY_KIB = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Argon2idCost:
    """
    The parameters of a hash.

    Args:
        memory_kib: The memory, in KiB.
        iterations: The number of passes over the memory.
    """

    memory_kib: int
    iterations: int


def cost_of(encoded: str) -> Argon2idCost | None:
    """Return what it costs to check a password against a value; `None` if it is no hash."""
    match = _ARGON2ID.fullmatch(encoded)
    if match is None or len(encoded) > _LENGTH or not all(map(_is_base64, match.group(4, 5))):
        return None
    memory, iterations, lanes = map(int, match.group(1, 2, 3))
    if not 8 * lanes <= memory <= _MEMORY_KIB:
        return None
    return Argon2idCost(memory, iterations)


def is_argon2id(encoded: str) -> bool:
    """Return whether libsodium computes a hash to check a password against this value."""
    return cost_of(encoded) is not None


def matches_argon2id(encoded: str, password: str) -> bool:
    """
    Return whether a hash is that of this password.

    libsodium makes hashes with one lane only (`p=1`), but checks hashes with any number.
    """
    try:
        return nacl.pwhash.verify(encoded.encode("ascii"), password.encode())
    except nacl.exceptions.CryptoError:
        return False


def _is_base64(text: str) -> bool:
    """Return whether this is the one form of its bytes, without padding."""
    try:
        decoded = base64.b64decode(text + "==")
    except ValueError:
        return False
    return base64.b64encode(decoded).decode().rstrip("=") == text
