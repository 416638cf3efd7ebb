"""Tickets for the WebSockets of browsers, which can't send an `Authorization` header."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Scope

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.errors import ConfigurationError, InvalidTicket, InvalidToken
from piccolo_api_fastapi.login.tickets import TICKET_PREFIX, Tickets
from piccolo_api_fastapi.rate_limiting import RateLimit
from piccolo_api_fastapi.users import Users

from .access_tokens import Claims

LONGEST = timedelta(seconds=60)

BY_USER = RateLimit("600/hour", scope="websocket tickets", on_error="local")
"""The tickets of a user, so that nobody fills the database with them."""

_PRESENTED = "piccolo_api_fastapi.websocket_tickets"
_PARAMETER = b"ticket="
_IN_QUERY = _PARAMETER + TICKET_PREFIX.encode()


class WebSocketTickets:
    """
    The tickets of one scheme: each opens one WebSocket, while the app is still signed in.

    Args:
        users: The users of the scheme.
        issuer: The issuer of its access tokens.
        audience: The audience of its access tokens.
        lifetime: The lifetime of a ticket, 1 to 60 seconds.

    Raises:
        ConfigurationError: The lifetime is out of range.
    """

    def __init__(self, users: Users[Any], issuer: str, audience: str, lifetime: timedelta) -> None:
        if not timedelta(seconds=1) <= lifetime <= LONGEST:
            raise ConfigurationError("websocket_tickets must be 1 to 60 seconds, or None.")
        # No scheme uses up the tickets of another.
        scheme = hashlib.sha256(json.dumps([issuer, audience]).encode()).hexdigest()[:24]
        self._tickets = Tickets(users, f"socket {scheme}", lifetime=lifetime, attempts=1)
        self._limit_key = users.table._meta.tablename
        self.lifetime = lifetime

    async def issue(self, identity: Identity[Any]) -> str:
        """
        Issue a ticket to the caller of a request. It has the scopes of the access token.

        Args:
            identity: The caller.

        Raises:
            TooManyRequests: The user was issued too many tickets.
            InvalidCredentials: The user was deleted meanwhile.
        """
        user = primary_key(identity.user)
        await BY_USER.hit(f"{self._limit_key} {user}")
        data = json.dumps([str(identity.credential_id), sorted(identity.scopes)])
        return await self._tickets.issue(user, data)

    async def use(self, ticket: str) -> Claims:
        """
        Use a ticket up, by one statement. Of several callers at once, one succeeds.

        Returns:
            The claims of the access token, as far as they matter: the user, the family and the
            scopes.

        Raises:
            InvalidToken: The ticket is unknown, used or expired, or of another scheme.
        """
        try:
            row = await self._tickets.present(ticket)
        except InvalidTicket:
            raise InvalidToken from None
        family, scopes = json.loads(row.data)
        return Claims(
            subject=str(row.user),
            family=family,
            token_id=str(row.id),
            issued_at=row.created_at,
            expires_at=row.expires_at,
            scopes=frozenset(scopes),
        )


def presented(connection: HTTPConnection) -> tuple[str, ...]:
    """
    Return the tickets of a handshake, usually one or none. An HTTP request has none.

    They are taken out of the scope's query and of its subprotocols, so that neither an access log
    nor an endpoint that accepts the first subprotocol repeats them.
    """
    scope = connection.scope
    if scope["type"] != "websocket":
        return ()
    if _PRESENTED not in scope:
        scope[_PRESENTED] = tuple(_from_subprotocols(scope) + _from_query(scope))
    found: tuple[str, ...] = scope[_PRESENTED]
    return found


def _from_subprotocols(scope: Scope) -> list[str]:
    # Not from the header, which some servers leave out.
    offered: list[str] = list(scope.get("subprotocols", ()))
    scope["subprotocols"] = [name for name in offered if not name.startswith(TICKET_PREFIX)]
    return [name for name in offered if name.startswith(TICKET_PREFIX)]


def _from_query(scope: Scope) -> list[str]:
    parts: list[bytes] = scope["query_string"].split(b"&")
    found = [part for part in parts if part.startswith(_IN_QUERY)]
    scope["query_string"] = b"&".join(part for part in parts if not part.startswith(_IN_QUERY))
    return [part.removeprefix(_PARAMETER).decode("latin-1") for part in found]
