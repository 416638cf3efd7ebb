"""Routes to create, list, rotate and revoke one's own API tokens."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.access.step_up import RECENT
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.parsing import no_body
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    Conflict,
    InsufficientScope,
    NotFound,
    StepUpRequired,
    TokenLimitReached,
)
from piccolo_api_fastapi.users import UserT

from .dependencies import May, TokenAuth
from .schemas import APITokenIn, APITokenOut, NewAPITokenOut

_TAG = tag("API tokens", "Make, list and revoke API tokens, for scripts and services.")


@configured
def token_router(
    token: TokenAuth[UserT],
    guard: Guard[UserT],
    *,
    within: timedelta | None = RECENT,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make the routes `GET /api-tokens`, `POST /api-tokens`, `POST /api-tokens/{id}/rotate` and
    `DELETE /api-tokens/{id}`.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import SessionAuth, TokenAuth, token_router

    app = FastAPI()
    app.include_router(token_router(TokenAuth(), SessionAuth()), prefix="/auth")
    ```

    Args:
        token: The scheme of the tokens.
        guard: The guard of these routes, such as a `SessionAuth`, a `JWTAuth` or an `AnyOf`. API
            tokens are refused with 403, even if the guard accepts them.
        within: To create or rotate a token, the user must have presented a factor more recently
            than this; a second factor if the login had one. The default is five minutes; `None`
            asks for none.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of `token`.

    Raises:
        ConfigurationError: `token` and `guard` have different user tables, `guard` accepts only
            API tokens, or `within` is not positive.
    """
    for scheme in guard.schemes:
        users = getattr(scheme, "users", token.users)
        if users.table is not token.users.table:
            raise ConfigurationError("token and guard must have the same user table.")
    prefix = prefix_of(operation_prefix, token)
    router = AuthRouter(users=token.users.table, prefix=prefix, tag=_TAG)
    person = in_person(guard, token)
    _add_own(router, token, person)
    recent = in_person(guard, token, mfa=None, within=within) if within is not None else person
    _add_secrets(router, token, recent)
    return router


def _add_own(router: APIRouter, token: TokenAuth[Any], person: InPerson[Any]) -> None:
    @router.get(
        "/api-tokens",
        operation_id="list_api_tokens",
        summary="List my API tokens",
    )
    async def list_api_tokens(user: Annotated[Any, Depends(person)]) -> list[APITokenOut]:
        """List your live API tokens, newest first, without their secrets."""
        return [APITokenOut.of(row) for row in await token.tokens_of(user)]

    @router.delete(
        "/api-tokens/{token_id}",
        operation_id="revoke_api_token",
        summary="Revoke one API token",
        status_code=204,
        responses=shared_responses(NotFound),
    )
    async def revoke_api_token(user: Annotated[Any, Depends(person)], token_id: UUID) -> None:
        """Revoke a token; it stops working at once."""
        await token.revoke(token_id, user=user)


def _add_secrets(router: APIRouter, token: TokenAuth[Any], recent: InPerson[Any]) -> None:
    def confirmed(request: Request) -> May:
        async def may() -> frozenset[str]:
            return (await recent.confirm(request)).scopes

        return may

    @router.post(
        "/api-tokens",
        operation_id="create_api_token",
        summary="Make an API token",
        status_code=201,
        responses=shared_responses(StepUpRequired, InsufficientScope, TokenLimitReached),
    )
    async def create_api_token(
        user: Annotated[Any, Depends(recent)], request: Request, wanted: APITokenIn
    ) -> NewAPITokenOut:
        """Create a token with scopes that you have now. Its secret is shown only once."""
        says_when = "expires_at" in wanted.model_fields_set
        new = await token.create(
            user,
            wanted.name,
            scopes=wanted.scopes,
            expires_at=wanted.expires_at if says_when else "default",
            may=confirmed(request),
        )
        return NewAPITokenOut.made(new.row, new.secret)

    @router.post(
        "/api-tokens/{token_id}/rotate",
        operation_id="rotate_api_token",
        summary="Rotate one API token",
        responses=shared_responses(StepUpRequired, InsufficientScope, NotFound, Conflict),
    )
    async def rotate_api_token(
        user: Annotated[Any, Depends(recent)],
        request: Request,
        token_id: UUID,
        _: Annotated[None, Depends(no_body)],
    ) -> NewAPITokenOut:
        """Replace the secret of a token and restart its lifetime. The old secret stops working."""
        new = await token.rotate(token_id, user=user, may=confirmed(request))
        return NewAPITokenOut.made(new.row, new.secret)
