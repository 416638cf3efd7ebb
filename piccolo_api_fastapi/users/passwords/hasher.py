"""Password hashes: made and checked without blocking the event loop."""

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable
from typing import TypeVar

import nacl.exceptions
import nacl.pwhash

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

from .threads import HashingThreads, shared_threads

T = TypeVar("T")

MAXIMUM_CHARACTERS = 128
"""The bound of Piccolo's `BaseUser`, and twice what NIST SP 800-63B-4 section 3.1.1.2 asks for."""

MAXIMUM_BYTES = 1024

OWASP_MEMORY_KIB = 19 * 1024
OWASP_ITERATIONS = 2
"""OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, t=2, p=1."""

PBKDF2_ITERATIONS = 600_000
"""OWASP Password Storage Cheat Sheet: PBKDF2-HMAC-SHA256; what Piccolo uses."""

_PBKDF2 = re.compile(r"pbkdf2_sha256\$([0-9]{1,9})\$([^$]{1,200})\$([0-9a-f]{64})", re.ASCII)
_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,4}),p=([0-9]{1,3})\$", re.ASCII
)


class PasswordMismatch(Exception):
    """The password is not the one that was hashed."""


@configured
class PasswordHasher:
    """
    Argon2id (RFC 9106) as PHC strings; verifies Piccolo's PBKDF2 strings as well.

    ```python
    from piccolo_api_fastapi import PasswordHasher, Users

    users = Users(hasher=PasswordHasher(memory_kib=47_104, iterations=2))
    ```

    Args:
        memory_kib: Memory of one hash, in KiB.
        iterations: Passes over it.
        threads: Where to hash; by default threads shared by the whole process.
        allow_weak: Permit less than OWASP's minimum. For tests.

    Raises:
        ConfigurationError: The parameters are below OWASP's minimum.
    """

    def __init__(
        self,
        *,
        memory_kib: int = OWASP_MEMORY_KIB,
        iterations: int = OWASP_ITERATIONS,
        threads: HashingThreads | None = None,
        allow_weak: bool = False,
    ) -> None:
        weak = memory_kib < OWASP_MEMORY_KIB or iterations < OWASP_ITERATIONS
        if weak and not allow_weak:
            raise ConfigurationError(
                f"Argon2id needs {OWASP_MEMORY_KIB} KiB and {OWASP_ITERATIONS} iterations or more."
            )
        self.memory_kib = memory_kib
        self.iterations = iterations
        self._threads = threads
        self._dummy: str | None = None

    async def hash(self, password: str) -> str:
        """
        Hash a password, after NFC normalisation (NIST SP 800-63B-4 section 3.1.1.2).

        Raises:
            HasherBusy: Too many are waiting.
        """
        return await self._run(lambda: self.encode(password))

    async def verify(self, encoded: str | None, password: str) -> None:
        """
        Check a password. With `None`, do the same work for nothing: that is what hides who exists.

        Args:
            encoded: The stored hash.
            password: As it was typed.

        Raises:
            PasswordMismatch: It is another password.
            HasherBusy: Too many are waiting.
        """
        if not is_hashable(password):
            encoded, password = None, ""
        if not await self._run(lambda: self._matches(encoded, password)):
            raise PasswordMismatch

    def needs_rehash(self, encoded: str) -> bool:
        """Whether a hash is weaker than, or of another kind than, those made now."""
        match = _ARGON2ID.match(encoded)
        if match is None:
            return True
        return int(match[1]) < self.memory_kib or int(match[2]) < self.iterations

    def encode(self, password: str) -> str:
        """Hash in this thread."""
        return nacl.pwhash.argon2id.str(
            _normalise(password).encode(),
            opslimit=self.iterations,
            memlimit=self.memory_kib * 1024,
        ).decode("ascii")

    async def _run(self, work: Callable[[], T]) -> T:
        return await (self._threads or shared_threads()).run(work)

    def _matches(self, encoded: str | None, password: str) -> bool:
        if encoded is None:
            if self._dummy is None:
                self._dummy = self.encode(secrets.token_hex())
            _verify(self._dummy, password)
            return False
        return _verify(encoded, password)


@configured
class PBKDF2Hasher(PasswordHasher):
    """
    Piccolo's own format, for those who need `BaseUser.login` to work elsewhere.

    ```python
    from piccolo_api_fastapi import PBKDF2Hasher, Users

    users = Users(hasher=PBKDF2Hasher(), interop=True)
    ```

    Args:
        iterations: Rounds of HMAC-SHA256.
        threads: Where to hash; by default threads shared by the whole process.
        allow_weak: Permit less than OWASP's minimum. For tests.

    Raises:
        ConfigurationError: The iterations are below OWASP's minimum.
    """

    def __init__(
        self,
        *,
        iterations: int = PBKDF2_ITERATIONS,
        threads: HashingThreads | None = None,
        allow_weak: bool = False,
    ) -> None:
        super().__init__(threads=threads)
        if iterations < PBKDF2_ITERATIONS and not allow_weak:
            raise ConfigurationError(f"PBKDF2 needs {PBKDF2_ITERATIONS} iterations or more.")
        self.iterations = iterations

    def needs_rehash(self, encoded: str) -> bool:
        """Whether a hash has fewer iterations than those made now."""
        match = _PBKDF2.fullmatch(encoded)
        return match is None or int(match[1]) < self.iterations

    def encode(self, password: str) -> str:
        """Hash in this thread."""
        salt = secrets.token_hex(16)
        digest = _pbkdf2(_normalise(password), salt, self.iterations)
        return f"pbkdf2_sha256${self.iterations}${salt}${digest}"


def is_pbkdf2(encoded: str) -> bool:
    """Whether this is a hash that Piccolo's `BaseUser` made."""
    return _PBKDF2.fullmatch(encoded) is not None


def is_hashable(password: str) -> bool:
    """Whether a password is short enough and encodable; anything else is never hashed."""
    if len(password) > MAXIMUM_CHARACTERS:
        return False
    try:
        encoded = _normalise(password).encode()
    except UnicodeEncodeError:
        return False
    return len(encoded) <= MAXIMUM_BYTES


_default: list[PasswordHasher] = [PasswordHasher()]


def default_hasher() -> PasswordHasher:
    """The hasher of everything that was not given one."""
    return _default[0]


def replace_default_hasher(hasher: PasswordHasher) -> PasswordHasher:
    """Use another one from now on. Returns the one before."""
    previous, _default[0] = _default[0], hasher
    return previous


def _verify(encoded: str, password: str) -> bool:
    if match := _PBKDF2.fullmatch(encoded):
        # Piccolo hashed what was typed, this library what it normalises to.
        return any(
            hmac.compare_digest(_pbkdf2(candidate, match[2], int(match[1])), match[3])
            for candidate in {password, _normalise(password)}
        )
    if not _ARGON2ID.match(encoded):
        return False
    try:
        return nacl.pwhash.verify(encoded.encode("ascii"), _normalise(password).encode())
    except nacl.exceptions.CryptoError:
        return False


def _pbkdf2(password: str, salt: str, iterations: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations).hex()


def _normalise(password: str) -> str:
    return unicodedata.normalize("NFC", password)
