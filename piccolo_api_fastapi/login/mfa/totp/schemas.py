"""Bodies of the routes that manage second factors."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from piccolo_api_fastapi.core.http.bodies import ResponseBody


class CodeIn(BaseModel):
    """A code as typed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "123456"}]})

    code: Annotated[SecretStr, Field(max_length=128)]


class MFAOut(ResponseBody):
    """The second factors of a user."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"totp_confirmed_at": "2026-11-23T09:00:00Z", "recovery_codes_left": 10}]
        }
    )

    totp_confirmed_at: Annotated[
        datetime | None, Field(description="When the user confirmed the authenticator.")
    ]
    recovery_codes_left: int


class EnrolmentOut(ResponseBody):
    """A secret to scan or to type into an authenticator app."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
                    "otpauth_uri": "otpauth://totp/Movies:ada?secret=GEZDGNBVGY3TQOJQ…",
                    "qr_svg": "<svg …>",
                }
            ]
        }
    )

    secret: Annotated[str, Field(description="The secret in base32, for typing.")]
    otpauth_uri: str
    qr_svg: Annotated[str, Field(description="The URI as a QR code, an SVG element.")]


class RecoveryCodesOut(ResponseBody):
    """Codes for a user who has lost the authenticator. They are shown only once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"recovery_codes": ["GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV"]}]}
    )

    recovery_codes: list[str]
