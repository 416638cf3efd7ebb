"""The JSON of log-ins with providers."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from piccolo_api_fastapi.core.http.bodies import NOT_EMPTY, ResponseBody

from .providers import OAuthProvider
from .tables import OAuthAccount

Next = Annotated[
    str | None,
    Field(description="The path to go to afterwards, such as `/movies`.", examples=["/movies"]),
]


class ProviderOut(ResponseBody):
    """A provider that users can sign in with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"provider": "google", "name": "Google"}]}
    )

    provider: Annotated[str, Field(description="The name in paths.")]
    name: Annotated[str, Field(description="The name that users see.")]

    @classmethod
    def of(cls, provider: OAuthProvider) -> "ProviderOut":
        """Make the model of a provider."""
        return cls(provider=provider.name, name=provider.title)


class LinkIn(BaseModel):
    """Where to go after an account was linked."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"next": "/settings"}]}
    )

    next: Next = None


class BeginIn(BaseModel):
    """Where to go after a log-in: to a page, or to an app, which then gets a ticket."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"next": "/movies"}]})

    next: Next = None
    app: Annotated[str | None, Field(description="The name of an app.")] = None
    code_challenge: Annotated[
        str | None,
        Field(
            description="The code challenge of the app, by S256 (RFC 7636).",
            pattern=r"^[A-Za-z0-9_-]{43}$",
        ),
    ] = None

    @model_validator(mode="after")
    def _go_together(self) -> "BeginIn":
        if (self.app is None) is not (self.code_challenge is None):
            raise ValueError("app and code_challenge go together.")
        return self


class BeginOut(ResponseBody):
    """Where to send the browser."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"authorization_url": "https://accounts.google.com/o/oauth2/v2/auth?…"}]
        }
    )

    authorization_url: str


class OAuthAccountOut(ResponseBody):
    """An account at a provider that a user has linked."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0d9c5c1e-6c0b-4c3e-8f53-0c2f4ce4ee0b",
                    "provider": "google",
                    "email": "ada@gmail.com",
                    "linked_at": "2026-11-24T09:00:00Z",
                    "last_login_at": "2026-11-25T09:00:00Z",
                }
            ]
        }
    )

    id: UUID
    provider: str
    email: Annotated[str | None, Field(description="As the provider told it.")]
    linked_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, row: OAuthAccount) -> "OAuthAccountOut":
        """Make the model of a row."""
        values: Any = {name: getattr(row, name) for name in cls.model_fields}
        return cls(**values)


class AppTicketIn(BaseModel):
    """The ticket that an app was sent, and its code verifier."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"ticket": "tkt_…", "code_verifier": "M25iVXpK…"}]},
    )

    ticket: Annotated[SecretStr, NOT_EMPTY]
    code_verifier: Annotated[
        SecretStr,
        Field(min_length=43, max_length=128, description="The verifier of `code_challenge`."),
    ]
