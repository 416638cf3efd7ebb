"""Routes to get, refresh and revoke tokens, to list signed-in apps, and for the public keys."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.openapi import issues_tokens
from piccolo_api_fastapi.core.http.parsing import no_body
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.route import PublicRoute
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import (
    AuthError,
    ConfigurationError,
    EmailNotVerified,
    GrantRefused,
    HasherBusy,
    InsufficientScope,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    MFARequired,
    NotFound,
    TooManyRequests,
    UnsupportedGrantType,
)
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.captcha import captcha_attempt, checks_captcha
from piccolo_api_fastapi.login.consistency import logs_in
from piccolo_api_fastapi.login.second_step import add_second_step
from piccolo_api_fastapi.schemes.schemas import SignOutIn
from piccolo_api_fastapi.schemes.sign_out import signing_out
from piccolo_api_fastapi.users import UserT

from . import queries
from .dependencies import JWTAuth
from .introspection import add_introspection
from .issuing import TAG, asked
from .route import TokenRoute
from .schemas import FamilyOut, JWKSet, RevocationForm, TokenForm, TokenOut
from .websocket_router import add_websocket_tickets

Captcha: TypeAlias = Callable[[Request], Awaitable[None]]

GrantType: TypeAlias = Callable[[Request, Response, TokenForm], Awaitable[Any]]
"""Exchanges what a token request presents for the body with a token pair."""


@configured
def jwt_router(
    jwt: JWTAuth[UserT],
    login: Login[UserT] | None = None,
    *,
    captcha: Captcha | None = None,
    guard: Guard[UserT] | None = None,
    introspection: Callable[..., Any] | None = None,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make the routes `POST /token`, `POST /token/revoke`, `GET /token/families`,
    `DELETE /token/families/{id}` and `DELETE /token/families`; with asymmetric keys also
    `GET /.well-known/jwks.json`, with second factors `POST /token/mfa` and
    `POST /token/mfa/send`, and with `JWTAuth(websocket_tickets=…)` `POST /token/ws-ticket`.

    ```python
    import os
    from fastapi import FastAPI
    from piccolo_api_fastapi import JWTAuth, jwt_router

    app = FastAPI()
    app.include_router(jwt_router(JWTAuth(secret=os.environ["JWT_SECRET"])), prefix="/auth")
    ```

    Args:
        jwt: The scheme that issues the tokens.
        login: The login that checks passwords and second factors. Default: one for the same users.
        captcha: A `Captcha`, or any other callable that may refuse a request, called before each
            password is checked.
        guard: The guard of the routes that list and end apps, such as a `require(…)`. Default:
            `jwt`.
        introspection: The guard of the services that may ask about tokens at
            `POST /token/introspect`, such as `StaticTokens`. Default: there is no such route.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of `jwt`.

    Raises:
        ConfigurationError: `jwt` and `login` have different user tables.
    """
    login = login or Login(jwt.users)
    if login.users.table is not jwt.users.table:
        raise ConfigurationError("jwt and login must have the same user table.")
    parts: dict[str, Any] = {
        "users": jwt.users.table,
        "prefix": prefix_of(operation_prefix, jwt),
    }
    router = AuthRouter(**parts, tag=TAG)
    tokens = AuthRouter(**parts, route_class=TokenRoute)
    _add_token(tokens, jwt, login, captcha)
    add_second_step(tokens, login, jwt.issuing)
    _add_revocation(tokens, jwt)
    if introspection is not None:
        add_introspection(tokens, jwt, introspection)
    router.include_router(tokens)
    _add_families(router, jwt, in_person(guard or jwt))
    if jwt.websocket_tickets is not None:
        add_websocket_tickets(router, jwt, jwt.websocket_tickets)
    if jwt.keys.jwks()["keys"]:
        public = AuthRouter(**parts, route_class=PublicRoute)
        _add_jwks(public, jwt)
        router.include_router(public)
    return router


def _add_token(
    router: APIRouter, jwt: JWTAuth[Any], login: Login[Any], captcha: Captcha | None
) -> None:
    grant_types = {
        "password": _by_password(jwt, login, captcha),
        "refresh_token": _by_refresh_token(jwt),
    }

    @router.post(
        "/token",
        operation_id="create_token",
        summary="Get or refresh tokens",
        response_model_exclude_none=True,
        responses=shared_responses(
            *getattr(captcha, "documented_errors", ()),
            InvalidRequest,
            InvalidGrant,
            InvalidScope,
            UnsupportedGrantType,
            GrantRefused,
            EmailNotVerified,
            *([MFARequired] if login.factors else []),
            TooManyRequests,
            HasherBusy,
        ),
    )
    @logs_in(login, issues="tokens")
    @checks_captcha(captcha)
    @issues_tokens(jwt.scheme_name)
    async def create_token(
        request: Request, response: Response, form: Annotated[TokenForm, Form()]
    ) -> TokenOut:
        """Exchange a password or a refresh token for an access token (RFC 6749)."""
        exchange = grant_types.get(form.grant_type)
        if exchange is None:
            raise UnsupportedGrantType
        body: TokenOut = await exchange(request, response, form)
        return body


def _by_password(jwt: JWTAuth[Any], login: Login[Any], captcha: Captcha | None) -> GrantType:
    """RFC 6749 section 4.3."""

    async def exchange(request: Request, response: Response, form: TokenForm) -> Any:
        if captcha is not None:
            async with captcha_attempt(request, login.limits):
                await captcha(request)
        if form.username is None or form.password is None:
            raise InvalidRequest("The grant type password needs username and password.")
        password, client = form.password.get_secret_value(), login.client(request)
        outcome = await login.start(
            form.username, password, client, channel="token", **asked(request, form)
        )
        return await jwt.issuing.answer(login, request, response, outcome)

    return exchange


def _by_refresh_token(jwt: JWTAuth[Any]) -> GrantType:
    """RFC 6749 section 6."""

    async def exchange(request: Request, _: Response, form: TokenForm) -> Any:
        if form.refresh_token is None:
            raise InvalidRequest("The grant type refresh_token needs refresh_token.")
        pair = await jwt.refresh(form.refresh_token.get_secret_value(), form.scope)
        return TokenOut.of(pair, request)

    return exchange


def _add_revocation(router: APIRouter, jwt: JWTAuth[Any]) -> None:
    @router.post(
        "/token/revoke",
        operation_id="revoke_token",
        summary="Revoke a token",
        responses=shared_responses(InvalidRequest),
    )
    async def revoke_token(request: Request, form: Annotated[RevocationForm, Form()]) -> None:
        """
        End the family of a refresh or access token (RFC 7009). An unknown token gets the same
        response. If the request is authenticated, only the caller's own tokens are revoked.
        """
        try:
            caller = await jwt.find(request)
        except AuthError:
            # A client whose access token has expired can still sign out.
            caller = None
        user = caller.user if caller else None
        await jwt.revoke(form.token.get_secret_value(), user=user)


def _add_families(router: APIRouter, jwt: JWTAuth[Any], person: InPerson[Any]) -> None:
    @router.get(
        "/token/families",
        operation_id="list_families",
        summary="List my apps",
    )
    async def list_families(
        identity: Annotated[Identity[Any], Depends(person.identity)],
    ) -> list[FamilyOut]:
        """List the apps in which you are signed in, newest first."""
        rows = await queries.live(jwt.own, primary_key(identity.user), jwt.users.clock())
        return [FamilyOut.of(row, identity.credential_id) for row in rows]

    @router.delete(
        "/token/families/{family_id}",
        operation_id="end_family",
        summary="Sign one app out",
        status_code=204,
        responses=shared_responses(NotFound),
    )
    async def end_family(
        identity: Annotated[Identity[Any], Depends(person.identity)], family_id: UUID
    ) -> None:
        """Sign one app out: its refresh and access tokens stop working at once."""
        user, now = primary_key(identity.user), jwt.users.clock()
        await queries.end(jwt.own, user, family_id, now)

    @router.delete(
        "/token/families",
        operation_id="end_other_families",
        summary="Sign all other apps out",
        status_code=204,
        responses=shared_responses(InsufficientScope),
    )
    async def end_other_families(
        identity: Annotated[Identity[Any], Depends(person.identity)],
        also: Annotated[SignOutIn, Query()],
        _: Annotated[None, Depends(no_body)],
    ) -> None:
        """
        Sign all your apps out but this one. Your sessions in browsers, your API tokens and apps
        of another audience do not end, unless `everything` is set.
        """
        user, now = primary_key(identity.user), jwt.users.clock()
        users, everything = jwt.users, also.everything
        async with signing_out(users, jwt.table, identity, everything=everything):
            await queries.end_others(jwt.own, user, identity.credential_id, now)


def _add_jwks(router: APIRouter, jwt: JWTAuth[Any]) -> None:
    @router.get(
        "/.well-known/jwks.json",
        operation_id="get_jwks",
        summary="Public keys",
    )
    async def get_jwks() -> JWKSet:
        """Get the public keys that verify access tokens (RFC 7517). They may be cached."""
        return JWKSet.model_validate(jwt.keys.jwks())
