"""`Device`: a credential of a user, as the user sees it in the list of what is signed in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """
    A credential of a user that is valid now.

    Args:
        kind: The kind of credential, such as `session`.
        id: The id of the credential, as in `Identity.credential_id`.
        created_at: When the user signed in, or made the credential.
        last_seen_at: When it was last used; `None` if it never was.
        expires_at: When it expires if it is not used again; `None` for never.
        name: The name that the user gave it.
        ip: The IP address at sign-in.
        user_agent: The `User-Agent` at sign-in.
    """

    kind: str
    id: UUID
    created_at: datetime
    last_seen_at: datetime | None
    expires_at: datetime | None
    name: str | None = None
    ip: str | None = None
    user_agent: str | None = None

    @classmethod
    def signed_in(cls, kind: str, row: Any, last_seen_at: datetime) -> "Device":
        """
        Make the device of a login, whose row says where it was.

        Args:
            kind: The kind of credential.
            row: The row of the session or of the family.
            last_seen_at: When it was last used.
        """
        return cls(
            kind=kind,
            id=row.id,
            created_at=row.created_at,
            last_seen_at=last_seen_at,
            expires_at=row.expires_at,
            ip=row.ip,
            user_agent=row.user_agent,
        )
