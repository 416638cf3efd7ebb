"""Who is calling, and from where."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar

from piccolo.apps.user.tables import BaseUser
from starlette.requests import HTTPConnection

from .client_address import client_address_of
from .errors import InsufficientScope, InvalidRequest, InvalidToken
from .factors import Factors

UserT = TypeVar("UserT", bound=BaseUser)

USER_AGENT_LENGTH = 255

SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""One scope (RFC 6749 appendix A.4)."""

NEVER = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""When somebody last proved who they are, for a credential that proves nobody's presence."""


@dataclass(frozen=True, slots=True)
class Identity(Generic[UserT]):
    """
    An authenticated caller.

    Args:
        user: The row of the user.
        scheme: The name of the scheme, as OpenAPI shows it.
        credential_id: Which credential: the id of the session or of the refresh family.
        scopes: What this credential may do, never more than its user may now.
        authenticated_at: When the user last proved who they are (`auth_time`).
        factors: Which factors were presented to this credential, and when.
        is_enrolling: Whether it is good for enrolling a second factor and nothing else.
    """

    user: UserT
    scheme: str
    credential_id: Any
    scopes: frozenset[str]
    authenticated_at: datetime
    factors: Factors = field(default_factory=dict)
    is_enrolling: bool = False


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """
    Where a request comes from, as it is recorded.

    Args:
        ip: The address of the client, if it has one; see `ClientAddress`.
        user_agent: At most 255 characters, without control characters.
        network: The address as limits count it: of IPv6 the network.
        device: The digest of the token of a known browser, if it sent one; see `KnownDevices`.
    """

    ip: str | None = None
    user_agent: str | None = None
    network: str | None = None
    device: str | None = field(default=None, repr=False)


def client_info(connection: HTTPConnection) -> ClientInfo:
    """What is recorded of the client of a request."""
    agent = connection.headers.get("user-agent")
    if agent is not None:
        agent = "".join(c if c.isprintable() else "?" for c in agent[:USER_AGENT_LENGTH])
    address = client_address_of(connection)
    return ClientInfo(address.find(connection), agent, address.client(connection))


def bearer_token(connection: HTTPConnection) -> str | None:
    """
    The token of `Authorization: Bearer …` (RFC 6750 section 2.1), or `None`.

    Raises:
        InvalidRequest: There are two `Authorization` headers.
        InvalidToken: The scheme is there and the token is not.
    """
    values = connection.headers.getlist("authorization")
    if len(values) > 1:
        msg = "There are two Authorization headers."
        raise InvalidRequest(msg, headers={"WWW-Authenticate": 'Bearer error="invalid_request"'})
    scheme, _, token = (values[0] if values else "").partition(" ")
    if scheme.casefold() != "bearer":
        return None
    if not (token := token.strip(" ")):
        raise InvalidToken
    return token


def check_scopes(granted: frozenset[str], needed: Iterable[str]) -> None:
    """
    Refuse a caller who lacks a scope.

    Raises:
        InsufficientScope: One is missing.
    """
    wanted = tuple(needed)
    if not granted.issuperset(wanted):
        raise InsufficientScope(wanted)
