"""The JSON of sessions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from piccolo_api_fastapi.core.http.bodies import ResponseBody

from .tables import Session


class SessionOut(ResponseBody):
    """One signed-in browser."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "7f3c2b9e-4d2a-4c56-9a44-1b0f6f1f2a3b",
                    "current": True,
                    "created_at": "2026-11-23T09:00:00Z",
                    "last_seen_at": "2026-11-23T09:30:00Z",
                    "expires_at": "2026-12-07T09:30:00Z",
                    "ip": "203.0.113.7",
                    "user_agent": "Mozilla/5.0",
                }
            ]
        }
    )

    id: UUID
    current: Annotated[bool, Field(description="Whether this is the session of the request.")]
    created_at: Annotated[datetime, Field(description="When the browser signed in.")]
    last_seen_at: Annotated[datetime, Field(description="When it was last used, to the minute.")]
    expires_at: Annotated[datetime, Field(description="When it expires if it is not used again.")]
    ip: Annotated[str | None, Field(description="The IP address at sign-in.")]
    user_agent: Annotated[str | None, Field(description="The `User-Agent` at sign-in.")]

    @classmethod
    def of(cls, row: Session, current: UUID) -> "SessionOut":
        """The session of a row; `current` is the id of the caller's own."""
        return cls(
            id=row.id,
            current=row.id == current,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            ip=row.ip,
            user_agent=row.user_agent,
        )
