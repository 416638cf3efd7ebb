"""Routes to make, see, rotate and revoke one's API tokens."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.access.requirements import require
from piccolo_api_fastapi.core.http.problems import responses
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    Conflict,
    InsufficientScope,
    NotFound,
    TokenLimitReached,
)
from piccolo_api_fastapi.users import UserT

from .dependencies import TokenAuth
from .queries import May
from .schemas import APITokenIn, APITokenOut, NewAPITokenOut


def token_router(
    token: TokenAuth[UserT], guard: Guard[UserT], *, within: timedelta | None = None
) -> APIRouter:
    """
    `GET /api-tokens`, `POST /api-tokens`, `POST /api-tokens/{id}/rotate` and
    `DELETE /api-tokens/{id}`.

    Args:
        token: The scheme whose tokens they are.
        guard: Lets people in who manage their tokens: a session, a JWT, or any of them. An
            API token is refused with 403, even if it is one of the schemes of the guard.
        within: How long ago the user presented a factor at most, to make or rotate a token.

    Raises:
        ConfigurationError: The two are for different user tables, `guard` lets only API
            tokens in, or `within` is no time.
    """
    for scheme in guard.schemes:
        users = getattr(scheme, "users", token.users)
        if users.table is not token.users.table:
            raise ConfigurationError("The API tokens and the guard are for different user tables.")
    router = APIRouter(route_class=AuthRoute, tags=["API tokens"])
    _add_own(router, token, in_person(guard, token))
    recent = guard if within is None else require(guard, within=within)
    _add_secrets(router, token, in_person(recent, token))
    return router


def _add_own(router: APIRouter, token: TokenAuth[Any], person: InPerson[Any]) -> None:
    @router.get(
        "/api-tokens",
        operation_id="list_api_tokens",
        summary="List my API tokens",
    )
    async def list_api_tokens(user: Annotated[Any, Depends(person)]) -> list[APITokenOut]:
        """The live tokens, the latest first, without their secrets."""
        return [APITokenOut.of(row) for row in await token.tokens_of(user)]

    @router.delete(
        "/api-tokens/{token_id}",
        operation_id="revoke_api_token",
        summary="Revoke one API token",
        status_code=204,
        responses=responses(NotFound),
    )
    async def revoke_api_token(user: Annotated[Any, Depends(person)], token_id: UUID) -> None:
        """End a token; the next request with it is refused."""
        await token.revoke(token_id, user=user)


def _add_secrets(router: APIRouter, token: TokenAuth[Any], person: InPerson[Any]) -> None:
    def confirmed(request: Request) -> May:
        async def may() -> frozenset[str]:
            return (await person.confirm(request)).scopes

        return may

    @router.post(
        "/api-tokens",
        operation_id="create_api_token",
        summary="Make an API token",
        status_code=201,
        responses=responses(InsufficientScope, TokenLimitReached),
    )
    async def create_api_token(
        user: Annotated[Any, Depends(person)], request: Request, wanted: APITokenIn
    ) -> NewAPITokenOut:
        """Make a token that may do no more than this request might; its secret is shown once."""
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
        responses=responses(InsufficientScope, NotFound, Conflict),
    )
    async def rotate_api_token(
        user: Annotated[Any, Depends(person)], request: Request, token_id: UUID
    ) -> NewAPITokenOut:
        """Give a token a new secret, and as long to live again. The old secret is dead at once."""
        new = await token.rotate(token_id, user=user, may=confirmed(request))
        return NewAPITokenOut.made(new.row, new.secret)
