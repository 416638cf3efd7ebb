"""One-time codes: those of authenticator apps (RFC 6238), and recovery codes on paper."""

import base64
import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from piccolo_api_fastapi.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

SECRET_BYTES = 20
"""160 bits: RFC 4226 section 4, R6."""

RECOVERY_CODE_BYTES = 15
"""120 bits; OWASP ASVS 5.0 V6.5.2 and NIST SP 800-63B-4 ask for 112 where no salt is used."""

ALGORITHMS = ("SHA1", "SHA256", "SHA512")
"""RFC 6238 section 1.2. Most apps know the first only."""

_IGNORED = re.compile(r"[\s\-\u2010-\u2015]+")
_DIGITS = re.compile(r"[0-9]{6,8}", re.ASCII)
_RECOVERY_CODE = re.compile(r"[A-Z2-7]{24}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Authenticator:
    """
    What an authenticator app and the server share.

    Args:
        secret: At least 128 bits.
        digits: Of a code, 6 to 8.
        period: Seconds that a code is shown.
        algorithm: `SHA1`, `SHA256` or `SHA512`.

    Raises:
        ConfigurationError: A setting is none of these.
    """

    secret: bytes = field(repr=False)
    digits: int = 6
    period: int = 30
    algorithm: str = "SHA1"

    def __post_init__(self) -> None:
        if self.digits not in range(6, 9) or self.algorithm not in ALGORITHMS:
            raise ConfigurationError("A code has 6 to 8 digits, made with SHA1, SHA256 or SHA512.")
        if self.period not in range(10, 301):
            raise ConfigurationError("A code is shown for 10 to 300 seconds.")

    def step(self, now: datetime) -> int:
        """The number of the period (RFC 6238 section 4.2)."""
        return int(now.timestamp()) // self.period

    def code(self, step: int) -> str:
        """The code of a period."""
        return self._algorithm().generate(step * self.period).decode()

    def match(self, code: str, now: datetime, window: int, after: int) -> int | None:
        """
        The period whose code this is.

        Args:
            code: As `digits_of` gives it.
            now: By the clock of the server.
            window: How many periods the clock of the app may be off, either way.
            after: Periods up to this one are used up (RFC 6238 section 5.2).
        """
        present, found = self.step(now), None
        for step in range(present - window, present + window + 1):
            equal = secrets.compare_digest(self.code(max(step, 0)), code)
            if equal and step > after:
                found = step
        return found

    def uri(self, account: str, issuer: str) -> str:
        """
        What the QR code says: Google's Key Uri Format.

        Args:
            account: Shown by the app.
            issuer: Likewise, before it.
        """
        # Not every app reads "+" as a space.
        return self._algorithm().get_provisioning_uri(account, issuer).replace("+", "%20")

    def base32(self) -> str:
        """The secret, as it is typed into an app."""
        return base64.b32encode(self.secret).decode().rstrip("=")

    def write(self) -> bytes:
        """As it is encrypted, with its settings, so that these may change for later ones."""
        return f"{self.algorithm}:{self.digits}:{self.period}:{self.secret.hex()}".encode()

    @classmethod
    def read(cls, written: bytes) -> "Authenticator":
        """What `write` wrote."""
        algorithm, digits, period, secret = written.decode().split(":")
        return cls(bytes.fromhex(secret), int(digits), int(period), algorithm)

    def _algorithm(self) -> "TOTP":
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.twofactor.totp import TOTP

        digest = getattr(hashes, self.algorithm)()
        return TOTP(self.secret, self.digits, digest, self.period)


def digits_of(text: str) -> str | None:
    """The digits of a code as typed: spaces and dashes do not count, nor how wide they are."""
    code = _IGNORED.sub("", unicodedata.normalize("NFKC", text))
    return code if _DIGITS.fullmatch(code) else None


def new_recovery_code() -> str:
    """A recovery code in groups of four. Show it once; store `recovery_digest` of it."""
    text = base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def recovery_digest(text: str) -> str | None:
    """
    The SHA-256 to look a recovery code up by, or `None` when it is none. Case, spaces and
    dashes do not count.
    """
    code = _IGNORED.sub("", text).upper()
    if not _RECOVERY_CODE.fullmatch(code):
        return None
    return hashlib.sha256(code.encode("ascii")).hexdigest()
