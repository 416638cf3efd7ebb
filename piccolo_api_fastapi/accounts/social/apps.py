"""The route by which an app exchanges its ticket for tokens."""

from typing import Any

from fastapi import APIRouter, Request, Response

from piccolo_api_fastapi.errors import (
    InvalidCredentials,
    InvalidTicket,
    LoginRefused,
    MFARequired,
    TooManyRequests,
)
from piccolo_api_fastapi.login.consistency import logs_in
from piccolo_api_fastapi.login.issuing import SignsIn, login_router
from piccolo_api_fastapi.login.service import Login

from .entrances import OAUTH
from .schemas import AppTicketIn
from .service import SocialLogin


def app_router(social: SocialLogin[Any], login: Login[Any], jwt: SignsIn, tag: str) -> APIRouter:
    """
    Make `POST /token/oauth`.

    Args:
        social: The log-ins with providers.
        login: The login that follows.
        jwt: The tokens of apps.
        tag: The tag of the operation.

    Raises:
        ConfigurationError: They have different user tables.
    """
    router, issuing = login_router(jwt, login, None, tag), jwt.issuing

    @router.post(
        f"{issuing.path}/oauth",
        operation_id=f"{issuing.verb}_oauth",
        summary=f"{issuing.summary} with the ticket of a login with a provider",
        dependencies=issuing.dependencies,
        response_model=issuing.started,
        response_model_exclude_none=issuing.leaves_out_none,
        responses=issuing.responses(
            InvalidTicket,
            InvalidCredentials,
            LoginRefused,
            TooManyRequests,
            MFARequired,
            *issuing.further_errors,
        ),
    )
    @logs_in(login, factor=OAUTH, issues=issuing.issues)
    @issuing.body(AppTicketIn)
    async def redeem_ticket(request: Request, response: Response, body: AppTicketIn) -> Any:
        """Exchange the ticket that the app was sent, once and within a minute."""
        client, asked = login.client(request), issuing.asked(request, body)
        ticket, verifier = body.ticket.get_secret_value(), body.code_verifier.get_secret_value()
        async with login.proving(OAUTH, client):
            entrant = await social.entrances.redeem(ticket, verifier)
            outcome = await social.entrances.enter(
                login, entrant, client, channel=issuing.channel, **asked
            )
        return await issuing.answer(login, request, response, outcome)

    return router
