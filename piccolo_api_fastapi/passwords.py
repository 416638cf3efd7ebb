"""Passwords: hashing that never blocks the event loop, and what may be one."""

import asyncio
import hashlib
import hmac
import inspect
import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias, TypeVar

import nacl.exceptions
import nacl.pwhash

from .errors import ConfigurationError, FieldError, HasherBusy, WeakPassword

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


class HashingThreads:
    """
    A bounded number of threads and a bounded waiting line before them.

    More threads than cores gain no logins and hold 19 MiB each.

    Args:
        threads: How many hash at once; by default the cores of this process.
        waiting: How many may wait.
        patience: How long one waits, in seconds.
    """

    def __init__(
        self, *, threads: int | None = None, waiting: int = 256, patience: float = 5.0
    ) -> None:
        self.threads = threads or _cores()
        self.waiting = waiting
        self.patience = patience
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="password-hashing")
        self._count = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """
        Run `work` in a thread.

        Raises:
            HasherBusy: The line is full, or it did not move in time.
        """
        future = self._submit(work)
        waiter = asyncio.wrap_future(future)
        try:
            await asyncio.wait({waiter}, timeout=self.patience)
            if not waiter.done() and future.cancel():
                raise HasherBusy(retry_after=int(self.patience) or 1)
            return await waiter
        finally:
            waiter.cancel()

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            if self._count >= self.threads + self.waiting:
                raise HasherBusy
            self._count += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._leave)
        return future

    def _leave(self, _: Future[Any]) -> None:
        with self._lock:
            self._count -= 1


@cache
def shared_threads() -> HashingThreads:
    """The threads of this process: one bound, however many hashers there are."""
    return HashingThreads()


class PasswordHasher:
    """
    Argon2id (RFC 9106) as PHC strings; verifies Piccolo's PBKDF2 strings as well.

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
            msg = (
                f"Argon2id needs {OWASP_MEMORY_KIB} KiB and {OWASP_ITERATIONS} iterations or more."
            )
            raise ConfigurationError(msg)
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


class PBKDF2Hasher(PasswordHasher):
    """
    Piccolo's own format, for those who need `BaseUser.login` to work elsewhere.

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
            msg = f"PBKDF2 needs {PBKDF2_ITERATIONS} iterations or more."
            raise ConfigurationError(msg)
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


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


BreachCheck: TypeAlias = Callable[[str], Awaitable[bool] | bool]
"""Says whether a password is known to have leaked."""


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """
    What may be a password: long enough, not common, not the user's own name.

    No rules of composition and no expiry, as NIST SP 800-63B-4 section 3.1.1.2 says.

    Args:
        minimum: Characters (code points) at the least.
        forbidden: Further words that may not be the password, such as the service's name.
        breach_check: Asked last; `BreachedPasswords()` is one.

    Raises:
        ConfigurationError: The minimum is below 8 or above 128.
    """

    minimum: int = 8
    forbidden: tuple[str, ...] = ()
    breach_check: BreachCheck | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 8 <= self.minimum <= MAXIMUM_CHARACTERS:  # noqa: PLR2004 - NIST's floor
            msg = f"The minimum is between 8 and {MAXIMUM_CHARACTERS}."
            raise ConfigurationError(msg)

    @classmethod
    def strict(cls, **options: Any) -> "PasswordPolicy":
        """At least 15 characters: NIST's bound where a password is the only factor."""
        return cls(minimum=15, **options)

    async def check(self, password: str, *own: str | None) -> None:
        """
        Refuse a password that may not be set.

        Args:
            password: The new password.
            own: The user's name, e-mail address and the like.

        Raises:
            WeakPassword: With the codes `password_too_short`, `password_too_long`,
                `password_invalid`, `password_common`, `password_personal` or
                `password_breached`.
        """
        if error := self._error(password, own):
            raise WeakPassword([error])
        if self.breach_check is not None:
            breached = self.breach_check(password)
            if await breached if inspect.isawaitable(breached) else breached:
                raise WeakPassword([_error("password_breached", "It has appeared in a data leak.")])

    def _error(self, password: str, own: tuple[str | None, ...]) -> FieldError | None:
        if len(password) < self.minimum:
            return _error("password_too_short", f"Use at least {self.minimum} characters.")
        if len(password) > MAXIMUM_CHARACTERS:
            return _error("password_too_long", f"Use at most {MAXIMUM_CHARACTERS} characters.")
        if not is_hashable(password) or "\x00" in password:
            return _error("password_invalid", "It contains characters that can't be used.")
        folded = _fold(password)
        if folded in _common_passwords():
            return _error("password_common", "It is one of the commonest passwords.")
        if folded in _personal(own) | {_fold(word) for word in self.forbidden}:
            return _error("password_personal", "Don't use your name, address or this service.")
        return None


def _error(code: str, sentence: str) -> FieldError:
    return FieldError(("body", "password"), sentence, code)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _personal(own: tuple[str | None, ...]) -> set[str]:
    words = {_fold(word) for word in own if word}
    return words | {word.partition("@")[0] for word in words}


@cache
def _common_passwords() -> frozenset[str]:
    text = files("piccolo_api_fastapi").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(text.split())
