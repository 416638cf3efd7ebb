"""
The characters of usernames: the IdentifierClass of PRECIS (RFC 8264), in the words of
UsernameCaseMapped (RFC 8265 section 3.3). Both sorts of invisible joiners are always refused.
"""

import unicodedata
from collections.abc import Callable
from functools import lru_cache

_LETTERS_AND_DIGITS = frozenset({"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"})
"""RFC 8264 section 9.1."""

_MARKS = ("Mn", "Mc", "Me")

_ALLOWED = frozenset("\u00df\u03c2\u06fd\u06fe\u0f0b\u3007")
_REFUSED = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
"""RFC 8264 section 9.6."""

_BLANK = frozenset("\u2800\ufffc\U0001d159")
"""Symbols without ink: no Braille dots, no object, no head of a note."""

_IGNORABLE = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2065, 0x2065),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),
)
"""`Default_Ignorable_Code_Point` of Unicode 16, without those that have the category Cf."""

_OLD_HANGUL = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))
"""The blocks of conjoining letters (RFC 8264 section 9.9)."""

_ARABIC_DIGITS = frozenset(map(chr, range(0x660, 0x66A)))
_PERSIAN_DIGITS = frozenset(map(chr, range(0x6F0, 0x6FA)))

_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_BESIDE_RIGHT_TO_LEFT = frozenset({"EN", "ES", "CS", "ET", "ON", "BN", "NSM"})


def is_visible(text: str) -> bool:
    """
    Return whether readers can see all characters of a text, spaces included.

    Args:
        text: A text in its normal form NFKC.
    """
    return text.isprintable() and not any(_is_invisible(character) for character in text)


def is_username(text: str) -> bool:
    """
    Return whether a text consists of letters and digits of any script, ASCII punctuation, and
    single spaces between them.

    Args:
        text: A text in its normal form NFKC.
    """
    return all(_is_word(word) for word in text.split(" "))


def _is_word(word: str) -> bool:
    if not word or unicodedata.category(word[0]) in _MARKS:
        return False
    is_allowed = all(_is_allowed(character, word, at) for at, character in enumerate(word))
    return is_allowed and _has_one_direction(word) and _has_one_kind_of_digits(word)


def _is_allowed(character: str, word: str, at: int) -> bool:
    """Apply RFC 8264 section 8 to a character."""
    if (rule := _CONTEXTS.get(character)) is not None:
        return rule(word, at)
    return _is_of_class(character)


@lru_cache(maxsize=4096)
def _is_of_class(character: str) -> bool:
    if character in _ALLOWED or "!" <= character <= "~":
        return True
    return (
        character not in _REFUSED
        and not _is_invisible(character)
        and not _is_in(character, _OLD_HANGUL)
        and unicodedata.normalize("NFKC", character) == character
        and unicodedata.category(character) in _LETTERS_AND_DIGITS
    )


def _is_invisible(character: str) -> bool:
    return character in _BLANK or _is_in(character, _IGNORABLE)


def _is_in(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


def _is_between_ls(word: str, at: int) -> bool:
    return word[at - 1 : at] == "l" and word[at + 1 : at + 2] == "l"


def _follows_hebrew(word: str, at: int) -> bool:
    return _is_of_script(word[at - 1 : at], "HEBREW")


def _precedes_greek(word: str, at: int) -> bool:
    return _is_of_script(word[at + 1 : at + 2], "GREEK")


def _is_in_japanese(word: str, _: int) -> bool:
    scripts = ("HIRAGANA", "KATAKANA", "CJK UNIFIED")
    return any(_is_of_script(one, *scripts) for one in word if one != "\u30fb")


def _is_of_script(character: str, *scripts: str) -> bool:
    return bool(character) and unicodedata.name(character, "").startswith(scripts)


_CONTEXTS: dict[str, Callable[[str, int], bool]] = {
    "\u00b7": _is_between_ls,
    "\u0375": _precedes_greek,
    "\u05f3": _follows_hebrew,
    "\u05f4": _follows_hebrew,
    "\u30fb": _is_in_japanese,
}
"""Characters that are allowed beside certain others (RFC 5892 appendix A)."""


def _has_one_kind_of_digits(word: str) -> bool:
    """RFC 5892 appendix A.8 and A.9."""
    return not (_ARABIC_DIGITS & set(word) and _PERSIAN_DIGITS & set(word))


def _has_one_direction(word: str) -> bool:
    """
    The Bidi Rule of RFC 5893 section 2, for words with letters that are written from right to
    left. Otherwise a word could look like another one in which its letters are in another order.
    """
    kinds = [unicodedata.bidirectional(character) for character in word]
    if not _RIGHT_TO_LEFT & set(kinds):
        return True
    if kinds[0] not in ("R", "AL") or not set(kinds) <= _RIGHT_TO_LEFT | _BESIDE_RIGHT_TO_LEFT:
        return False
    last = next(kind for kind in reversed(kinds) if kind != "NSM")
    return last in {"R", "AL", "EN", "AN"} and not {"EN", "AN"} <= set(kinds)
