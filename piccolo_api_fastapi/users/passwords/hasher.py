"""Hash passwords and check them, without blocking the event loop."""

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable
from typing import TypeVar

import nacl.pwhash

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

from .argon2id import cost_of, is_argon2id, matches_argon2id
from .foreign import check_of
from .threads import HashingThreads, shared_threads

T = TypeVar("T")

MAXIMUM_CHARACTERS = 128
"""The limit of Piccolo's `BaseUser`, and twice the least limit of NIST SP 800-63B-4, 3.1.1.2."""

MAXIMUM_BYTES = 1024
"""The maximum length of a password in UTF-8."""

OWASP_MEMORY_KIB = 19 * 1024
OWASP_ITERATIONS = 2
"""The minimum of the OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, t=2, p=1."""

PBKDF2_ITERATIONS = 600_000
"""The minimum of the OWASP Password Storage Cheat Sheet for PBKDF2-HMAC-SHA256."""

_PBKDF2 = re.compile(r"pbkdf2_sha256\$([1-9][0-9]{0,8})\$([^$]{1,200})\$([0-9a-f]{64})")


class PasswordMismatch(Exception):
    """The password does not match the hash."""


@configured
class PasswordHasher:
    """
    Hashes passwords with Argon2id (RFC 9106), as PHC strings. Checks PBKDF2 strings of Piccolo,
    and hashes that were moved from fastapi-users, too.

    ```python
    from piccolo_api_fastapi import PasswordHasher, Users

    users = Users(hasher=PasswordHasher(memory_kib=47_104, iterations=2))
    ```

    Args:
        memory_kib: The memory of one hash, in KiB.
        iterations: The number of passes over the memory.
        threads: The threads that hash; by default those shared by the whole process.
        allow_weak: Whether the parameters may be below OWASP's minimum. For tests.

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
                f"Argon2id needs memory_kib={OWASP_MEMORY_KIB} and iterations={OWASP_ITERATIONS} "
                f"or more, not {memory_kib} and {iterations}."
            )
        self.memory_kib = memory_kib
        self.iterations = iterations
        self._threads = threads

    async def hash(self, password: str) -> str:
        """
        Hash a password, after NFC normalisation (NIST SP 800-63B-4 section 3.1.1.2).

        Args:
            password: The password as typed.

        Raises:
            HasherBusy: Too many passwords are waiting to be hashed.
        """
        return await self._run(lambda: self.encode(password))

    async def verify(self, encoded: str | None, password: str) -> None:
        """
        Check a password.

        If there is no hash, or the stored value is not one, the check costs a hash all the same:
        the time reveals neither who has an account nor who has a password.

        Args:
            encoded: The stored hash, or `None` if there is none.
            password: The password as typed.

        Raises:
            PasswordMismatch: The password does not match the hash.
            HasherBusy: Too many passwords are waiting to be hashed.
        """
        if not is_hashable(password):
            encoded, password = None, ""
        if not await self._run(lambda: self._matches(encoded, password)):
            raise PasswordMismatch

    def needs_rehash(self, encoded: str) -> bool:
        """Return whether a hash is weaker than new ones, or of another kind."""
        cost = cost_of(encoded)
        if cost is None:
            return True
        return cost.memory_kib < self.memory_kib or cost.iterations < self.iterations

    def encode(self, password: str) -> str:
        """Hash a password in the current thread."""
        return nacl.pwhash.argon2id.str(
            _normalise(password).encode(),
            opslimit=self.iterations,
            memlimit=self.memory_kib * 1024,
        ).decode("ascii")

    async def _run(self, work: Callable[[], T]) -> T:
        return await (self._threads or shared_threads()).run(work)

    def unmatched(self) -> str:
        """Return a hash that costs as much to check as a new one, and that no password matches."""
        cost = f"m={self.memory_kib},t={self.iterations},p=1"
        return f"$argon2id$v=19${cost}${_random_base64(16)}${_random_base64(32)}"

    def _matches(self, encoded: str | None, password: str) -> bool:
        if encoded is not None and (check := check_of(encoded)) is not None:
            return check(password)
        if encoded is None or not (is_pbkdf2(encoded) or is_argon2id(encoded)):
            encoded = self.unmatched()
        return _verify(encoded, password)


@configured
class PBKDF2Hasher(PasswordHasher):
    """
    Hashes passwords in the format of Piccolo, for applications that also use `BaseUser.login`.

    ```python
    from piccolo_api_fastapi import PBKDF2Hasher, Users

    users = Users(hasher=PBKDF2Hasher(), interop=True)
    ```

    Args:
        iterations: The number of rounds of HMAC-SHA256.
        threads: The threads that hash; by default those shared by the whole process.
        allow_weak: Whether the iterations may be below OWASP's minimum. For tests.

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
            raise ConfigurationError(
                f"PBKDF2 needs iterations={PBKDF2_ITERATIONS} or more, not {iterations}."
            )
        self.iterations = iterations

    def needs_rehash(self, encoded: str) -> bool:
        """Return whether a hash has fewer iterations than new ones, or is of another kind."""
        match = _PBKDF2.fullmatch(encoded)
        return match is None or int(match[1]) < self.iterations

    def encode(self, password: str) -> str:
        """Hash a password in the current thread."""
        salt = secrets.token_hex(16)
        digest = _pbkdf2(_normalise(password), salt, self.iterations)
        return f"pbkdf2_sha256${self.iterations}${salt}${digest}"

    def unmatched(self) -> str:
        """Return a hash that costs as much to check as a new one, and that no password matches."""
        return f"pbkdf2_sha256${self.iterations}${secrets.token_hex(16)}${secrets.token_hex(32)}"


def is_pbkdf2(encoded: str) -> bool:
    """Return whether a stored value is a hash in the format of Piccolo's `BaseUser`."""
    return _PBKDF2.fullmatch(encoded) is not None


def is_hashable(password: str) -> bool:
    """Return whether a password is short enough and valid text. Others are never hashed."""
    if len(password) > MAXIMUM_CHARACTERS:
        return False
    try:
        encoded = _normalise(password).encode()
    except UnicodeEncodeError:
        return False
    return len(encoded) <= MAXIMUM_BYTES


_default: list[PasswordHasher] = [PasswordHasher()]


def default_hasher() -> PasswordHasher:
    """Return the hasher that is used where none was given."""
    return _default[0]


def replace_default_hasher(hasher: PasswordHasher) -> PasswordHasher:
    """Replace the default hasher. Returns the previous one."""
    previous, _default[0] = _default[0], hasher
    return previous


def _verify(encoded: str, password: str) -> bool:
    if match := _PBKDF2.fullmatch(encoded):
        # Piccolo hashes the password as typed, this library its normal form.
        return any(
            hmac.compare_digest(_pbkdf2(candidate, match[2], int(match[1])), match[3])
            for candidate in {password, _normalise(password)}
        )
    return matches_argon2id(encoded, _normalise(password))


def _pbkdf2(password: str, salt: str, iterations: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations).hex()


def _random_base64(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")


def _normalise(password: str) -> str:
    return unicodedata.normalize("NFC", password)
