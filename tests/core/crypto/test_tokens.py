"""Opaque tokens."""

import re

import pytest

from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.errors import ConfigurationError

TOKEN = OpaqueToken("ses")


@pytest.mark.security(17)
def test_random_and_digested() -> None:
    """256 random bits in each; the digest is not the token."""
    tokens = {TOKEN.generate() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert re.fullmatch(r"ses_[A-Za-z0-9_-]{43}[0-9a-f]{8}", token)
        digest = TOKEN.digest(token)
        assert digest is not None
        assert len(digest) == 64
        assert digest not in token


def test_refused() -> None:
    """A typo, another kind, or anything else has no digest."""
    token = TOKEN.generate()
    typo = token[:10] + ("A" if token[10] != "A" else "B") + token[11:]
    assert TOKEN.digest(token) is not None
    for text in (typo, OpaqueToken("api").generate(), "", token + "\n", token[:-1], "é" * 55):
        assert TOKEN.digest(text) is None


@pytest.mark.parametrize("prefix", ["", "A", "a_b", "a" * 17, "é"])
def test_prefix(prefix: str) -> None:
    """A prefix is a few lower-case letters and digits."""
    with pytest.raises(ConfigurationError):
        OpaqueToken(prefix)
