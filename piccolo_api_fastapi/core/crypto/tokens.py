"""Opaque tokens: random, recognisable, and stored as digests only."""

import base64
import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field

from piccolo_api_fastapi.errors import ConfigurationError

RANDOM_BYTES = 32
"""256 bits from the operating system; OWASP ASVS 5.0 V7.2.3 asks for 128."""


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    """
    A kind of token: `<prefix>_<43 random characters><8 checksum characters>`.

    The prefix lets secret scanners find a leaked token. The checksum lets a typo be refused
    without a query.

    Args:
        prefix: 1 to 16 lower-case letters and digits, different for each purpose.

    Raises:
        ConfigurationError: The prefix has other characters.
    """

    prefix: str
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]{1,16}", self.prefix):
            raise ConfigurationError("A prefix must be 1 to 16 lower-case letters and digits.")
        pattern = re.compile(rf"({self.prefix}_[A-Za-z0-9_-]{{43}})([0-9a-f]{{8}})")
        object.__setattr__(self, "_pattern", pattern)

    def generate(self) -> str:
        """Return a new token. Show it once, and store its `digest`."""
        random = base64.urlsafe_b64encode(secrets.token_bytes(RANDOM_BYTES)).rstrip(b"=").decode()
        body = f"{self.prefix}_{random}"
        return body + _checksum(body)

    def digest(self, token: str) -> str | None:
        """Return the SHA-256 to look a token up by, or `None` if it is not of this kind."""
        match = self._pattern.fullmatch(token)
        if match is None or _checksum(match[1]) != match[2]:
            return None
        return hashlib.sha256(token.encode("ascii")).hexdigest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode('ascii')):08x}"
