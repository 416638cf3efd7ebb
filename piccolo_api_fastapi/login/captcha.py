"""CAPTCHAs of logins, which count against the limit of the address before a vendor is called."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, Request, params
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.http.client import client_info
from piccolo_api_fastapi.core.http.middleware import status_of
from piccolo_api_fastapi.core.http.public_routes import CallableT, marked
from piccolo_api_fastapi.rate_limiting import RateLimit
from piccolo_api_fastapi.rate_limiting.attempts import NOT_TRIED

from .limits import Attempt, LoginLimits

_CAPTCHA = "__piccolo_api_fastapi_captcha__"

WITHOUT_ADDRESS = RateLimit("20/minute", scope="login: captcha without address", on_error="deny")
"""
The limit of wrong CAPTCHAs of all clients whose address is unknown. It is refilled soon, because
a stranger who uses it up keeps the others out.
"""


def checks_captcha(captcha: Callable[..., Any] | None) -> Callable[[CallableT], CallableT]:
    """Mark an endpoint that checks a CAPTCHA itself, for `captcha_of`."""
    return marked(_CAPTCHA, captcha)


def captcha_of(endpoint: object) -> object:
    """Return the CAPTCHA that an endpoint checks itself, if it is marked."""
    return getattr(endpoint, _CAPTCHA, None)


@asynccontextmanager
async def captcha_attempt(
    connection: HTTPConnection, limits: LoginLimits
) -> AsyncIterator[Attempt]:
    """
    Charge the address of a client before a CAPTCHA is checked; see `LoginLimits.attempt`.

    Otherwise strangers could make any number of calls to the vendor.

    Args:
        connection: The request.
        limits: The limits of the login.
    """
    network = client_info(connection).network
    async with limits.attempt(address=network) as attempt:
        if network is None and limits.address is not None:
            await attempt.charge(WITHOUT_ADDRESS, "everybody")
        yield attempt


def captcha_dependencies(
    captcha: Callable[..., Any] | None, limits: LoginLimits
) -> list[params.Depends]:
    """
    Return the dependencies of a login that check its CAPTCHA.

    The address is charged before the CAPTCHA is checked, and refunded if it was solved.

    Args:
        captcha: A `Captcha`, or any other dependency that may refuse a login.
        limits: The limits of the login.
    """
    if captcha is None:
        return []

    async def charge(request: Request) -> AsyncIterator[Attempt]:
        async with captcha_attempt(request, limits) as attempt:
            attempt.keep_charges()
            yield attempt
            if status_of(request.scope) in NOT_TRIED:
                await attempt.refund()

    async def refund(attempt: Annotated[Attempt, Depends(charge)]) -> None:
        await attempt.refund()

    return [Depends(charge), Depends(captcha), Depends(refund)]
