"""What is read from the answers of providers, whatever they send."""

import re
from collections.abc import Mapping
from typing import Any

from .faults import Down, Refused
from .identities import Tokens
from .web import is_secure

_SEPARATORS = re.compile(r"[ ,]+")


def tokens_in(answer: Mapping[str, Any]) -> Tokens:
    """
    Return the tokens in the answer of a token endpoint.

    Raises:
        Refused: There is no bearer token, or a member is of another type.
    """
    access_token, id_token = answer.get("access_token"), answer.get("id_token", "")
    kind, scope = answer.get("token_type"), answer.get("scope", "")
    is_bearer = isinstance(kind, str) and kind.lower() == "bearer"
    texts = (access_token, id_token, scope)
    if not is_bearer or not all(isinstance(text, str) for text in texts) or not access_token:
        raise Refused("tokens")
    if not access_token.isascii() or not access_token.isprintable():
        raise Refused("tokens")
    scopes = frozenset(filter(None, _SEPARATORS.split(scope)))
    return Tokens(access_token, id_token, scopes, answer)


def text(value: object) -> str:
    """Return a text, or an empty one for a value of another type."""
    return value if isinstance(value, str) else ""


def is_true(value: object) -> bool:
    """Whether a claim is true. Some providers send it as text."""
    return value is True or value == "true"


def secure(url: object) -> str:
    """
    Return an address of a provider.

    Raises:
        Down: It is not https.
    """
    if not isinstance(url, str) or not is_secure(url):
        raise Down("insecure-address")
    return url
