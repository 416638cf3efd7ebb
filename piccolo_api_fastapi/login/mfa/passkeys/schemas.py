"""The JSON of passkeys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from piccolo_api_fastapi.core.http.bodies import NOT_EMPTY, ResponseBody
from piccolo_api_fastapi.login.mfa.credentials import (
    AUTHENTICATION_EXAMPLE,
    REGISTRATION_EXAMPLE,
    AuthenticationCredential,
    RegistrationCredential,
)
from piccolo_api_fastapi.login.mfa.second_factor import Assertion

from .tables import Passkey
from .values import Ceremony

_EXAMPLE: dict[str, Any] = {
    "id": "0d9c5c1e-6c0b-4c3e-8f53-0c2f4ce4ee0b",
    "name": "My phone",
    "created_at": "2026-11-24T09:00:00Z",
    "last_used_at": "2026-11-25T09:00:00Z",
    "synced": True,
    "transports": ["internal", "hybrid"],
    "aaguid": "00000000-0000-0000-0000-000000000000",
}


def _printable(name: str) -> str:
    """Refuse names that read as another text, or as several lines of a mail."""
    if not name.strip() or not name.isprintable():
        raise PydanticCustomError("name_invalid", "Use 1 to 64 printable characters.")
    return name.strip()


Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]


class PasskeyLoginIn(BaseModel):
    """A challenge, and what the browser signed for its options."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"challenge": "tkt_…", "credential": AUTHENTICATION_EXAMPLE}]
        },
    )

    challenge: Annotated[SecretStr, NOT_EMPTY]
    credential: Annotated[AuthenticationCredential, Field(repr=False)]

    @property
    def presented(self) -> Assertion:
        """What the browser signed, with its challenge."""
        return presented(self)


class PasskeyIn(BaseModel):
    """A challenge, and what the browser made for its options."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"challenge": "tkt_…", "credential": REGISTRATION_EXAMPLE, "name": "My phone"}
            ]
        },
    )

    challenge: Annotated[SecretStr, NOT_EMPTY]
    credential: Annotated[RegistrationCredential, Field(repr=False)]
    name: Annotated[Name | None, Field(description="Default: `Passkey`.")] = None

    @property
    def presented(self) -> Assertion:
        """What the browser made, with its challenge."""
        return presented(self)


class PasskeyNameIn(BaseModel):
    """The new name of a passkey."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "My phone"}]}
    )

    name: Name


class PasskeyOut(ResponseBody):
    """One passkey."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None
    synced: Annotated[bool, Field(description="Whether other devices of the user have it too.")]
    transports: Annotated[list[str], Field(description="How browsers reach it.")]
    aaguid: Annotated[str, Field(description="The model of the authenticator, if it says so.")]

    @classmethod
    def of(cls, row: Passkey) -> "PasskeyOut":
        """Make the model of a row."""
        return cls(**_members(row))


class NewPasskeyOut(PasskeyOut):
    """A passkey that was added, and recovery codes if the user had none."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "recovery_codes": ["GEZD-GNBV-GY3T-QOJQ-…"]}]}
    )

    recovery_codes: Annotated[
        list[str], Field(description="Shown only once; empty if the user has codes already.")
    ]

    @classmethod
    def made(cls, row: Passkey, recovery_codes: list[str]) -> "NewPasskeyOut":
        """Make the model of a new row."""
        return cls(**_members(row), recovery_codes=recovery_codes)


class CreationOut(ResponseBody):
    """A challenge, and what `PublicKeyCredential.parseCreationOptionsFromJSON` takes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "challenge": "tkt_…",
                    "options": {
                        "rp": {"id": "example.com", "name": "Movies"},
                        "user": {"id": "f1q5…", "name": "ada", "displayName": "ada"},
                        "challenge": "l7mJ3kq0…",
                        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
                        "excludeCredentials": [],
                    },
                    "expires_in": 300,
                }
            ]
        }
    )

    challenge: Annotated[str, Field(description="Send it back with the credential.", repr=False)]
    options: Annotated[
        Mapping[str, Any],
        Field(description="`PublicKeyCredentialCreationOptionsJSON`.", repr=False),
    ]
    expires_in: Annotated[int, Field(description="The lifetime of the challenge in seconds.")]

    @classmethod
    def of(cls, ceremony: Ceremony) -> "CreationOut":
        """Make the model of a ceremony."""
        return cls(
            challenge=ceremony.challenge,
            options=ceremony.options,
            expires_in=ceremony.expires_in,
        )


def presented(body: PasskeyLoginIn | PasskeyIn) -> Assertion:
    """Return what a browser made or signed, with its challenge."""
    credential = body.credential.model_dump(exclude_none=True)
    return Assertion(credential, body.challenge.get_secret_value())


def _members(row: Passkey) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "created_at": row.created_at,
        "last_used_at": row.last_used_at,
        "synced": row.is_backed_up,
        "transports": row.transports.split(),
        "aaguid": row.aaguid,
    }
