"""Usernames and e-mail addresses in their one normal form."""

import unicodedata
from collections.abc import Iterable
from uuid import uuid4

from email_validator import EmailNotValidError, validate_email

from piccolo_api_fastapi.errors import FieldError, Unprocessable

MAXIMUM_LENGTH = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets; longer ones are looked up nowhere."""

_NO_EMAIL = "@no-email.invalid"

_PUBLIC = ".x.org"


def normal_username(username: str, maximum: int) -> str:
    """
    A username as it is stored: NFKC, lower case, no spaces around it.

    Args:
        username: As it was typed.
        maximum: Characters at most.

    Raises:
        Unprocessable: It is empty, too long or has characters that can't be seen.
    """
    normal = unicodedata.normalize("NFKC", username).strip().lower()
    if not normal or not normal.isprintable():
        raise _invalid_username()
    if len(normal) > maximum:
        raise _unusable("username", "username_too_long", f"Use at most {maximum} characters.")
    return normal


def own_username(username: str, maximum: int | None, email: str | None) -> str:
    """
    A username in its normal form, which is an e-mail address only if it is the user's own.

    Otherwise it would match logins by the address of another user.

    Args:
        username: The username as typed.
        maximum: The maximum length in characters.
        email: The e-mail address of the user, in its normal form.

    Raises:
        Unprocessable: The username is not valid.
    """
    normal = normal_username(username, maximum or 0)
    if "@" in normal and normal != email:
        raise _invalid_username()
    return normal


def normal_email(email: str) -> str:
    """
    Return the one form of an e-mail address, to look it up. It is its own normal form.

    Raises:
        Unprocessable: The text is not an address (RFC 5322 section 3.4.1), or is longer than
            `MAXIMUM_LENGTH`.
    """
    try:
        normal = _valid(_fold(email))
        # What folds into something else, or into no address, has no one form.
        is_stable = len(normal) <= MAXIMUM_LENGTH and normal == _valid(normal)
    except EmailNotValidError:
        normal, is_stable = "", False
    if not is_stable or real_email(normal) is None:
        raise _invalid_email()
    return normal


def new_email(email: str, internal_domains: Iterable[str]) -> str:
    """
    Return an e-mail address as it is stored, which is in its one form.

    Args:
        email: The address as typed.
        internal_domains: Domains that are accepted, with their subdomains, although mail of the
            internet can't reach them.

    Raises:
        Unprocessable: The text is not an address, or the internet has no such domain.
    """
    normal = normal_email(email)
    domain = normal.rpartition("@")[2]
    if not any(f".{domain}".endswith(f".{internal}") for internal in internal_domains):
        try:
            validate_email(normal, check_deliverability=False)
        except EmailNotValidError:
            raise _invalid_email() from None
    return normal


def candidates(identifier: str) -> tuple[str, str, str] | None:
    """
    What to look for when somebody logs in.

    Returns:
        The username as typed, the username in normal form, and the e-mail address in
        normal form; `None` when it can be neither.
    """
    if len(identifier) > MAXIMUM_LENGTH or not identifier.strip().isprintable():
        return None
    folded = _fold(identifier.strip())
    email = folded
    if "@" in identifier:
        try:
            email = normal_email(identifier.strip())
        except Unprocessable:
            email = folded
    return identifier, folded, email


def one_name(identifier: str) -> str:
    """One form of what people type for the same user, known or not; empty for what nobody is."""
    wanted = candidates(identifier)
    return wanted[2] if wanted else ""


def no_email() -> str:
    """Stands for a missing address in a column that is unique and not null (RFC 2606)."""
    return uuid4().hex + _NO_EMAIL


def real_email(email: str | None) -> str | None:
    """The address, or `None` when it only stands for a missing one."""
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
    return unicodedata.normalize("NFKC", text).lower()


def _invalid_username() -> Unprocessable:
    return _unusable("username", "username_invalid", "This is not a valid username.")


def _invalid_email() -> Unprocessable:
    return _unusable("email", "email_invalid", "This is not an e-mail address.")


def _unusable(field: str, code: str, sentence: str) -> Unprocessable:
    return Unprocessable([FieldError(("body", field), sentence, code)])
