"""The JSON of a WebAuthn credential, as browsers make it with `credential.toJSON()`."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

Base64URL: TypeAlias = Annotated[str, Field(min_length=1, max_length=8_192)]
"""Bytes in base64url, without padding."""

CredentialId: TypeAlias = Annotated[str, Field(min_length=1, max_length=1_364)]
"""The id of a credential in base64url: at most 1,023 bytes (WebAuthn Level 3 section 4)."""

Missing: TypeAlias = SkipJsonSchema[None]


class AssertionResponse(BaseModel):
    """What the authenticator signed (WebAuthn Level 3 section 5.2.2)."""

    clientDataJSON: Base64URL  # noqa: N815 - the name of the standard
    authenticatorData: Base64URL  # noqa: N815
    signature: Base64URL
    userHandle: Annotated[str, Field(max_length=128)] | Missing = None  # noqa: N815


class AttestationResponse(BaseModel):
    """What the authenticator made (WebAuthn Level 3 section 5.2.1)."""

    clientDataJSON: Base64URL  # noqa: N815
    attestationObject: Base64URL  # noqa: N815
    transports: Annotated[list[str], Field(max_length=16)] | Missing = None


class _Credential(BaseModel):
    """The members that both kinds of credentials have. Others are ignored."""

    id: CredentialId
    rawId: CredentialId  # noqa: N815
    type: Literal["public-key"]
    authenticatorAttachment: str | Missing = None  # noqa: N815
    clientExtensionResults: dict[str, Any] = Field(default_factory=dict)  # noqa: N815


AUTHENTICATION_EXAMPLE: dict[str, Any] = {
    "id": "7w2Vq0m8…",
    "rawId": "7w2Vq0m8…",
    "type": "public-key",
    "response": {
        "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0…",
        "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmi…",
        "signature": "MEUCIQDk…",
        "userHandle": "f1q5…",
    },
    "clientExtensionResults": {},
    "authenticatorAttachment": "platform",
}


class AuthenticationCredential(_Credential):
    """The result of `navigator.credentials.get()`."""

    model_config = ConfigDict(json_schema_extra={"examples": [AUTHENTICATION_EXAMPLE]})

    response: AssertionResponse


REGISTRATION_EXAMPLE: dict[str, Any] = {
    "id": "7w2Vq0m8…",
    "rawId": "7w2Vq0m8…",
    "type": "public-key",
    "response": {
        "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl…",
        "attestationObject": "o2NmbXRkbm9uZWdhdHRTdG10oGhh…",
        "transports": ["internal"],
    },
    "clientExtensionResults": {"credProps": {"rk": True}},
    "authenticatorAttachment": "platform",
}


class RegistrationCredential(_Credential):
    """The result of `navigator.credentials.create()`."""

    model_config = ConfigDict(json_schema_extra={"examples": [REGISTRATION_EXAMPLE]})

    response: AttestationResponse
