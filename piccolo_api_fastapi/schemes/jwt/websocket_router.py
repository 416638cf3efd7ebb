"""`POST /token/ws-ticket`: a ticket that opens one WebSocket."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.http.bodies import ResponseBody
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import TooManyRequests

from .dependencies import JWTAuth
from .websocket_tickets import WebSocketTickets


class WebSocketTicketOut(ResponseBody):
    """A ticket for one WebSocket."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ticket": "tkt_…", "expires_in": 30}]}
    )

    ticket: Annotated[
        str, Field(description="For the subprotocols or the query parameter `ticket`, once.")
    ]
    expires_in: Annotated[int, Field(description="The lifetime of the ticket in seconds.")]


def add_websocket_tickets(router: APIRouter, jwt: JWTAuth[Any], tickets: WebSocketTickets) -> None:
    """
    Add the route.

    Args:
        router: The router of the scheme.
        jwt: The scheme whose access tokens get tickets.
        tickets: Its tickets.
    """

    @router.post(
        "/token/ws-ticket",
        operation_id="create_websocket_ticket",
        summary="Get a ticket for a WebSocket",
        responses=shared_responses(TooManyRequests),
    )
    async def create_websocket_ticket(
        identity: Annotated[Identity[Any], Depends(jwt.identity)],
    ) -> WebSocketTicketOut:
        """
        Get a ticket that opens one WebSocket, for browsers, which can't send the header. It has
        the scopes of the access token, and is worthless once the app is signed out.
        """
        async with store():
            ticket = await tickets.issue(identity)
        return WebSocketTicketOut(ticket=ticket, expires_in=int(tickets.lifetime.total_seconds()))
