"""What clients can read about the token endpoint and the API (RFC 8414 and RFC 9728)."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.route import PublicRoute
from piccolo_api_fastapi.core.http.router import AuthRouter

from .dependencies import JWTAuth
from .urls import checked_url, well_known

_TAG = tag("metadata", "Where clients find the token endpoint, and what it can do.")

_ISSUER = "https://api.example.com"


class AuthorizationServerOut(BaseModel):
    """The metadata of the token endpoint (RFC 8414 section 2)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "issuer": _ISSUER,
                    "token_endpoint": f"{_ISSUER}/auth/token",
                    "token_endpoint_auth_methods_supported": ["none"],
                    "revocation_endpoint": f"{_ISSUER}/auth/token/revoke",
                    "revocation_endpoint_auth_methods_supported": ["none"],
                    "grant_types_supported": ["password", "refresh_token"],
                    "response_types_supported": [],
                }
            ]
        }
    )

    issuer: str
    token_endpoint: str
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint: str | None = None
    introspection_endpoint_auth_methods_supported: list[str] | None = None
    jwks_uri: Annotated[str | None, Field(description="Only with asymmetric keys.")] = None
    grant_types_supported: list[str]
    response_types_supported: Annotated[
        list[str], Field(description="Empty: there is no authorization endpoint.")
    ]


class ProtectedResourceOut(BaseModel):
    """The metadata of the API (RFC 9728 section 2)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "resource": _ISSUER,
                    "authorization_servers": [_ISSUER],
                    "bearer_methods_supported": ["header"],
                }
            ]
        }
    )

    resource: str
    authorization_servers: list[str]
    bearer_methods_supported: list[str]


def metadata_router(
    jwt: JWTAuth[Any],
    *,
    url: str,
    introspection: bool = False,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make `GET /.well-known/oauth-authorization-server`, and if `jwt` has a `resource` also
    `GET /.well-known/oauth-protected-resource`.

    ```python
    import os
    from fastapi import FastAPI
    from piccolo_api_fastapi import JWTAuth, jwt_router, metadata_router

    site = "https://api.example.com"
    jwt = JWTAuth(secret=os.environ["JWT_SECRET"], issuer=site, resource=site)
    app = FastAPI()
    app.include_router(jwt_router(jwt), prefix="/auth")
    app.include_router(metadata_router(jwt, url=f"{site}/auth"))
    ```

    Include it without a prefix: clients derive the paths from the issuer and the resource.

    Args:
        jwt: The scheme that issues the tokens.
        url: The public URL of the prefix of `jwt_router`.
        introspection: Whether `jwt_router` has `introspection=`.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of `jwt`.

    Raises:
        ConfigurationError: The issuer of `jwt` or `url` is not a URL.
    """
    url = checked_url("url", url)
    server = _server(jwt, url, introspection=introspection)
    router = AuthRouter(
        users=jwt.users.table,
        prefix=prefix_of(operation_prefix, jwt),
        tag=_TAG,
        route_class=PublicRoute,
    )

    @router.get(
        _path_of(server.issuer, "oauth-authorization-server"),
        operation_id="get_authorization_server",
        summary="Metadata of the token endpoint",
        response_model_exclude_none=True,
    )
    async def get_authorization_server() -> AuthorizationServerOut:
        """Get the addresses and abilities of the token endpoint (RFC 8414)."""
        return server

    if jwt.resource is not None:
        _add_resource(router, jwt.resource.rstrip("/"), server.issuer)
    return router


def _server(jwt: JWTAuth[Any], url: str, *, introspection: bool) -> AuthorizationServerOut:
    has_keys = bool(jwt.keys.jwks()["keys"])
    return AuthorizationServerOut(
        issuer=checked_url("issuer", jwt.issuer),
        token_endpoint=f"{url}/token",
        token_endpoint_auth_methods_supported=["none"],
        revocation_endpoint=f"{url}/token/revoke",
        revocation_endpoint_auth_methods_supported=["none"],
        introspection_endpoint=f"{url}/token/introspect" if introspection else None,
        introspection_endpoint_auth_methods_supported=["Bearer"] if introspection else None,
        jwks_uri=f"{url}/.well-known/jwks.json" if has_keys else None,
        grant_types_supported=["password", "refresh_token"],
        response_types_supported=[],
    )


def _add_resource(router: APIRouter, resource: str, issuer: str) -> None:
    @router.get(
        _path_of(resource, "oauth-protected-resource"),
        operation_id="get_protected_resource",
        summary="Metadata of the API",
    )
    async def get_protected_resource() -> ProtectedResourceOut:
        """Get the address of the server that issues tokens for the API (RFC 9728)."""
        return ProtectedResourceOut(
            resource=resource,
            authorization_servers=[issuer],
            bearer_methods_supported=["header"],
        )


def _path_of(url: str, name: str) -> str:
    return urlsplit(well_known(url, name)).path
