"""Usernames and e-mail addresses."""

import pytest

from piccolo_api_fastapi import identifiers
from piccolo_api_fastapi.errors import Unprocessable


@pytest.mark.parametrize(
    ("typed", "stored"), [("Ada", "ada"), (" ada ", "ada"), ("ＡＤＡ", "ada"), ("Zoë", "zoë")]
)
def test_username(typed: str, stored: str) -> None:
    """Case, width and spaces around it make no second name (D-U4)."""
    assert stored == identifiers.normal_username(typed, 100)


@pytest.mark.security(105)
@pytest.mark.parametrize(
    ("username", "code"),
    [
        ("", "username_invalid"),
        ("  ", "username_invalid"),
        ("a\nb", "username_invalid"),
        ("a\x1b[31mb", "username_invalid"),
        ("a\x00", "username_invalid"),
        ("a\u202eb", "username_invalid"),
        ("\ud800", "username_invalid"),
        ("a" * 101, "username_too_long"),
    ],
)
def test_bad_username(username: str, code: str) -> None:
    """Nothing that can't be seen, and nothing longer than the column (D-U3)."""
    with pytest.raises(Unprocessable) as caught:
        identifiers.normal_username(username, 100)
    assert caught.value.codes == (code,)


@pytest.mark.security(14)
@pytest.mark.parametrize("typed", ["mike@x.org", "mike@X.org", "ＭIKE@x.org", "Mike@x.org"])
def test_email(typed: str) -> None:
    """One form for one mailbox."""
    assert identifiers.normal_email(typed) == "mike@x.org"


@pytest.mark.security(14)
def test_dotless_i() -> None:
    """A letter that only upper-cases to the same one is another mailbox."""
    assert identifiers.normal_email("mıke@x.org") != "mike@x.org"


@pytest.mark.parametrize("email", ["x'y@a.org", "ü@exämple.org"])
def test_unusual_email(email: str) -> None:
    """Addresses that a home-made pattern refuses (D-U4)."""
    assert identifiers.normal_email(email)


@pytest.mark.security(105)
@pytest.mark.parametrize(
    "email", ["", "a", "a@", "@b", "a@b..c", "a@-.-", "a@b.c\nBcc: d@e.f", "a\x00@b.org", "a b@c.d"]
)
def test_bad_email(email: str) -> None:
    """What is no address (D-U4)."""
    with pytest.raises(Unprocessable):
        identifiers.normal_email(email)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Ada", ("Ada", "ada", "ada")),
        (" Ada", (" Ada", "ada", "ada")),
        ("Ada@X.org", ("Ada@X.org", "ada@x.org", "ada@x.org")),
        ("a@b@C", ("a@b@C", "a@b@c", "a@b@c")),
        ("a\x00b", None),
        ("\ud800", None),
        ("a" * 255, None),
    ],
)
def test_candidates(typed: str, found: tuple[str, str, str] | None) -> None:
    """What is looked for; nothing for what can be nobody."""
    assert found == identifiers.candidates(typed)


def test_no_email() -> None:
    """What stands for a missing address is shown as none."""
    assert identifiers.real_email(identifiers.no_email()) is None
    assert identifiers.real_email("") is None
    assert identifiers.real_email(None) is None
    assert identifiers.real_email("a@b.org") == "a@b.org"
