"""How tokens sign users in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, Field

from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.errors import InvalidRequest, InvalidScope, MFARequired
from piccolo_api_fastapi.login import Challenge, Login
from piccolo_api_fastapi.login.issuing import Issuing
from piccolo_api_fastapi.users import Proof

from .client_names import client_id_of
from .route import GRANT_ERRORS, TokenRoute
from .schemas import Absent, TokenOut

if TYPE_CHECKING:
    from .dependencies import JWTAuth

TAG = tag("tokens", "Get, refresh and revoke the tokens of apps.")


class TokenIn(BaseModel):
    """What an app asks for when it logs a user in."""

    scope: str = Field(
        default_factory=str,
        description="The requested scopes, separated by spaces. Default: all.",
    )
    client_id: Annotated[
        str | Absent, Field(description="The name of the client, for the claim `client_id`.")
    ] = None


def asked(request: Request, body: Any) -> Mapping[str, str]:
    """Read what an app asks for."""
    return {"scope": body.scope, "client_id": client_id_of(request, body.client_id)}


def issuing_of(jwt: "JWTAuth[Any]") -> Issuing:
    """Describe how a scheme signs apps in."""

    async def answer(
        _: Login[Any], request: Request, response: Response, outcome: Proof[Any] | Challenge
    ) -> TokenOut:
        if isinstance(outcome, Challenge):
            raise MFARequired(outcome.token, outcome.methods, outcome.expires_in)
        return TokenOut.of(await jwt.sign_in(request, response, outcome), request)

    return Issuing(
        channel="token",
        issues="tokens",
        path="/token",
        verb="create_token",
        noun="token",
        summary="Get tokens",
        answer=answer,
        started=TokenOut,
        completed=TokenOut,
        tag=TAG,
        route_class=TokenRoute,
        errors=GRANT_ERRORS,
        further_errors=(InvalidRequest, InvalidScope),
        leaves_out_none=True,
        asks=TokenIn,
        asked=asked,
    )
