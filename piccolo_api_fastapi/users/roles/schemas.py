"""The JSON of roles, grants and permissions."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from piccolo.apps.user.tables import BaseUser
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from piccolo_api_fastapi.access.permissions import NAME_LENGTH, PERMISSION
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.bodies import ResponseBody

from .names import MAXIMUM_DESCRIPTION, MAXIMUM_PERMISSIONS, ROLE
from .tables import Role, UserRole

_ROLE_IN: dict[str, Any] = {
    "name": "editor",
    "permissions": ["movies:read", "movies:write"],
    "description": "Looks after the movies.",
}
_ROLE = {"id": "5b1f0c7e-2f0e-4f5e-9a38-0d9a4f0f6c11"} | _ROLE_IN
_GRANT: dict[str, Any] = {
    "role": _ROLE,
    "granted_at": "2026-11-27T09:00:00Z",
    "granted_by": 1,
    "expires_at": None,
}

Name = Annotated[str, Field(pattern=f"^{ROLE}$")]
"""The name of a role."""

Permission = Annotated[str, Field(max_length=NAME_LENGTH, pattern=rf"^(\*|{PERMISSION})$")]
"""The name of a permission, or `*`."""

_PERMISSIONS = "Permissions; `*` stands for all of them."
Permissions = Annotated[
    list[Permission], Field(max_length=MAXIMUM_PERMISSIONS, description=_PERMISSIONS)
]
Description = Annotated[str, Field(max_length=MAXIMUM_DESCRIPTION)]


class RoleIn(BaseModel):
    """A new role."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ROLE_IN]})

    name: Name
    permissions: Permissions
    description: Description = ""


class RoleChangeIn(BaseModel):
    """The members of a role that change. Others stay as they are."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"permissions": ["movies:read"]}]}
    )

    # The defaults are not used, and not shown in OpenAPI.
    name: str = Field(default_factory=str, pattern=f"^{ROLE}$")
    permissions: list[Permission] = Field(
        default_factory=list, max_length=MAXIMUM_PERMISSIONS, description=_PERMISSIONS
    )
    description: str = Field(default_factory=str, max_length=MAXIMUM_DESCRIPTION)


class GrantIn(BaseModel):
    """For how long a role is granted."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"expires_at": "2026-12-24T18:00:00Z"}]}
    )

    expires_at: Annotated[
        AwareDatetime | None, Field(description="When the user loses it again. Null: never.")
    ] = None


class RoleOut(ResponseBody):
    """A role."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ROLE]})

    id: UUID
    name: str
    permissions: list[str]
    description: str

    @classmethod
    def of(cls, row: Role) -> "RoleOut":
        """The role of a row."""
        permissions = sorted(row.granted)
        return cls(id=row.id, name=row.name, permissions=permissions, description=row.description)


class GrantOut(ResponseBody):
    """A role of a user."""

    model_config = ConfigDict(json_schema_extra={"examples": [_GRANT]})

    role: RoleOut
    granted_at: datetime
    granted_by: Annotated[
        int | UUID | str | None,
        Field(description="The id of the user who granted it; null if the application did."),
    ]
    expires_at: datetime | None

    @classmethod
    def of(cls, row: UserRole) -> "GrantOut":
        """The grant of a row, which has its role."""
        return cls(
            role=RoleOut.of(row.role),
            granted_at=row.granted_at,
            granted_by=row.granted_by,
            expires_at=row.expires_at,
        )


class PermissionOut(ResponseBody):
    """A permission that the application knows."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "movies:write", "roles": ["editor"]}]}
    )

    name: str
    roles: Annotated[list[str], Field(description="The names of the roles that grant it.")]


class HolderOut(ResponseBody):
    """A user who has a permission."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": 1, "username": "ada"}]})

    id: int | UUID | str
    username: str

    @classmethod
    def of(cls, user: BaseUser) -> "HolderOut":
        """The user of a row."""
        return cls(id=primary_key(user), username=user.username)


class MyPermissionsOut(ResponseBody):
    """What the caller may do with the credential of the request."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"permissions": ["account", "movies:read"]}]}
    )

    permissions: list[str]
