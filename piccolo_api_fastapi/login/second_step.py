"""The routes of the second step of a login, which are the same for every scheme and way in."""

from typing import Any

from fastapi import APIRouter, Request, Response

from piccolo_api_fastapi.errors import (
    FactorDisabled,
    InvalidCode,
    InvalidTicket,
    LoginRefused,
    SecretUnreadable,
    TooManyRequests,
)

from .issuing import Issuing, takes
from .schemas import CredentialIn, FactorIn, MFAIn, OptionsOut, SecondStepIn, SendIn
from .service import Login


def add_second_step(router: APIRouter, login: Login[Any], issuing: Issuing) -> None:
    """
    Add the routes that present a second factor, if the login has any.

    Args:
        router: The router of the first step.
        login: The login.
        issuing: How the scheme signs users in.
    """
    if not login.factors:
        return
    _add_presentation(router, login, issuing)
    _add_sending(router, login, issuing)
    if login.takes_credentials:
        _add_options(router, login, issuing)


def _add_presentation(router: APIRouter, login: Login[Any], issuing: Issuing) -> None:
    errors = [InvalidTicket, InvalidCode, LoginRefused, FactorDisabled, TooManyRequests]

    @router.post(
        f"{issuing.path}/mfa",
        operation_id=f"{issuing.verb}_mfa",
        summary=f"{issuing.summary}: the second factor",
        dependencies=issuing.dependencies,
        response_model=issuing.completed,
        response_model_exclude_none=issuing.leaves_out_none,
        responses=issuing.responses(*errors, SecretUnreadable, *issuing.further_errors),
    )
    @takes(SecondStepIn if login.takes_credentials else MFAIn)
    async def present_factor(
        request: Request, response: Response, body: MFAIn | CredentialIn
    ) -> Any:
        """Complete the login with a code and the challenge from the first step."""
        proof = await login.finish(
            body.challenge.get_secret_value(),
            body.presented,
            login.client(request),
            method=body.method,
            channel=issuing.channel,
        )
        return await issuing.answer(login, request, response, proof)


def _add_sending(router: APIRouter, login: Login[Any], issuing: Issuing) -> None:
    @router.post(
        f"{issuing.path}/mfa/send",
        operation_id=f"send_{issuing.noun}_code",
        summary=f"{issuing.summary}: send a code",
        status_code=204,
        dependencies=issuing.dependencies,
        responses=issuing.responses(InvalidTicket, InvalidCode, TooManyRequests),
    )
    async def send_code(body: SendIn, request: Request) -> None:
        """Send a code to the user. It counts as one of the five attempts."""
        challenge, client = body.challenge.get_secret_value(), login.client(request)
        await login.send(challenge, body.method, client, channel=issuing.channel)


def _add_options(router: APIRouter, login: Login[Any], issuing: Issuing) -> None:
    @router.post(
        f"{issuing.path}/mfa/options",
        operation_id=f"begin_{issuing.noun}_credential",
        summary=f"{issuing.summary}: begin to present a passkey",
        dependencies=issuing.dependencies,
        responses=issuing.responses(InvalidTicket, InvalidCode, TooManyRequests),
    )
    async def begin_credential(body: FactorIn, request: Request) -> OptionsOut:
        """Get the options for the browser. It counts as one of the five attempts."""
        challenge, client = body.challenge.get_secret_value(), login.client(request)
        options = await login.begin(challenge, body.method, client, channel=issuing.channel)
        return OptionsOut(options=options)
