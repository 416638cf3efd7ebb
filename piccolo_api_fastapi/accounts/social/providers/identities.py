"""`ProviderIdentity`: the user as a provider describes them, and `Tokens`, its answer to a code."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import Unprocessable
from piccolo_api_fastapi.users.identifiers import normal_email

from .faults import Refused

LONGEST_SUBJECT = 255
"""OpenID Connect Core section 2: `sub` has at most 255 ASCII characters."""


@configured
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderIdentity:
    """
    The user as a provider describes them.

    ```python
    from piccolo_api_fastapi import ProviderIdentity

    identity = ProviderIdentity(subject="583231", email="ada@example.com", email_verified=True)
    ```

    Users are known by issuer and subject only. An address counts if the provider is an authority
    for it.

    Args:
        subject: The id of the user at the provider, which never changes. Never a name.
        email: The address.
        email_verified: Whether the provider is an authority for this address, and has verified it.
        name: The name of the user. It is a suggestion.
        issuer: The provider, if it has several, such as tenants. Default: its own `issuer`.
        amr: How the user authenticated there (RFC 8176).
    """

    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str = ""
    issuer: str = ""
    amr: tuple[str, ...] = ()

    def checked(self, issuer: str) -> "ProviderIdentity":
        """
        Return the identity in the form in which it is stored.

        Args:
            issuer: The issuer of a provider that has one.

        Raises:
            Refused: The subject can't be one.
        """
        subject: Any = self.subject
        if not is_subject(subject):
            raise Refused("subject")
        email = _normal(self.email)
        verified = self.email_verified is True and email is not None
        name = "".join(filter(str.isprintable, self.name))[:LONGEST_SUBJECT]
        return replace(
            self,
            issuer=self.issuer or issuer,
            email=email,
            email_verified=verified,
            name=name,
        )


def is_subject(value: object) -> bool:
    """Whether a value can be a subject: 1 to 255 visible ASCII characters."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST_SUBJECT
        and value.isascii()
        and value.isprintable()
    )


def _normal(email: object) -> str | None:
    try:
        return normal_email(email) if isinstance(email, str) else None
    except Unprocessable:
        return None


@dataclass(frozen=True, slots=True)
class Tokens:
    """
    The answer of a token endpoint (RFC 6749 section 5.1). It is never stored.

    Args:
        access_token: The access token.
        id_token: The ID token; empty if there is none.
        scopes: The scopes that were granted, if the provider says so.
        answer: The whole answer.
    """

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    scopes: frozenset[str]
    answer: Mapping[str, Any] = field(repr=False)
