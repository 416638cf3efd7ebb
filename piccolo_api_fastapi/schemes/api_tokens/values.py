"""The name, scopes and expiry time of a new API token, validated."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal, TypeAlias

from piccolo_api_fastapi.access.identity import SCOPE_TOKEN
from piccolo_api_fastapi.errors import ConfigurationError, FieldError, Unprocessable

from .tables import APIToken

CENTURY = timedelta(days=36_525)
"""The longest lifetime of a token that expires."""

Expiry: TypeAlias = datetime | Literal["default"] | None
"""The requested expiry time of a token; `None` for never."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """
    The lifetimes of API tokens.

    Args:
        expires_in: The default and longest lifetime.
        allow_unlimited: Whether tokens may live longer, or never expire.

    Raises:
        ConfigurationError: `expires_in` is not positive, or longer than a hundred years.
    """

    expires_in: timedelta
    allow_unlimited: bool

    def __post_init__(self) -> None:
        if not timedelta(0) < self.expires_in <= CENTURY:
            raise ConfigurationError("expires_in must be positive, and at most 100 years.")

    def expiry(self, wanted: Expiry, now: datetime) -> datetime | None:
        """
        The expiry time of a new token.

        Raises:
            Unprocessable: The requested time is in the past, too late or without a time zone.
        """
        latest = now + self.expires_in
        if wanted == "default":
            return latest
        if wanted is None:
            if self.allow_unlimited:
                return None
            raise _invalid("expires_at", "expiry_required", "The token must expire.")
        if wanted.tzinfo is None:
            raise _invalid("expires_at", "expiry_invalid", "The time must have a time zone.")
        # Compared before the conversion, which can overflow on the last day of the year 9999.
        if wanted <= now:
            raise _invalid("expires_at", "expiry_past", "The time must be in the future.")
        if wanted > (now + CENTURY if self.allow_unlimited else latest):
            raise _invalid("expires_at", "expiry_too_late", "The time is later than allowed.")
        return wanted.astimezone(timezone.utc)

    def renewed(self, before: APIToken, now: datetime) -> datetime | None:
        """The expiry time of a token that is rotated now: its lifetime restarts."""
        if before.expires_at is None:
            return None if self.allow_unlimited else now + self.expires_in
        lifetime: timedelta = before.expires_at - before.created_at
        return now + (lifetime if self.allow_unlimited else min(lifetime, self.expires_in))


def usable_name(name: str, maximum: int) -> str:
    """
    The name without surrounding spaces.

    Raises:
        Unprocessable: It is empty, longer than `maximum` or not printable.
    """
    name = name.strip()
    if not name or not name.isprintable() or len(name) > maximum:
        raise _invalid("name", "name_invalid", f"Use 1 to {maximum} printable characters.")
    return name


def usable_scope(scopes: Iterable[str]) -> str:
    """
    The scopes, sorted and joined by spaces.

    Raises:
        Unprocessable: A scope has characters that RFC 6749 does not allow.
    """
    names = sorted(set(scopes))
    if isinstance(scopes, str) or not all(SCOPE_TOKEN.fullmatch(name) for name in names):
        raise _invalid("scopes", "scope_invalid", "A scope must not contain spaces or quotes.")
    return " ".join(names)


def _invalid(field: str, code: str, sentence: str) -> Unprocessable:
    return Unprocessable([FieldError(("body", field), sentence, code)])
