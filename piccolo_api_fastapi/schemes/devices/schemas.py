"""The JSON of devices."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from piccolo_api_fastapi.access.devices import Device
from piccolo_api_fastapi.core.http.bodies import ResponseBody


class DeviceOut(ResponseBody):
    """Something that is signed in as the user: a browser, an app or a script."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "session",
                    "id": "7f3c2b9e-4d2a-4c56-9a44-1b0f6f1f2a3b",
                    "name": None,
                    "current": True,
                    "created_at": "2026-11-23T09:00:00Z",
                    "last_seen_at": "2026-11-23T09:30:00Z",
                    "expires_at": "2026-12-07T09:30:00Z",
                    "ip": "203.0.113.7",
                    "user_agent": "Mozilla/5.0",
                },
                {
                    "kind": "api_token",
                    "id": "0d9c5c1e-6c0b-4c3e-8f53-0c2f4ce4ee0b",
                    "name": "nightly report",
                    "current": False,
                    "created_at": "2026-11-24T09:00:00Z",
                    "last_seen_at": None,
                    "expires_at": "2027-11-24T09:00:00Z",
                    "ip": None,
                    "user_agent": None,
                },
            ]
        }
    )

    kind: Annotated[
        str,
        Field(description="`session` for a browser, `app` for a client with tokens, `api_token`."),
    ]
    id: UUID
    name: Annotated[str | None, Field(description="The name that its owner gave an API token.")]
    current: Annotated[bool, Field(description="Whether this request came from it.")]
    created_at: Annotated[datetime, Field(description="When it signed in, or was made.")]
    last_seen_at: Annotated[
        datetime | None,
        Field(description="When it was last used, to the minute. For an app: its last refresh."),
    ]
    expires_at: Annotated[
        datetime | None, Field(description="When it expires if it is not used again.")
    ]
    ip: Annotated[str | None, Field(description="The IP address at sign-in.")]
    user_agent: Annotated[str | None, Field(description="The `User-Agent` at sign-in.")]

    @classmethod
    def of(cls, device: Device, current: object) -> "DeviceOut":
        """The response for a device; `current` is the id of the caller's own."""
        return cls(
            kind=device.kind,
            id=device.id,
            name=device.name,
            current=device.id == current,
            created_at=device.created_at,
            last_seen_at=device.last_seen_at,
            expires_at=device.expires_at,
            ip=device.ip,
            user_agent=device.user_agent,
        )
