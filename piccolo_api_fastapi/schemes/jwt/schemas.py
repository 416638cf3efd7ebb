"""The forms and responses of the token endpoint (RFC 6749), and the JSON of families."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.http.bodies import ResponseBody
from piccolo_api_fastapi.core.http.operations import NextStep, next_step
from piccolo_api_fastapi.errors import TO_ENROL

from .tables import RefreshFamily
from .token_pairs import TokenPair

Absent: TypeAlias = SkipJsonSchema[None]
"""The value of a parameter or a member that was not sent. There is no null."""


class TokenForm(BaseModel):
    """RFC 6749 sections 4.3.2 and 6. Unknown parameters are ignored (section 3.2)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"grant_type": "password", "username": "ada", "password": "correct horse battery"},
                {"grant_type": "refresh_token", "refresh_token": "rt_…"},
            ],
            "if": {"properties": {"grant_type": {"const": "password"}}},
            "then": {"required": ["username", "password"]},
            "else": {"required": ["refresh_token"]},
        }
    )

    grant_type: Annotated[str, Field(min_length=1, description="`password` or `refresh_token`.")]
    username: Annotated[
        str | Absent, Field(description="For `password`: the username or the e-mail address.")
    ] = None
    password: Annotated[SecretStr | Absent, Field(description="For `password`.")] = None
    refresh_token: Annotated[SecretStr | Absent, Field(description="For `refresh_token`.")] = None
    client_id: Annotated[
        str | Absent, Field(description="The name of the client, for the claim `client_id`.")
    ] = None
    scope: str = Field(  # without a default in OpenAPI: TypeScript would require it
        default_factory=str,
        description="The requested scopes, separated by spaces. Default: all.",
    )


class RevocationForm(BaseModel):
    """RFC 7009 section 2.1."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "rt_…"}]})

    token: Annotated[SecretStr, Field(min_length=1, description="A refresh or an access token.")]
    token_type_hint: Annotated[str | Absent, Field(description="Ignored.")] = None


class TokenOut(ResponseBody):
    """RFC 6749 section 5.1."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJIUzI1NiIs…",
                    "token_type": "Bearer",
                    "expires_in": 900,
                    "refresh_token": "rt_…",
                    "scope": "admin",
                    "status": "signed_in",
                },
                {
                    "access_token": "eyJhbGciOiJIUzI1NiIs…",
                    "token_type": "Bearer",
                    "expires_in": 900,
                    "refresh_token": "rt_…",
                    "scope": "account",
                    "status": "mfa_enrolment_required",
                    "next": {"action": "enrol_factor", "href": "/auth/mfa/totp"},
                },
            ]
        }
    )

    left_out = frozenset({"next"})

    access_token: Annotated[str, Field(description="A JWT, for the `Authorization` header.")]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no secret
    expires_in: Annotated[int, Field(description="The lifetime of the access token in seconds.")]
    refresh_token: Annotated[str, Field(description="For one refresh.")]
    scope: Annotated[str, Field(description="The granted scopes, separated by spaces.")]
    status: Annotated[
        Literal["signed_in", "mfa_enrolment_required"],
        Field(description="`mfa_enrolment_required` if the token can only enrol a second factor."),
    ] = "signed_in"
    next: NextStep | Absent = None

    @classmethod
    def of(cls, pair: TokenPair, request: HTTPConnection) -> "TokenOut":
        """The response for a token pair, which is the answer to a request."""
        return cls(
            next=next_step(request.scope, TO_ENROL) if pair.is_enrolling else None,
            access_token=pair.access_token,
            expires_in=pair.expires_in,
            refresh_token=pair.refresh_token,
            scope=" ".join(sorted(pair.scopes)),
            status="mfa_enrolment_required" if pair.is_enrolling else "signed_in",
        )


class FamilyOut(ResponseBody):
    """One signed-in app."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "7f3c2b9e-4d2a-4c56-9a44-1b0f6f1f2a3b",
                    "current": True,
                    "created_at": "2026-11-23T09:00:00Z",
                    "refreshed_at": "2026-11-23T09:30:00Z",
                    "expires_at": "2026-12-23T09:00:00Z",
                    "scope": "admin",
                    "ip": "203.0.113.7",
                    "user_agent": "MyApp/1.0",
                }
            ]
        }
    )

    id: UUID
    current: Annotated[bool, Field(description="Whether this is the app of the request.")]
    created_at: Annotated[datetime, Field(description="When the app signed in.")]
    refreshed_at: Annotated[datetime, Field(description="When it last refreshed its tokens.")]
    expires_at: Annotated[datetime, Field(description="When it must sign in again.")]
    scope: Annotated[str, Field(description="The scopes of the app, separated by spaces.")]
    ip: Annotated[str | None, Field(description="The IP address at sign-in.")]
    user_agent: Annotated[str | None, Field(description="The `User-Agent` at sign-in.")]

    @classmethod
    def of(cls, row: RefreshFamily, current: UUID) -> "FamilyOut":
        """The family of a row; `current` is the id of the caller's own."""
        return cls(
            id=row.id,
            current=row.id == current,
            created_at=row.created_at,
            refreshed_at=row.rotated_at,
            expires_at=row.expires_at,
            scope=row.scope,
            ip=row.ip,
            user_agent=row.user_agent,
        )


class JWK(BaseModel):
    """One public key (RFC 7517)."""

    model_config = ConfigDict(extra="allow")

    kty: str
    kid: str
    alg: str
    use: str


class JWKSet(ResponseBody):
    """The public keys (RFC 7517 section 5)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "keys": [
                        {
                            "kty": "OKP",
                            "crv": "Ed25519",
                            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                            "alg": "EdDSA",
                            "use": "sig",
                        }
                    ]
                }
            ]
        }
    )

    keys: list[JWK]
