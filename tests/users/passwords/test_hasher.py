"""Hashing and the policy."""

import asyncio
import base64
import hashlib
import threading
from pathlib import Path
from typing import Any

import nacl.exceptions
import nacl.pwhash
import pytest
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import (
    ConfigurationError,
    Password,
    PasswordHasher,
    PasswordPolicy,
    PBKDF2Hasher,
    User,
    Users,
)
from piccolo_api_fastapi.errors import HasherBusy, InvalidCredentials, WeakPassword
from piccolo_api_fastapi.testing import cheap_hasher, cheap_pbkdf2_hasher
from piccolo_api_fastapi.users import passwords
from piccolo_api_fastapi.users.passwords.hasher import PasswordMismatch, is_hashable
from piccolo_api_fastapi.users.passwords.threads import HashingThreads, shared_threads

COMMON = Path(passwords.__file__).parent / "common_passwords.txt"
HASHERS = pytest.mark.parametrize("hasher", [cheap_hasher(), cheap_pbkdf2_hasher()])


async def matches(hasher: PasswordHasher, encoded: str | None, password: str) -> bool:
    """Whether a password is accepted."""
    try:
        await hasher.verify(encoded, password)
    except PasswordMismatch:
        return False
    return True


@HASHERS
@pytest.mark.security(7)
@pytest.mark.parametrize("password", ["correct horse battery", " " * 8, "🐎" * 8, "lowercase", ""])
async def test_round_trip(hasher: PasswordHasher, password: str) -> None:
    """A password is itself and nothing else; spaces and case count."""
    encoded = await hasher.hash(password)
    assert encoded != await hasher.hash(password)
    assert await matches(hasher, encoded, password)
    for other in (password + " ", " " + password, password + "x", (password + "a").swapcase()):
        assert not await matches(hasher, encoded, other)


@HASHERS
@pytest.mark.security(5)
async def test_every_character_counts(hasher: PasswordHasher) -> None:
    """Nothing is cut off, also beyond byte 72."""
    password = "x" * 127
    encoded = await hasher.hash(password + "a")
    assert await matches(hasher, encoded, password + "a")
    assert not await matches(hasher, encoded, password + "b")
    assert not await matches(hasher, encoded, password)


@HASHERS
@pytest.mark.security(9)
async def test_normal_form(hasher: PasswordHasher) -> None:
    """Composed and decomposed are one; ligatures are something else."""
    encoded = await hasher.hash("re\u0301sume\u0301 fi")
    assert await matches(hasher, encoded, "r\xe9sum\xe9 fi")
    assert not await matches(hasher, encoded, "r\xe9sum\xe9 \ufb01")


@HASHERS
@pytest.mark.security(6)
@pytest.mark.security(100)
@pytest.mark.parametrize("password", ["x" * 129, "\ud800", "\ufdfa" * 128])
async def test_not_hashable(hasher: PasswordHasher, password: str) -> None:
    """What is too long or no text matches nothing."""
    assert not await matches(hasher, await hasher.hash(""), password)


def test_length_in_bytes() -> None:
    """Both bounds hold."""
    assert is_hashable("🐎" * 128)
    assert not is_hashable("🐎" * 129)
    assert not is_hashable("a" + "\u0301" * 600)


SALT, DIGEST = "c29tZXNhbHRzb21lc2FsdA", "q" * 42 + "A"
OTHER = f"${SALT}${DIGEST}"
NO_HASHES = [
    None,
    "",
    "!",
    "*",
    "garbage",
    "correct horse battery",
    "$2b$12$abcdefghijklmnopqrstuv",
    f"$argon2i$v=19$m=19456,t=2,p=1{OTHER}",
    f"$argon2id$v=16$m=8,t=1,p=1{OTHER}",
    "$argon2id$v=19$m=8,t=1,p=1$",
    f"$argon2id$v=19$m=8,t=1,p=1${SALT}",
    f"$argon2id$v=19$m=8,t=1,p=1${SALT}$",
    f"$argon2id$v=19$m=8,t=1,p=1{OTHER[:-1]}",
    f"$argon2id$v=19$m=8,t=1,p=1{OTHER[:-2]}",
    f"$argon2id$v=19$m=8,t=1,p=1{OTHER[:-1]}B",
    f"$argon2id$v=19$m=8,t=1,p=1{OTHER}=",
    f"$argon2id$v=19$m=8,t=1,p=1{OTHER}\n",
    f"$argon2id$v=19$m=8,t=1,p=1$AAAA${DIGEST}",
    f"$argon2id$v=19$m=8,t=1,p=1${'A' * 60}${'A' * 80}",
    f"$argon2id$v=19$m=7,t=1,p=1{OTHER}",
    f"$argon2id$v=19$m=8,t=0,p=1{OTHER}",
    f"$argon2id$v=19$m=8,t=1,p=2{OTHER}",
    f"$argon2id$v=19$m=008,t=1,p=1{OTHER}",
    f"$argon2id$v=19$m=999999999,t=1,p=1{OTHER}",
    "pbkdf2_sha256$1$!$!",
    "pbkdf2_sha256$evil",
    f"pbkdf2_sha256$0$salt${'a' * 64}",
    f"pbkdf2_sha256$1$salt${'a' * 63}",
    f"pbkdf2_sha256$1$salt${'A' * 64}",
]
"""Values of a column that are no hash: ended passwords, other schemes, truncated or damaged."""


class Hashed:
    """The hashes that were computed, as libsodium or `hashlib` computes them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.costs: list[tuple[int, int]] = []
        verify, pbkdf2 = nacl.pwhash.verify, hashlib.pbkdf2_hmac

        def count_argon2id(encoded: bytes, password: bytes) -> bool:
            _, _, _, cost, salt, digest = encoded.decode().split("$")
            memory, passes, lanes = (int(part.partition("=")[2]) for part in cost.split(","))
            made = nacl.pwhash.argon2id.kdf(
                len(_decoded(digest)), password, _decoded(salt), passes, memory * 1024
            )
            assert lanes == 1
            self.costs.append((memory, passes))
            if made != _decoded(digest):
                raise nacl.exceptions.InvalidkeyError
            return verify(encoded, password)

        def count_pbkdf2(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
            self.costs.append((0, iterations))
            return pbkdf2(name, password, salt, iterations)

        def never(*_: Any, **__: Any) -> bytes:
            raise AssertionError

        monkeypatch.setattr(nacl.pwhash, "verify", count_argon2id)
        monkeypatch.setattr(nacl.pwhash.argon2id, "str", never)
        monkeypatch.setattr(hashlib, "pbkdf2_hmac", count_pbkdf2)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


@pytest.mark.security(12)
@pytest.mark.parametrize("encoded", NO_HASHES)
@pytest.mark.parametrize("kind", ["argon2id", "pbkdf2"])
async def test_no_hash(monkeypatch: pytest.MonkeyPatch, kind: str, encoded: str | None) -> None:
    """What is no hash is matched by nothing, and costs what a hash costs: in new processes too."""
    hasher = cheap_hasher() if kind == "argon2id" else cheap_pbkdf2_hasher()
    hashed = Hashed(monkeypatch)
    for password in ("", "!", "garbage", "correct horse battery"):
        assert not await matches(hasher, encoded, password)
    assert hashed.costs == [(8, 1) if kind == "argon2id" else (0, 1)] * 4


@HASHERS
@pytest.mark.security(12)
async def test_a_hash(monkeypatch: pytest.MonkeyPatch, hasher: PasswordHasher) -> None:
    """A right and a wrong password cost one hash each."""
    encoded = await hasher.hash("correct horse battery")
    hashed = Hashed(monkeypatch)
    assert await matches(hasher, encoded, "correct horse battery")
    assert not await matches(hasher, encoded, "wrong")
    assert not await matches(hasher, encoded, "x" * 129)
    assert len(hashed.costs) == 3


@pytest.mark.security(12)
async def test_logins(users: Users[User], ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login costs one hash: nobody, a wrong password, and whatever is stored in its place."""
    hashed = Hashed(monkeypatch)
    spent = []

    async def fail(name: str) -> None:
        with pytest.raises(InvalidCredentials):
            await users.verify(name, "a wrong password")
        await users.unlock(ada)
        spent.append(len(hashed.costs))
        hashed.costs.clear()

    await fail("nobody")
    await fail("ada")
    for encoded in NO_HASHES:
        await Password.update({Password.hash: encoded or ""}, force=True)
        await fail("ada")
    await Password.delete(force=True)
    await fail("ada")
    for column in ("", "!", "plain", "pbkdf2_sha256$0$salt$" + "a" * 64):
        await User.update({User.password: column}, force=True)
        await fail("ada")
    assert spent == [1] * len(spent)


async def test_piccolo_hashes() -> None:
    """Piccolo's own are verified, in the form it hashed them in."""
    for password in ("correct horse", "re\u0301sume\u0301"):
        encoded = BaseUser.hash_password(password, iterations=10)
        assert await matches(cheap_hasher(), encoded, password)
        assert not await matches(cheap_hasher(), encoded, "wrong")


@pytest.mark.security(2)
def test_needs_rehash() -> None:
    """Weaker, or of another kind."""
    weak = cheap_hasher().encode("x")
    stronger = PasswordHasher(memory_kib=16, iterations=1, allow_weak=True)
    slower = PasswordHasher(memory_kib=8, iterations=2, allow_weak=True)
    pbkdf2 = cheap_pbkdf2_hasher().encode("x")
    assert not cheap_hasher().needs_rehash(weak)
    assert not cheap_hasher().needs_rehash(stronger.encode("x"))
    assert stronger.needs_rehash(weak)
    assert slower.needs_rehash(weak)
    assert cheap_hasher().needs_rehash(pbkdf2)
    assert not cheap_pbkdf2_hasher().needs_rehash(pbkdf2)
    assert PBKDF2Hasher().needs_rehash(pbkdf2)
    assert cheap_pbkdf2_hasher().needs_rehash(weak)


@pytest.mark.security(1)
def test_weak_parameters() -> None:
    """Less than OWASP's minimum has to be asked for by name."""
    with pytest.raises(ConfigurationError):
        PasswordHasher(memory_kib=1024)
    with pytest.raises(ConfigurationError):
        PasswordHasher(iterations=1)
    with pytest.raises(ConfigurationError):
        PBKDF2Hasher(iterations=1000)


async def test_threads() -> None:
    """Only so many at once; the surplus waits, then is told to come back."""
    threads = HashingThreads(threads=2, waiting=1, patience=0.01)
    release = threading.Event()
    running = [asyncio.create_task(threads.run(release.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(threads.run(release.wait))
    await asyncio.sleep(0)
    with pytest.raises(HasherBusy):
        await threads.run(release.wait)
    with pytest.raises(HasherBusy):
        await waiting
    release.set()
    assert await asyncio.gather(*running) == [True, True]
    assert await threads.run(lambda: 1) == 1


async def test_impatient_caller() -> None:
    """A caller who leaves takes no place with them."""
    threads = HashingThreads(threads=1, waiting=0)
    release = threading.Event()
    task = asyncio.create_task(threads.run(release.wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    threads._pool.shutdown()
    assert threads._count == 0


def test_bound_to_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many threads as cores, wherever their number is known."""
    assert shared_threads() is shared_threads()
    assert HashingThreads().threads >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert HashingThreads().threads == 3
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert HashingThreads().threads == 1


async def codes(policy: PasswordPolicy, password: str, *own: str | None) -> tuple[str, ...]:
    """Why a password is refused."""
    try:
        await policy.check(password, *own)
    except WeakPassword as error:
        return error.codes
    return ()


@pytest.mark.security(8)
async def test_common_passwords() -> None:
    """At least 3,000 passwords that are long enough are refused for being common."""
    policy, listed = PasswordPolicy(), set(COMMON.read_text("utf-8").splitlines())
    found = [await codes(policy, text) for text in listed if len(text) >= 8]
    assert found.count(("password_common",)) >= 3000


@pytest.mark.security(4)
@pytest.mark.security(6)
@pytest.mark.security(7)
@pytest.mark.security(8)
@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("zq8vw2k", "password_too_short"),
        ("zq8vw2kx", None),
        ("🐎" * 8, None),
        ("   zq k  ", None),
        (" " * 8, None),
        ("x" * 128, None),
        ("x" * 129, "password_too_long"),
        ("a" + "\u0301" * 127, None),
        ("\ud800" * 8, "password_invalid"),
        ("zq8vw2kx\x00", "password_invalid"),
        ("password1", "password_common"),
        ("friend of emily", "password_common"),
        ("PASSWORD1", "password_common"),
        ("my password1 is long", None),
        ("ada.lovelace", "password_personal"),
        ("ADA.LOVELACE", "password_personal"),
        ("ada.lovelace@example.com", "password_personal"),
        ("the.countess", "password_personal"),
        ("the.countess!", None),
        ("moviedatabase", "password_personal"),
    ],
)
async def test_policy(password: str, expected: str | None) -> None:
    """Length, then the list, then one's own name; no rules of composition."""
    policy = PasswordPolicy(forbidden=("MovieDatabase",))
    found = await codes(policy, password, "the.countess", "ada.lovelace@example.com", None)
    assert found == ((expected,) if expected else ())


@pytest.mark.security(4)
async def test_strict_policy() -> None:
    """Fifteen where the password is the only factor."""
    assert await codes(PasswordPolicy.strict(), "x1" * 7) == ("password_too_short",)
    assert await codes(PasswordPolicy.strict(), "x1" * 7 + "y") == ()


async def _leaked(_: str) -> bool:
    return True


@pytest.mark.parametrize("check", [lambda _: True, _leaked])
async def test_breach_check(check: Any) -> None:
    """Sync or async, its yes is a reason."""
    policy = PasswordPolicy(breach_check=check)
    assert await codes(policy, "zq8vw2kx") == ("password_breached",)
    assert await codes(PasswordPolicy(breach_check=lambda _: False), "zq8vw2kx") == ()


@pytest.mark.parametrize("minimum", [0, 7, 129])
def test_policy_configuration(minimum: int) -> None:
    """Nobody configures less than eight, or more than there can be."""
    with pytest.raises(ConfigurationError):
        PasswordPolicy(minimum=minimum)
