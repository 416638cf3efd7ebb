"""One-time codes of authenticator apps (RFC 6238), and recovery codes."""

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
"""RFC 6238 section 1.2. Most apps support only the first."""

_IGNORED = re.compile(r"[\s\-\u2010-\u2015]+")
_DIGITS = re.compile(r"[0-9]{6,8}", re.ASCII)
_RECOVERY_CODE = re.compile(r"[A-Z2-7]{24}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Authenticator:
    """
    The secret and the settings that an authenticator app shares with the server.

    Args:
        secret: The secret, of at least 128 bits.
        digits: The number of digits of a code, 6 to 8.
        period: The number of seconds that a code is shown, 10 to 300.
        algorithm: `SHA1`, `SHA256` or `SHA512`.

    Raises:
        ConfigurationError: A setting is not supported.
    """

    secret: bytes = field(repr=False)
    digits: int = 6
    period: int = 30
    algorithm: str = "SHA1"

    def __post_init__(self) -> None:
        if self.digits not in range(6, 9) or self.algorithm not in ALGORITHMS:
            raise ConfigurationError("digits must be 6 to 8, and algorithm SHA1, SHA256 or SHA512.")
        if self.period not in range(10, 301):
            raise ConfigurationError("period must be 10 to 300 seconds.")

    def step(self, now: datetime) -> int:
        """Return the number of the period (RFC 6238 section 4.2)."""
        return int(now.timestamp()) // self.period

    def code(self, step: int) -> str:
        """Return the code of a period."""
        return self._algorithm().generate(step * self.period).decode()

    def match(self, code: str, now: datetime, window: int, after: int) -> int | None:
        """
        Find the period that a code belongs to.

        Args:
            code: The digits, as `digits_of` returns them.
            now: The present time.
            window: The number of periods that the clock of the app may be fast or slow.
            after: The last period that is used up (RFC 6238 section 5.2).

        Returns:
            The number of the period, or `None` if the code is wrong or used up.
        """
        present, found = self.step(now), None
        for step in range(present - window, present + window + 1):
            equal = secrets.compare_digest(self.code(max(step, 0)), code)
            if equal and step > after:
                found = step
        return found

    def uri(self, account: str, issuer: str) -> str:
        """
        Return the content of the QR code, in Google's Key Uri Format.

        Args:
            account: The name of the account, which the app shows.
            issuer: The name of the service, which the app shows before it.
        """
        # Some apps do not read "+" as a space.
        return self._algorithm().get_provisioning_uri(account, issuer).replace("+", "%20")

    def base32(self) -> str:
        """Return the secret as users type it into an app."""
        return base64.b32encode(self.secret).decode().rstrip("=")

    def write(self) -> bytes:
        """Serialize the secret with its settings, so that later secrets may have others."""
        return f"{self.algorithm}:{self.digits}:{self.period}:{self.secret.hex()}".encode()

    @classmethod
    def read(cls, written: bytes) -> "Authenticator":
        """Deserialize what `write` returned."""
        algorithm, digits, period, secret = written.decode().split(":")
        return cls(bytes.fromhex(secret), int(digits), int(period), algorithm)

    def _algorithm(self) -> "TOTP":
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.twofactor.totp import TOTP

        digest = getattr(hashes, self.algorithm)()
        return TOTP(self.secret, self.digits, digest, self.period)


def digits_of(text: str) -> str | None:
    """Return the digits of a typed code. Spaces, dashes and full-width digits are accepted."""
    code = _IGNORED.sub("", unicodedata.normalize("NFKC", text))
    return code if _DIGITS.fullmatch(code) else None


def new_recovery_code() -> str:
    """Make a recovery code in groups of four. Show it once, and store its `recovery_digest`."""
    text = base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def recovery_digest(text: str) -> str | None:
    """
    Return the SHA-256 digest of a recovery code, or `None` if the text has another format.
    Case, spaces and dashes are ignored.
    """
    code = _IGNORED.sub("", text).upper()
    if not _RECOVERY_CODE.fullmatch(code):
        return None
    return hashlib.sha256(code.encode("ascii")).hexdigest()
