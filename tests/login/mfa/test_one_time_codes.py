"""Codes of authenticator apps and recovery codes."""

import string
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyotp import totp as pyotp_totp

from piccolo_api_fastapi import ConfigurationError
from piccolo_api_fastapi.login.mfa.one_time_codes import (
    Authenticator,
    digits_of,
    new_recovery_code,
    recovery_digest,
)

SECRET = b"12345678901234567890"
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)

HOTP = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"
TIMES = (59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000)
TOTP = {
    "SHA1": "94287082 07081804 14050471 89005924 69279037 65353130",
    "SHA256": "46119246 68084774 67062674 91819424 90698825 77737706",
    "SHA512": "90693936 25091201 99943326 93441116 38618901 47863826",
}
LENGTHS = {"SHA1": 20, "SHA256": 32, "SHA512": 64}


@pytest.mark.security(64)
def test_rfc_4226() -> None:
    """The values of RFC 4226 appendix D."""
    authenticator = Authenticator(SECRET)
    assert HOTP.split() == [authenticator.code(step) for step in range(10)]


@pytest.mark.security(64)
@pytest.mark.parametrize("algorithm", TOTP)
def test_rfc_6238(algorithm: str) -> None:
    """The values of RFC 6238 appendix B, and the ends of their six-digit forms."""
    secret = (SECRET * 4)[: LENGTHS[algorithm]]
    eight, six = Authenticator(secret, 8, 30, algorithm), Authenticator(secret, 6, 30, algorithm)
    steps = [
        eight.step(datetime.fromtimestamp(0, timezone.utc) + timedelta(seconds=time))
        for time in TIMES
    ]
    assert TOTP[algorithm].split() == [eight.code(step) for step in steps]
    assert [code[2:] for code in TOTP[algorithm].split()] == [six.code(step) for step in steps]


@pytest.mark.parametrize("algorithm", TOTP)
@pytest.mark.parametrize("digits", [6, 7, 8])
@pytest.mark.parametrize("period", [15, 30, 60])
def test_pyotp(algorithm: str, digits: int, period: int) -> None:
    """An implementation that nobody here wrote reads our URI and makes our codes."""
    authenticator = Authenticator(SECRET, digits, period, algorithm)
    uri = authenticator.uri("ada:lovelace@example.com", "Movies & more")
    app = pyotp.parse_uri(uri)
    assert isinstance(app, pyotp_totp.TOTP)
    assert (app.digits, app.interval, app.issuer) == (digits, period, "Movies & more")
    for step in (0, 1, 59_000_000):
        assert authenticator.code(step) == app.at(step * period)


def test_uri() -> None:
    """It follows the Key Uri Format, with %20 for a space."""
    uri = Authenticator(SECRET).uri("ada@example.com", "My Movies")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/My Movies:ada@example.com"
    assert "+" not in uri
    assert parse_qs(parts.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["My Movies"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


@pytest.mark.security(68)
@pytest.mark.parametrize(("window", "good"), [(1, {-1, 0, 1}), (0, {0})])
def test_window(window: int, good: set[int]) -> None:
    """The steps of the window match, and none beside them."""
    authenticator = Authenticator(SECRET)
    step = authenticator.step(NOW)
    matched = {
        offset
        for offset in range(-3, 4)
        if authenticator.match(authenticator.code(step + offset), NOW, window, -1) is not None
    }
    assert good == matched


@pytest.mark.security(66)
def test_used_steps() -> None:
    """A code of a step up to the last used one does not match."""
    authenticator = Authenticator(SECRET)
    step = authenticator.step(NOW)
    for offset in (-1, 0, 1):
        code = authenticator.code(step + offset)
        assert authenticator.match(code, NOW, 1, step + offset - 1) == step + offset
        assert authenticator.match(code, NOW, 1, step + offset) is None


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("123456", "123456"),
        ("123 456", "123456"),
        (" 123-456\n", "123456"),
        ("１２３４５６", "123456"),
        ("12345678", "12345678"),
        ("12345", None),
        ("123456789", None),
        ("-1", None),
        ("", None),
        ("٣٤٥٦٧٨", None),
        ("12345\x00", None),
        ("\ud800" * 6, None),
        ("1" * 10_000, None),
    ],
)
@pytest.mark.security(71)
def test_digits(typed: str, code: str | None) -> None:
    """Digits as people and phones write them; nothing else."""
    assert code == digits_of(typed)


@given(st.text())
def test_digits_of_anything(text: str) -> None:
    """Whatever is typed becomes ASCII digits or nothing."""
    code = digits_of(text)
    assert code is None or set(code) <= set(string.digits)


@pytest.mark.parametrize("settings", [(5, 30), (9, 30), (6, 9), (6, 301)])
def test_settings(settings: tuple[int, int]) -> None:
    """Settings that no app knows are refused."""
    with pytest.raises(ConfigurationError):
        Authenticator(SECRET, *settings)


def test_algorithm() -> None:
    """So is an algorithm."""
    with pytest.raises(ConfigurationError):
        Authenticator(SECRET, algorithm="MD5")


def test_written() -> None:
    """What is written is read; nothing of the secret is shown."""
    authenticator = Authenticator(SECRET, 8, 60, "SHA256")
    assert Authenticator.read(authenticator.write()) == authenticator
    assert "1234567890" not in repr(authenticator)


@pytest.mark.security(77)
def test_recovery_codes() -> None:
    """120 bits each, in groups of four, no two alike."""
    codes = {new_recovery_code() for _ in range(100)}
    assert len(codes) == 100
    for code in codes:
        assert [len(group) for group in code.split("-")] == [4] * 6
        assert len(code.replace("-", "")) * 5 == 120


@pytest.mark.security(80)
def test_recovery_code_as_typed() -> None:
    """Case, spaces and dashes of any kind do not count; a wrong letter does."""
    code = new_recovery_code()
    digest = recovery_digest(code)
    assert digest is not None
    for typed in (code.lower(), code.replace("-", ""), code.replace("-", " – "), f" {code}\n"):
        assert digest == recovery_digest(typed)
    assert digest != recovery_digest(("A" if code[0] != "A" else "B") + code[1:])


@pytest.mark.parametrize("typed", ["", "A" * 23, "A" * 25, "1" * 24, "é" * 24, "\ud800" * 24])
def test_no_recovery_code(typed: str) -> None:
    """What can't be a recovery code has no digest."""
    assert recovery_digest(typed) is None
