"""`POST /token/introspect`: whether an access token is still valid (RFC 7662)."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import InvalidRequest, InvalidToken

from .dependencies import JWTAuth


class IntrospectionForm(BaseModel):
    """RFC 7662 section 2.1. Other parameters are ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "eyJhbGciOiJIUzI1NiIs…"}]})

    token: Annotated[SecretStr, Field(min_length=1, description="An access token.")]


class IntrospectionOut(BaseModel):
    """What a token says, if it is active; otherwise only that it is not (RFC 7662 section 2.2)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    active: bool
    scope: Annotated[
        str | None, Field(description="The scopes that the token has now, separated by spaces.")
    ] = None
    client_id: str | None = None
    username: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None
    sid: Annotated[str | None, Field(description="The id of the signed-in app.")] = None
    auth_time: int | None = None
    acr: str | None = None
    amr: list[str] | None = None


def add_introspection(router: APIRouter, jwt: JWTAuth[Any], guard: Callable[..., Any]) -> None:
    """
    Add the route.

    Args:
        router: The router of the token endpoint.
        jwt: The scheme that issued the tokens.
        guard: The dependency that admits the services that may ask.
    """

    @router.post(
        "/token/introspect",
        operation_id="introspect_token",
        summary="Ask about a token",
        response_model_exclude_none=True,
        responses=shared_responses(InvalidRequest),
    )
    async def introspect_token(
        form: Annotated[IntrospectionForm, Form()], _: Annotated[Any, Depends(guard)]
    ) -> IntrospectionOut:
        """
        Tell a service whether an access token is still valid (RFC 7662): a logout ends it at
        once. Any other token, a refresh token included, is not active.
        """
        return await introspect(jwt, form.token.get_secret_value())


async def introspect(jwt: JWTAuth[Any], token: str) -> IntrospectionOut:
    """Look up what an access token says, and what it may do now."""
    try:
        claims = jwt.decode(token)
        async with store():
            identity = await jwt.identity_of(claims)
    except InvalidToken:
        return IntrospectionOut(active=False)
    if identity.is_enrolling:
        return IntrospectionOut(active=False)
    return IntrospectionOut(
        active=True,
        scope=" ".join(sorted(identity.scopes)),
        client_id=claims.client_id or None,
        username=identity.user.username,
        token_type="Bearer",  # noqa: S106 - no secret
        exp=int(claims.expires_at.timestamp()),
        iat=int(claims.issued_at.timestamp()),
        sub=claims.subject,
        aud=jwt.audience,
        iss=jwt.issuer,
        jti=claims.token_id,
        sid=claims.family,
        auth_time=int(identity.authenticated_at.timestamp()),
        acr=claims.acr,
        amr=list(claims.amr),
    )
