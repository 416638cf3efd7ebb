"""Routes to define roles, to grant and withdraw them, and to see who may do what."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import ACCOUNT, Identity
from piccolo_api_fastapi.access.in_use import asked_scopes, refuse_other_users, users_of
from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.access.permissions import EVERYTHING, NAME_LENGTH, RESERVED
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.access.refusal_events import emit_refusal
from piccolo_api_fastapi.access.step_up import RECENT
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.outages import finding
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import (
    AuthError,
    ConfigurationError,
    Conflict,
    Forbidden,
    InsufficientScope,
    LastManager,
    NotFound,
    StepUpRequired,
    ValueTaken,
)
from piccolo_api_fastapi.users.tables import UserT

from .guarding import MANAGE, Actor
from .schemas import (
    GrantIn,
    GrantOut,
    HolderOut,
    MyPermissionsOut,
    PermissionOut,
    RoleChangeIn,
    RoleIn,
    RoleOut,
)
from .service import Roles

_TAG = tag("roles", "Define roles, grant and withdraw them, and see who may do what.")

_CHANGE: tuple[type[AuthError], ...] = (StepUpRequired, InsufficientScope, NotFound, Conflict)

_Acting: TypeAlias = AbstractAsyncContextManager[Actor]
"""The block in which the caller changes roles."""

_UserId: TypeAlias = Annotated[str, Path(max_length=200, description="The id of the user.")]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the routes share: the roles, their users, and the guards."""

    roles: Roles
    users: Any
    guard: Guard[Any]
    reader: InPerson[Any]
    acting: Callable[..., Awaitable[_Acting]]

    async def user(self, text: str) -> Any:
        """The user with an id as a path has it."""
        with finding():
            user = await self.users.get(_key_of(self.users.table, text))
        if user is None:
            raise NotFound
        return user


@configured
def roles_router(
    roles: Roles,
    guard: Guard[UserT],
    *,
    within: timedelta | None = RECENT,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make the routes of `/roles`, `/users/{user_id}/roles`, `/permissions` and `/me/permissions`.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import Roles, SessionAuth, Users, roles_router

    roles = Roles({"manager": ["roles:manage", "movies:write"]})
    session = SessionAuth(Users(roles=roles))
    app = FastAPI()
    app.include_router(roles_router(roles, session), prefix="/auth")
    ```

    All but `GET /me/permissions` need the permission `roles:manage`, and refuse API tokens. Callers
    can neither grant nor change what goes beyond their own permissions, nor grant a role to
    themselves. The last user who may manage roles keeps the permission.

    Args:
        roles: The roles, which the users of `guard` have.
        guard: The guard of these routes, such as a `SessionAuth`, a `JWTAuth` or an `AnyOf`.
        within: To change something, the user must have presented a factor more recently than
            this; a second factor if the login had one. `None` asks for none.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes.

    Raises:
        ConfigurationError: The users of `guard` do not have these roles, or `within` is not
            positive.
    """
    refuse_other_users("roles_router", guard)
    users = users_of("roles_router", guard.schemes)
    if users.roles is not roles:
        raise ConfigurationError("The users of the guard must have these roles: Users(roles=…).")
    scopes = (ACCOUNT, MANAGE)
    reader = in_person(guard, scopes=scopes)
    recent = reader
    if within is not None:
        recent = in_person(guard, scopes=scopes, mfa=None, within=within)
    parts = _Parts(roles, users, guard, reader, _acting_by(recent))
    router = AuthRouter(users=users.table, prefix=prefix_of(operation_prefix, guard), tag=_TAG)
    _add_roles(router, parts)
    _add_changes(router, parts)
    _add_grants_of(router, parts)
    _add_grants(router, parts)
    _add_permissions(router, parts)
    _add_own(router, parts)
    return router


def _acting_by(recent: InPerson[Any]) -> Callable[..., Awaitable[_Acting]]:
    async def acting(
        identity: Annotated[Identity[Any], Depends(recent.identity)], request: Request
    ) -> _Acting:
        return _telling_refusals(recent, identity, request)

    return acting


@asynccontextmanager
async def _telling_refusals(
    recent: InPerson[Any], identity: Identity[Any], request: Request
) -> AsyncIterator[Actor]:
    async def scopes() -> frozenset[str]:
        return (await recent.confirm(request)).scopes

    try:
        yield Actor(primary_key(identity.user), scopes)
    except Forbidden as error:  # after the transaction, which would take the event along
        await emit_refusal(error, request, recent.now(), identity)
        raise


def _add_roles(router: APIRouter, parts: _Parts) -> None:
    roles = parts.roles

    @router.get(
        "/roles",
        operation_id="list_roles",
        summary="List all roles",
    )
    async def list_roles(_: Annotated[Any, Depends(parts.reader)]) -> list[RoleOut]:
        """List all roles, by name."""
        return [RoleOut.of(role) for role in await roles.every()]

    @router.post(
        "/roles",
        operation_id="create_role",
        summary="Make a role",
        status_code=201,
        responses=shared_responses(StepUpRequired, InsufficientScope, ValueTaken),
    )
    async def create_role(
        acting: Annotated[_Acting, Depends(parts.acting)], wanted: RoleIn
    ) -> RoleOut:
        """Make a role with permissions that you have yourself."""
        values = wanted.name, wanted.permissions, wanted.description
        async with acting as actor:
            return RoleOut.of(await roles.create(*values, by=actor))


def _add_changes(router: APIRouter, parts: _Parts) -> None:
    roles = parts.roles

    @router.patch(
        "/roles/{role_id}",
        operation_id="change_role",
        summary="Change a role",
        responses=shared_responses(*_CHANGE, ValueTaken, LastManager),
    )
    async def change_role(
        acting: Annotated[_Acting, Depends(parts.acting)], role_id: UUID, wanted: RoleChangeIn
    ) -> RoleOut:
        """Change a role that does not go beyond your permissions, before and after."""
        values = wanted.model_dump(exclude_unset=True)
        async with acting as actor:
            return RoleOut.of(await roles.change(role_id, **values, by=actor))

    @router.delete(
        "/roles/{role_id}",
        operation_id="delete_role",
        summary="Delete a role",
        status_code=204,
        responses=shared_responses(*_CHANGE, LastManager),
    )
    async def delete_role(acting: Annotated[_Acting, Depends(parts.acting)], role_id: UUID) -> None:
        """Delete a role. All who have it lose it at once."""
        async with acting as actor:
            await roles.delete(role_id, by=actor)


def _add_grants_of(router: APIRouter, parts: _Parts) -> None:
    @router.get(
        "/users/{user_id}/roles",
        operation_id="list_user_roles",
        summary="List the roles of a user",
        responses=shared_responses(NotFound),
    )
    async def list_user_roles(
        _: Annotated[Any, Depends(parts.reader)], user_id: _UserId
    ) -> list[GrantOut]:
        """List the roles that a user has now, by name."""
        user = await parts.user(user_id)
        return [GrantOut.of(grant) for grant in await parts.roles.roles_of(user)]

    @router.get(
        "/users/{user_id}/roles/{role_id}",
        operation_id="get_user_role",
        summary="Show one role of a user",
        responses=shared_responses(NotFound),
    )
    async def get_user_role(
        _: Annotated[Any, Depends(parts.reader)], user_id: _UserId, role_id: UUID
    ) -> GrantOut:
        """Show since when and until when a user has a role."""
        for grant in await parts.roles.roles_of(await parts.user(user_id)):
            if grant.role.id == role_id:
                return GrantOut.of(grant)
        raise NotFound


def _add_grants(router: APIRouter, parts: _Parts) -> None:
    @router.put(
        "/users/{user_id}/roles/{role_id}",
        operation_id="grant_role",
        summary="Grant a role to a user",
        responses=shared_responses(*_CHANGE, Forbidden, LastManager),
    )
    async def grant_role(
        acting: Annotated[_Acting, Depends(parts.acting)],
        user_id: _UserId,
        role_id: UUID,
        wanted: GrantIn,
    ) -> GrantOut:
        """Grant a role that does not go beyond your permissions, or change when it expires."""
        user = await parts.user(user_id)
        async with acting as actor:
            grant = await parts.roles.grant(user, role_id, expires_at=wanted.expires_at, by=actor)
        return GrantOut.of(grant)

    @router.delete(
        "/users/{user_id}/roles/{role_id}",
        operation_id="withdraw_role",
        summary="Withdraw a role from a user",
        status_code=204,
        responses=shared_responses(*_CHANGE, LastManager),
    )
    async def withdraw_role(
        acting: Annotated[_Acting, Depends(parts.acting)], user_id: _UserId, role_id: UUID
    ) -> None:
        """Withdraw a role. The user loses it at once."""
        user = await parts.user(user_id)
        async with acting as actor:
            await parts.roles.withdraw(user, role_id, by=actor)


def _add_permissions(router: APIRouter, parts: _Parts) -> None:
    roles = parts.roles

    @router.get(
        "/permissions",
        operation_id="list_permissions",
        summary="List all permissions",
    )
    async def list_permissions(
        _: Annotated[Any, Depends(parts.reader)], request: Request
    ) -> list[PermissionOut]:
        """List the permissions that routes ask for and roles grant, with these roles."""
        every = await roles.every()
        asked = asked_scopes(request.app.routes, roles)
        known = asked.union(roles.known, *(role.granted for role in every))
        return [
            PermissionOut(
                name=name,
                roles=[role.name for role in every if role.grants(name)],
            )
            for name in sorted(known - RESERVED - {EVERYTHING})
        ]

    @router.get(
        "/permissions/{permission}/users",
        operation_id="list_permission_holders",
        summary="List the users who have a permission",
        responses=shared_responses(NotFound),
    )
    async def list_permission_holders(
        _: Annotated[Any, Depends(parts.reader)],
        permission: Annotated[str, Path(max_length=NAME_LENGTH)],
        after: Annotated[
            str | None, Query(max_length=200, description="The id of the last user before.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 100,
    ) -> list[HolderOut]:
        """List the active users who have a permission by a role, in the order of their ids."""
        last = None if after is None else _key_of(parts.users.table, after)
        with finding():
            found = await roles.holders(permission, after=last, limit=limit)
        return [HolderOut.of(user) for user in found]


def _add_own(router: APIRouter, parts: _Parts) -> None:
    @router.get(
        "/me/permissions",
        operation_id="list_my_permissions",
        summary="List my permissions",
    )
    async def list_my_permissions(
        identity: Annotated[Identity[Any], Depends(parts.guard.identity)],
    ) -> MyPermissionsOut:
        """List what this credential allows now: the scopes of the user that it was given."""
        return MyPermissionsOut(permissions=sorted(identity.scopes))


def _key_of(users: type[BaseUser], text: str) -> Any:
    """The primary key that a text stands for, in the one form in which it is written."""
    try:
        key = users._meta.primary_key.value_type(text)
    except ValueError:
        raise NotFound from None
    if str(key) != text:
        raise NotFound
    return key
