"""Sessions as their owner sees them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from .tables import Session


class SessionOut(BaseModel):
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
    current: Annotated[bool, Field(description="Whether this request came with it.")]
    created_at: Annotated[datetime, Field(description="When the browser signed in.")]
    last_seen_at: Annotated[datetime, Field(description="When it was last seen, to a minute.")]
    expires_at: Annotated[datetime, Field(description="When it is signed out if it stays away.")]
    ip: Annotated[str | None, Field(description="From which address it signed in.")]
    user_agent: Annotated[str | None, Field(description="What it calls itself.")]

    @classmethod
    def of(cls, row: Session, current: UUID) -> "SessionOut":
        """What is shown of a row."""
        return cls(
            id=row.id,
            current=row.id == current,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            ip=row.ip,
            user_agent=row.user_agent,
        )
