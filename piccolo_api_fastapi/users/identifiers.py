"""Usernames and e-mail addresses in their normal form: the form in which they are stored."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice, product
from uuid import uuid4

from email_validator import EmailNotValidError, validate_email

from piccolo_api_fastapi.errors import FieldError, Unprocessable

from .characters import is_username, is_visible

MAXIMUM_LENGTH = 254
"""The maximum length of an identifier: RFC 5321 section 4.5.3.1.3, without the angle brackets."""

_NO_EMAIL = "@no-email.invalid"  # RFC 2606 reserves the domain

_PUBLIC = ".x.org"

_WORDS = re.compile(r"(\W+)")

_MOST_CASES = 64


def normal_username(username: str, maximum: int) -> str:
    """
    Return the normal form of a new username: NFKC, in lower case, without spaces around it.

    It consists of letters, digits and ASCII punctuation, with single spaces between them (RFC
    8265 section 3.3). Otherwise it could look like the name of another user. A username with an
    `@` must be an address of visible characters.

    Args:
        username: The username as typed.
        maximum: The maximum length in characters.

    Raises:
        Unprocessable: The username is empty or too long, or a character is not allowed.
    """
    normal = _fold(username).strip()
    if not (is_visible(normal) if "@" in normal else is_username(normal)):
        raise _invalid_username()
    if len(normal) > maximum:
        raise _unusable("username", "username_too_long", f"Use at most {maximum} characters.")
    return normal


def own_username(username: str, maximum: int | None, email: str | None) -> str:
    """
    Return the normal form of a new username. It may be an e-mail address only if that is the
    user's own, because otherwise it would match logins by the address of another user.

    Args:
        username: The username as typed.
        maximum: The maximum length in characters.
        email: The e-mail address of the user, in its normal form.

    Raises:
        Unprocessable: The username is not valid.
    """
    normal = normal_username(username, maximum or 0)
    if "@" in normal and normal != email:
        message = "A username may contain an @ only if it is your own e-mail address."
        raise _unusable("username", "username_invalid", message)
    return normal


def normal_email(email: str) -> str:
    """
    Return the normal form of an e-mail address: one for each mailbox.

    Args:
        email: The address as typed.

    Raises:
        Unprocessable: The text is not an address (RFC 5322 section 3.4.1), or it is longer than
            `MAXIMUM_LENGTH`.
    """
    try:
        normal = _valid(_fold(email))
        # The normal form must be an address, and its own normal form.
        is_stable = len(normal) <= MAXIMUM_LENGTH and normal == _valid(normal)
    except EmailNotValidError:
        normal, is_stable = "", False
    if not is_stable or real_email(normal) is None:
        raise _invalid_email()
    return normal


def new_email(email: str, internal_domains: Iterable[str]) -> str:
    """
    Return the normal form of a new e-mail address, which must look like no other address.

    Args:
        email: The address as typed.
        internal_domains: Domains that are accepted, with their subdomains, although mail of the
            internet can't reach them.

    Raises:
        Unprocessable: The text is not an address, has invisible characters, or the internet has
            no such domain.
    """
    normal = normal_email(email)
    domain = normal.rpartition("@")[2]
    if not is_visible(normal):
        raise _invalid_email()
    if not any(f".{domain}".endswith(f".{internal}") for internal in internal_domains):
        try:
            validate_email(normal, check_deliverability=False)
        except EmailNotValidError:
            raise _invalid_email() from None
    return normal


def candidates(identifier: str) -> tuple[str, str, str] | None:
    """
    Return the values to look up when a user signs in.

    Usernames that are not valid today are looked up as well, because users may have chosen them
    before.

    Args:
        identifier: The username or e-mail address as typed.

    Returns:
        The username as typed, the username in its normal form, and the e-mail address in its
        normal form; `None` if no user can have such an identifier.
    """
    if len(identifier) > MAXIMUM_LENGTH or not identifier.strip().isprintable():
        return None
    return identifier, folded_username(identifier), folded_email(identifier)


def folded_username(username: str) -> str:
    """
    Return the one form of all spellings of a username, whether or not a new user may have it.

    Args:
        username: The username as typed, or as stored by other code.
    """
    return _fold(username.strip())


def folded_email(email: str) -> str:
    """
    Return the one form of all spellings of an address: the normal form if it is valid.

    Args:
        email: The address as typed, or as stored by other code.
    """
    folded = folded_username(email)
    if "@" not in folded:
        return folded
    try:
        return normal_email(folded)
    except Unprocessable:
        return folded


def spellings(identifier: str, folded: str) -> list[str]:
    """
    Return how other code may have stored an identifier, as far as it can be foreseen: each word
    in lower case, in upper case or with a capital, letters decomposed, the domain in punycode.

    Compare them with a column to which the database applied `lower`. Many databases do so with
    ASCII letters only: SQLite always, PostgreSQL with `LC_CTYPE=C`.

    Args:
        identifier: The identifier as typed.
        folded: The form from `folded_username` or `folded_email`.
    """
    forms = [identifier, folded]
    if not folded.isascii():
        forms += _cases(folded)
        if (ascii_domain := _ascii_domain(folded)) is not None:
            forms += [f"{form.rpartition('@')[0]}@{ascii_domain}" for form in forms]
        forms += [unicodedata.normalize("NFD", form) for form in forms]
    return list(dict.fromkeys(map(_ascii_lower, forms)))


def _cases(text: str) -> Iterable[str]:
    words = [
        dict.fromkeys(map(_ascii_lower, (word, word.capitalize(), word.upper())))
        for word in _WORDS.split(text)
    ]
    return (text.title(), text.upper(), *map("".join, islice(product(*words), _MOST_CASES)))


def _ascii_lower(text: str) -> str:
    return text.encode().lower().decode()  # `bytes.lower` changes ASCII letters only


def _ascii_domain(email: str) -> str | None:
    """The domain of an address in ASCII, where that differs."""
    if email.rpartition("@")[2].isascii():
        return None
    try:
        return split_email(email)[2]
    except EmailNotValidError:
        return None


def one_name(identifier: str) -> str:
    """
    Return one form for all spellings of an identifier, or an empty string if no user can have it.

    Args:
        identifier: The username or e-mail address as typed.
    """
    wanted = candidates(identifier)
    return wanted[2] if wanted else ""


def no_email() -> str:
    """Return a placeholder for a missing address, since the column is unique and not null."""
    return uuid4().hex + _NO_EMAIL


def real_email(email: str | None) -> str | None:
    """Return the address, or `None` if it is a placeholder of `no_email`."""
    return None if not email or email.endswith(_NO_EMAIL) else email


def split_email(email: str) -> tuple[str, str, str]:
    """
    Return the local part of an address, its domain, and its domain in ASCII (RFC 5890).

    Raises:
        EmailNotValidError: The text is not an address.
    """
    # email-validator refuses internal domains, but not their names as parts of another one.
    valid = validate_email(email + _PUBLIC, check_deliverability=False)
    ascii_domain = valid.ascii_domain.removesuffix(_PUBLIC)
    return valid.local_part, valid.domain.removesuffix(_PUBLIC), ascii_domain


def _valid(folded: str) -> str:
    local_part, domain, _ = split_email(folded)
    return _fold(f"{local_part}@{domain}")


def _fold(text: str) -> str:
    # Again after `lower`: J with a caron is two characters, but its small letter is one.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())


def _invalid_username() -> Unprocessable:
    message = "Use letters, digits and punctuation. Symbols and invisible characters are refused."
    return _unusable("username", "username_invalid", message)


def _invalid_email() -> Unprocessable:
    return _unusable("email", "email_invalid", "This is not an e-mail address.")


def _unusable(field: str, code: str, sentence: str) -> Unprocessable:
    return Unprocessable([FieldError(("body", field), sentence, code)])
