"""Hashing and the policy."""

import asyncio
import threading
from typing import Any

import pytest
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import ConfigurationError, PasswordHasher, PasswordPolicy, PBKDF2Hasher
from piccolo_api_fastapi.errors import HasherBusy, WeakPassword
from piccolo_api_fastapi.testing import cheap_hasher, cheap_pbkdf2_hasher
from piccolo_api_fastapi.users.passwords.hasher import PasswordMismatch, is_hashable
from piccolo_api_fastapi.users.passwords.threads import HashingThreads, shared_threads

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


@HASHERS
@pytest.mark.parametrize(
    "encoded",
    [
        None,
        "",
        "garbage",
        "$argon2id$v=19$m=8,t=1,p=1$broken",
        "pbkdf2_sha256$1$!$!",
        "pbkdf2_sha256$evil",
        "$2b$12$abcdefghijklmnopqrstuv",
    ],
)
async def test_no_hash(hasher: PasswordHasher, encoded: str | None) -> None:
    """What is no hash is matched by nothing, and harms nothing (D-U8)."""
    for password in ("", "!", "garbage"):
        assert not await matches(hasher, encoded, password)


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
