"""JSON that means one thing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piccolo_api_fastapi.core.http.parsing import strict_json

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


@given(VALUES, st.booleans())
def test_ordinary(value: object, ascii_only: bool) -> None:  # noqa: FBT001 - hypothesis calls it
    """What JSON can say and databases can store is read, escaped or not."""
    assert value == strict_json(json.dumps(value, ensure_ascii=ascii_only).encode())


@pytest.mark.security(100)
@pytest.mark.security(101)
@pytest.mark.security(102)
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"9" * 5000,
        b'{"a": 1, "a": 1}',
        b'{"b": {"a": 1, "\\u0061": 2}}',
        rb'"\ud800"',
        rb'{"\udfff": 1}',
        rb'[["\u0000"]]',
        rb'{"a": ["\u0000"]}',
        b'"\x00"',
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
)
def test_refused(raw: bytes) -> None:
    """Ambiguous, unstorable, broken or bottomless text is refused, never a crash."""
    with pytest.raises(ValueError):  # noqa: PT011 - that is the whole contract
        strict_json(raw)
