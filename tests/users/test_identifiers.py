"""Usernames and e-mail addresses."""

import sys
import unicodedata

import pytest
from email_validator import validate_email

from piccolo_api_fastapi.errors import Unprocessable
from piccolo_api_fastapi.users import identifiers


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


@pytest.mark.parametrize("email", [None, "ada@x.org"])
def test_username_with_an_at_sign(email: str | None) -> None:
    """The error says which username with an @ is allowed."""
    assert identifiers.own_username("Ada@x.org", 100, "ada@x.org") == "ada@x.org"
    with pytest.raises(Unprocessable) as caught:
        identifiers.own_username("eve@x.org", 100, email)
    assert caught.value.codes == ("username_invalid",)
    message = "A username may contain an @ only if it is your own e-mail address."
    assert [error.msg for error in caught.value.errors] == [message]


@pytest.mark.security(14)
@pytest.mark.parametrize("typed", ["J\u030cohn", "\u01f0ohn", "j\u030cohn"])
def test_a_small_letter_of_one_character(typed: str) -> None:
    """Where only the small letter is one character with its mark, there is still one form."""
    assert identifiers.normal_username(typed, 100) == "\u01f0ohn"
    assert identifiers.candidates(typed) == (typed, "\u01f0ohn", "\u01f0ohn")
    assert identifiers.normal_email(f"{typed}@x.org") == "\u01f0ohn@x.org"


@pytest.mark.security(14)
@pytest.mark.parametrize("typed", ["mike@x.org", "mike@X.org", "ＭIKE@x.org", "Mike@x.org"])
def test_email(typed: str) -> None:
    """One form for one mailbox."""
    assert identifiers.normal_email(typed) == "mike@x.org"


@pytest.mark.security(14)
def test_dotless_i() -> None:
    """A letter that only upper-cases to the same one is another mailbox."""
    assert identifiers.normal_email("mıke@x.org") != "mike@x.org"


FOLDED = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if unicodedata.normalize("NFKC", character).lower() != character
]
"""All characters of Unicode that are stored as others."""


@pytest.mark.slow
@pytest.mark.security(105)
@pytest.mark.parametrize(("pattern", "step"), [("a{}b@example.com", 1), ("a@b{}c.example", 7)])
def test_what_is_stored_is_an_address(pattern: str, step: int) -> None:
    """Whatever becomes of a character: what is stored is an address, and its own normal form."""
    accepted = 0
    for character in FOLDED[::step]:  # domains take their time
        typed = pattern.format(character)
        try:
            stored = identifiers.normal_email(typed)
        except Unprocessable:
            continue
        accepted += 1
        validate_email(stored, check_deliverability=False)
        assert identifiers.candidates(stored) == (stored, stored, stored), typed
    assert accepted > len(FOLDED) // step // 2


@pytest.mark.security(105)
@pytest.mark.parametrize(
    "email",
    [
        "a\N{FULLWIDTH COMMA}b@example.com",
        "a\N{FULLWIDTH LESS-THAN SIGN}b\N{FULLWIDTH GREATER-THAN SIGN}@example.com",
        "a\N{HORIZONTAL ELLIPSIS}b@example.com",
        "a\N{DOUBLE QUESTION MARK}\N{FULLWIDTH COMMERCIAL AT}b@example.com",
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 60 + "@example.com",
        "\N{LATIN SMALL LIGATURE FFI}" * 90 + "@example.com",
        f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}",
    ],
)
def test_what_would_be_no_address(email: str) -> None:
    """What only looks like an address until it is folded, or is too long by then, is none."""
    with pytest.raises(Unprocessable) as caught:
        identifiers.normal_email(email)
    assert caught.value.codes == ("email_invalid",)


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


@pytest.mark.security(14)
@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("zoë", ["zoë", "zoË", "zoe\u0308", "zoE\u0308"]),
        ("иван.петров", ["Иван.Петров", "ИВАН.ПЕТРОВ", "иван.ПЕТРОВ", "Иван.петров"]),
        ("a@exämple.com", ["a@exämple.com", "a@exÄmple.com", "a@xn--exmple-cua.com"]),
        ("a@ü..com", ["a@ü..com", "a@Ü..com"]),
    ],
)
def test_spellings(typed: str, stored: list[str]) -> None:
    """Words in any case, decomposed, and domains in punycode; what is in ASCII has one."""
    found = identifiers.spellings(typed, identifiers.folded_email(typed))
    assert {text.encode().lower().decode() for text in stored} <= set(found)
    assert len(identifiers.spellings("é-" * 100, "é-" * 100)) < 300
    assert identifiers.spellings("Ada@X.org", "ada@x.org") == ["ada@x.org"]


def test_no_email() -> None:
    """What stands for a missing address is shown as none."""
    assert identifiers.real_email(identifiers.no_email()) is None
    assert identifiers.real_email("") is None
    assert identifiers.real_email(None) is None
    assert identifiers.real_email("a@b.org") == "a@b.org"
