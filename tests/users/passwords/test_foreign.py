"""Hashes of fastapi-users: checked once, and replaced at the next login."""

import asyncio
import random
import sys
import threading
from typing import Any

import bcrypt
import nacl.pwhash
import pytest

from piccolo_api_fastapi import ConfigurationError, Password, PasswordHasher, User, Users
from piccolo_api_fastapi.errors import InvalidCredentials
from piccolo_api_fastapi.testing import cheap_hasher, cheap_pbkdf2_hasher
from piccolo_api_fastapi.users.passwords.foreign import PREFIX, mark_foreign
from piccolo_api_fastapi.users.passwords.hasher import PasswordMismatch
from tests.conftest import PASSWORD

FOUR_LANES = (
    "$argon2id$v=19$m=32,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$useOCyYy33KRLpEBCts2qZ5uiOU7S0pxuEg4LbAoP4Y"
)
ONE_LANE = (
    "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gLHIkr1qgP4r3sH1P/NIg3+PMckaLQ3RkuIiytJhVlY"
)
"""Argon2id of `PASSWORD`, by argon2-cffi."""

DECOMPOSED = (
    "$argon2id$v=19$m=32,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$h80pyHKZJvTrq6H1nsQLSQ3WAXVSDrxqR2yN1k1JCxw"
)
"""The same of `résumé of a horse`, whose accents are characters of their own."""

REST = FOUR_LANES.partition("p=4")[2]


def bcrypt_hash(password: bytes, version: bytes = b"2b") -> str:
    """A cheap bcrypt hash."""
    salt = bcrypt.gensalt(4).replace(b"2b", version)
    return bcrypt.hashpw(password, salt).decode()


BCRYPT = bcrypt_hash(PASSWORD.encode())
KINDS = ["four lanes", "one lane", "bcrypt"]


async def matches(stored: str, password: str, hasher: PasswordHasher | None = None) -> bool:
    """Whether a password is accepted."""
    try:
        await (hasher or cheap_hasher()).verify(stored, password)
    except PasswordMismatch:
        return False
    return True


@pytest.mark.parametrize("hasher", [cheap_hasher(), cheap_pbkdf2_hasher()])
@pytest.mark.parametrize("encoded", [FOUR_LANES, ONE_LANE, BCRYPT], ids=KINDS)
async def test_checked(hasher: PasswordHasher, encoded: str) -> None:
    """Both kinds are checked, with any number of lanes, and replaced."""
    stored = mark_foreign(encoded)
    assert stored is not None
    assert stored == PREFIX + encoded
    assert await matches(stored, PASSWORD, hasher)
    for wrong in ("", "wrong", PASSWORD + "x", PASSWORD[:-1], "x" * 129, "\ud800"):
        assert not await matches(stored, wrong, hasher)
    assert hasher.needs_rehash(stored)


@pytest.mark.parametrize("version", [b"2a", b"2b", b"2y"])
async def test_versions_of_bcrypt(version: bytes) -> None:
    """All that hash alike are checked."""
    stored = mark_foreign(bcrypt_hash(PASSWORD.encode(), version))
    assert stored is not None
    assert await matches(stored, PASSWORD)
    assert not await matches(stored, "wrong")


async def test_72_bytes() -> None:
    """The hash ignores the rest, which versions since 5 refuse with an exception."""
    stored = mark_foreign(bcrypt_hash(b"x" * 72))
    assert stored is not None
    assert await matches(stored, "x" * 72)
    assert await matches(stored, "x" * 72 + "y")
    assert not await matches(stored, "x" * 71)
    umlauts = mark_foreign(bcrypt_hash(("ü" * 40).encode()[:72]))
    assert umlauts is not None
    assert await matches(umlauts, "ü" * 40)


async def test_as_typed() -> None:
    """fastapi-users hashes what was typed, not its normal form."""
    stored = mark_foreign(DECOMPOSED)
    assert stored is not None
    assert await matches(stored, "re\u0301sume\u0301 of a horse")
    assert not await matches(stored, "r\xe9sum\xe9 of a horse")


BAD = [
    "",
    "garbage",
    PREFIX + FOUR_LANES,
    FOUR_LANES + "\n",
    FOUR_LANES[:-1],
    FOUR_LANES.replace("argon2id", "argon2i"),
    "$argon2id$v=19$m=2097153,t=1,p=4" + REST,
    "$argon2id$v=19$m=1048576,t=5,p=4" + REST,
    "$argon2id$v=19$m=65536,t=999,p=4" + REST,
    "$argon2id$v=19$m=64,t=1,p=999" + REST,
    "$argon2id$v=19$m=99999999999,t=1,p=4" + REST,
    "$2b$12$short",
    "$2b$03$" + "." * 53,
    "$2b$17$" + "." * 53,
    "$2b$31$" + "." * 53,
    "$2b$99$" + "." * 53,
    "$2x$04$" + "." * 53,
    "$2b$04$" + "." * 21 + "A" + "." * 31,
    "$2b$04$" + "." * 54,
    "$2b$04$" + "ü" * 53,
    "$scrypt$ln=16,r=8,p=1$c2FsdA$" + "a" * 43,
    "pbkdf2_sha256$600000$salt$" + "a" * 64,
]
"""Hashes of other formats, damaged ones, and those that take too long or too much memory."""


@pytest.mark.parametrize("encoded", BAD)
async def test_not_checked(monkeypatch: pytest.MonkeyPatch, encoded: str) -> None:
    """They are not moved. Stored all the same, they match nothing and cost what a hash costs."""
    assert mark_foreign(encoded) is None
    spent: list[str] = []
    verify: Any = nacl.pwhash.verify

    def count(encoded: bytes, password: bytes) -> bool:
        spent.append(encoded.decode().split("$")[3])
        return bool(verify(encoded, password))

    monkeypatch.setattr(nacl.pwhash, "verify", count)
    assert not await matches(PREFIX + encoded, PASSWORD)
    assert spent == ["m=8,t=1,p=1"]


async def test_without_the_prefix() -> None:
    """Nothing else in the column is taken for a foreign hash."""
    assert not await matches(bcrypt_hash(PASSWORD.encode()), PASSWORD)


async def test_any_bcrypt_hash() -> None:
    """Whatever has the form of one is checked without an exception."""
    letters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    chance = random.Random(1)  # noqa: S311 - no secret
    for _ in range(100):
        salt = "".join(chance.choices(letters, k=21)) + chance.choice(".Oeu")
        stored = mark_foreign(f"$2b$04${salt}{''.join(chance.choices(letters, k=31))}")
        assert stored is not None
        for password in ("", "\0", "a\0b", "🐎" * 128):
            assert not await matches(stored, password)


async def test_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Hashes of bcrypt are not moved. Those that were moved match nothing, and the log says why."""
    encoded = bcrypt_hash(PASSWORD.encode())
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'piccolo-api-fastapi\[fastapi-"):
        mark_foreign(encoded)
    assert not await matches(PREFIX + encoded, PASSWORD)
    assert "A user with a bcrypt hash can't sign in." in caplog.text
    assert mark_foreign(FOUR_LANES) == PREFIX + FOUR_LANES


async def test_in_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop checks none."""
    threads: set[str] = set()
    check: Any = bcrypt.checkpw

    def checkpw(*arguments: Any) -> bool:
        threads.add(threading.current_thread().name.partition("_")[0])
        return bool(check(*arguments))

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    assert await matches(PREFIX + bcrypt_hash(PASSWORD.encode()), PASSWORD)
    assert threads == {"password-hashing"}


@pytest.mark.parametrize("encoded", [FOUR_LANES, BCRYPT], ids=["four lanes", "bcrypt"])
async def test_replaced_at_login(users: Users[User], encoded: str) -> None:
    """A wrong password changes nothing; the first right one replaces the hash, once."""
    ada = await users.create("ada", encoded=mark_foreign(encoded))
    with pytest.raises(InvalidCredentials):
        await users.verify("ada", "wrong")
    assert await stored_hash() == PREFIX + encoded
    proofs = await asyncio.gather(*(users.verify("ada", PASSWORD) for _ in range(2)))
    replaced = await stored_hash()
    assert not users.hasher.needs_rehash(replaced)
    await users.uphold(proofs[-1])
    assert (await users.verify("ada", PASSWORD)).user.id == ada.id
    assert await stored_hash() == replaced


async def test_disabled(users: Users[User]) -> None:
    """A disabled user's hash stays."""
    await users.create("ada", encoded=mark_foreign(FOUR_LANES), active=False)
    with pytest.raises(InvalidCredentials):
        await users.verify("ada", PASSWORD)
    assert await stored_hash() == PREFIX + FOUR_LANES


async def stored_hash() -> str:
    """The hash of the only user."""
    [row] = await Password.select(Password.hash)
    return str(row["hash"])
