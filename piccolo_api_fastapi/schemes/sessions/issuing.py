"""How a session signs users in."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from fastapi import Depends, Request, Response
from pydantic import Field

from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.login import (
    Challenge,
    EnrolmentRequiredOut,
    Login,
    MFARequiredOut,
    SignedIn,
    UserOut,
)
from piccolo_api_fastapi.login.issuing import Issuing
from piccolo_api_fastapi.users import Proof

if TYPE_CHECKING:
    from .dependencies import SessionAuth

LoggedIn: TypeAlias = Annotated[
    SignedIn | MFARequiredOut | EnrolmentRequiredOut, Field(discriminator="status")
]

TAG = tag("sessions", "Log in and out in a browser, and list and end sessions.")


def issuing_of(session: "SessionAuth[Any]") -> Issuing:
    """Describe how a scheme signs browsers in."""

    async def answer(
        login: Login[Any], request: Request, response: Response, outcome: Proof[Any] | Challenge
    ) -> LoggedIn:
        if isinstance(outcome, Challenge):
            return MFARequiredOut.of(outcome, request)
        await session.sign_in(request, response, outcome)
        await login.remember(outcome.user, request, response)
        if outcome.is_enrolling:
            return EnrolmentRequiredOut.of(outcome.user, request)
        return SignedIn(user=UserOut.of(outcome.user))

    return Issuing(
        channel="session",
        issues="session",
        path="/login",
        verb="log_in",
        noun="login",
        summary="Log in",
        answer=answer,
        started=LoggedIn,
        completed=SignedIn,
        tag=TAG,
        dependencies=(Depends(session.csrf),),
    )
