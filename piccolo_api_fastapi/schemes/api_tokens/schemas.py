"""The JSON of API tokens."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from piccolo_api_fastapi.core.http.bodies import ResponseBody

from .tables import APIToken

_EXAMPLE: dict[str, Any] = {
    "id": "0d9c5c1e-6c0b-4c3e-8f53-0c2f4ce4ee0b",
    "name": "nightly report",
    "scopes": ["reports:read"],
    "last_four": "9f3a",
    "created_at": "2026-11-24T09:00:00Z",
    "expires_at": "2027-11-24T09:00:00Z",
    "last_used_at": "2026-11-25T09:00:00Z",
}

Scope = Annotated[str, Field(max_length=100, pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")]
"""One scope (RFC 6749 appendix A.4)."""


class APITokenIn(BaseModel):
    """The name, scopes and expiry time of a new token."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "nightly report", "scopes": ["reports:read"]}]},
    )

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: list[Scope] = Field(  # without a default in OpenAPI: TypeScript would require it
        default_factory=list,
        max_length=50,
        description="Scopes. The token loses those that you lose.",
    )
    expires_at: Annotated[
        AwareDatetime | None,
        Field(description="Default: as late as allowed. Null: never, if that is allowed."),
    ] = None


class APITokenOut(ResponseBody):
    """One API token, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    name: str
    scopes: list[str]
    last_four: Annotated[str, Field(description="The last four characters of the token.")]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: APIToken) -> "APITokenOut":
        """The token of a row."""
        return cls.model_validate(_shown(row))


class NewAPITokenOut(APITokenOut):
    """A new API token with its secret, which is shown only once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _EXAMPLE | {"token": "pat_PnW1vV3Wn5kqvYzuM3xW4rJ0x8k6mO2QhA7bT9cDeFg01a29f3a"}
            ]
        }
    )

    token: Annotated[str, Field(description="The secret. Store it now: it is not shown again.")]

    @classmethod
    def made(cls, row: APIToken, secret: str) -> "NewAPITokenOut":
        """The new token of a row."""
        return cls.model_validate(_shown(row) | {"token": secret})


def _shown(row: APIToken) -> dict[str, Any]:
    names = ("id", "name", "last_four", "created_at", "expires_at", "last_used_at")
    return {name: getattr(row, name) for name in names} | {"scopes": sorted(row.scopes)}
