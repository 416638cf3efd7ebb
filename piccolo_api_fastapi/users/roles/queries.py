"""Statements on the tables of roles: who has which permission, and changes of that."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from piccolo.apps.user.tables import BaseUser
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.querystring import QueryString
from piccolo.table import Table

from piccolo_api_fastapi.core.database.transactions import engine_of
from piccolo_api_fastapi.errors import NotFound

from .tables import Role, UserRole

ColumnAt: TypeAlias = Callable[[Any], QueryString]
"""Builds a column of a query from the present time."""

COLUMN = "permissions"
"""The name of the column with the permissions in the row of a look-up."""


@dataclass(frozen=True, slots=True)
class Own:
    """
    The tables of roles for users of one table.

    Args:
        users: The user table.
        roles: The table of roles.
        grants: The table of the roles of users.
    """

    users: type[BaseUser]
    roles: type[Role]
    grants: type[UserRole]

    @property
    def user_key(self) -> Any:
        """The primary key of the user table."""
        return self.users._meta.primary_key


def _names(own: Own, condition: str) -> str:
    """SQL of the permissions of the grants that meet a condition, separated by spaces."""
    grants, roles = (table._meta.get_formatted_tablename() for table in (own.grants, own.roles))
    together = "group_concat" if isinstance(engine_of(own.grants), SQLiteEngine) else "string_agg"
    return (
        f"COALESCE((SELECT {together}(r.\"permissions\", ' ') FROM {grants} g "  # noqa: S608 - our own names
        f'JOIN {roles} r ON r."id" = g."role" WHERE {condition} '
        'AND (g."expires_at" IS NULL OR g."expires_at" > {})), \'\')'
    )


def column_of(own: Own, table: type[Table]) -> ColumnAt:
    """
    The permissions of the user of a row, as a column of the query that finds the row.

    Args:
        own: The tables of roles.
        table: The table of the row, which has a foreign key `user`.
    """
    user = table._meta.get_column_by_name("user")._meta.get_full_name(with_alias=False)

    def column_at(now: Any) -> QueryString:
        return QueryString(_names(own, f'g."user" = {user}'), now, alias=COLUMN)

    return column_at


async def permissions_of(own: Own, user: Any, now: datetime) -> str:
    """The permissions of the user with this primary key, separated by spaces."""
    asked = QueryString(_names(own, 'g."user" = {}'), user, now, alias=COLUMN)
    [row] = await own.grants.raw('SELECT {} AS "permissions"', asked)
    return str(row[COLUMN])


async def lock_users(own: Own, *keys: Any) -> int:
    """Lock users until the transaction ends, in one order. Returns how many there are."""
    active, locked = own.users.active, 0
    for key in sorted(set(keys), key=str):
        rows = await own.users.update({active: active}).where(own.user_key == key).returning(active)
        locked += len(rows)
    return locked


async def every_role(own: Own) -> Sequence[Role]:
    """All roles, by name."""
    rows: Sequence[Role] = await own.roles.objects().order_by(own.roles.name)
    return rows


async def get_role(own: Own, role: str | UUID) -> Role:
    """
    Look up a role by its name or its id.

    Raises:
        NotFound: It does not exist.
    """
    table = own.roles
    condition: Any = table.id == role if isinstance(role, UUID) else table.name == role
    row: Role | None = await table.objects().where(condition).first()
    if row is None:
        raise NotFound
    return row


async def insert_missing(own: Own, roles: Collection[Role]) -> Sequence[str]:
    """Store the roles whose names are free. Returns the names of those that were stored."""
    if not roles:
        return []
    rows = (
        await own.roles.insert(*roles)
        .on_conflict(target=own.roles.name, action="DO NOTHING")
        .returning(own.roles.id, own.roles.name)
    )
    return [row["name"] for row in rows]


async def change_role(own: Own, before: Role, values: dict[str, Any]) -> bool:
    """Change a role. Returns whether it still had the permissions that were read before."""
    table = own.roles
    columns: dict[Any, Any] = {
        table._meta.get_column_by_name(name): value for name, value in values.items()
    }
    changed = (
        await table.update(columns)
        .where(table.id == before.id, table.permissions == before.permissions)
        .returning(table.id)
    )
    return bool(changed)


async def delete_role(own: Own, before: Role) -> bool:
    """Delete a role, and with it all grants of it. Returns as `change_role`."""
    table = own.roles
    deleted = (
        await table.delete()
        .where(table.id == before.id, table.permissions == before.permissions)
        .returning(table.id)
    )
    return bool(deleted)


def slot_of(user: Any, role: UUID) -> str:
    """The digest of a user and a role, of which there is one grant."""
    return hashlib.sha256(f"{user}\0{role}".encode()).hexdigest()


async def grant(own: Own, grant: UserRole, role: Role) -> bool:
    """
    Store a grant, or give the one that exists another expiry time.

    Args:
        own: The tables of roles.
        grant: The grant.
        role: The role as it was judged.

    Returns:
        Whether the role still had the permissions with which it was judged.
    """
    roles, grants = (table._meta.get_formatted_tablename() for table in (own.roles, own.grants))
    rows = await own.grants.raw(
        f'INSERT INTO {grants} ("id", "user", "role", "slot", "granted_by", "granted_at", '  # noqa: S608 - our own names
        '"expires_at") '
        f'SELECT {{}}, {{}}, r."id", {{}}, {{}}, {{}}, {{}} FROM {roles} r '
        'WHERE r."id" = {} AND r."permissions" = {} '
        'ON CONFLICT ("slot") DO UPDATE SET "granted_by" = excluded."granted_by", '
        '"granted_at" = excluded."granted_at", "expires_at" = excluded."expires_at" '
        'RETURNING "id"',
        grant.id,
        grant.user,
        grant.slot,
        grant.granted_by,
        grant.granted_at,
        grant.expires_at,
        role.id,
        role.permissions,
    )
    return bool(rows)


async def withdraw(own: Own, slot: str) -> None:
    """Delete a grant."""
    await own.grants.delete().where(own.grants.slot == slot)


async def grants_of(own: Own, user: Any, now: datetime, *conditions: Any) -> Sequence[UserRole]:
    """The grants of a user that count now, with their roles, by name."""
    grants = own.grants
    rows: Sequence[UserRole] = (
        await grants.objects(grants.role)
        .where(grants.user == user, _counts(own, now), *conditions)
        .order_by(grants.role.name)
    )
    return rows


def _counts(own: Own, now: datetime) -> Any:
    return own.grants.expires_at.is_null() | (own.grants.expires_at > now)


async def ids_with(own: Own, permission: str) -> Sequence[UUID]:
    """The roles that grant a permission; those with `*` grant every one."""
    found = await every_role(own)
    return [role.id for role in found if role.grants(permission)]


async def holders(
    own: Own, permission: str, now: datetime, after: Any, limit: int
) -> Sequence[BaseUser]:
    """
    Active users who have a permission by a role, in the order of their keys.

    Args:
        own: The tables of roles.
        permission: The permission.
        now: The present time.
        after: The primary key of the last user of the page before, or `None`.
        limit: The number of users.
    """
    if not (roles := await ids_with(own, permission)):
        return []
    grants, key = own.grants, own.user_key
    held = grants.select(grants.user).where(grants.role.is_in(list(roles)), _counts(own, now))
    query = own.users.objects().where(key.is_in(held), own.users.active.eq(value=True))
    if after is not None:
        query = query.where(key > after)
    rows: Sequence[BaseUser] = await query.order_by(key).limit(limit)
    return rows


async def lock_roles_with(own: Own, permission: str) -> None:
    """Lock the roles that grant a permission until the transaction ends, in one order."""
    roles = await ids_with(own, permission)
    if roles and not isinstance(engine_of(own.roles), SQLiteEngine):  # where one writes at a time
        table, marks = own.roles._meta.get_formatted_tablename(), ", ".join(["{}"] * len(roles))
        await own.roles.raw(
            f'SELECT "id" FROM {table} WHERE "id" IN ({marks}) '  # noqa: S608 - our own names
            'ORDER BY "id" FOR NO KEY UPDATE',
            *roles,
        )


async def is_held_forever(own: Own, permission: str) -> bool:
    """Whether an active user has a permission by a grant that does not expire."""
    if not (roles := await ids_with(own, permission)):
        return False
    grants, users = own.grants, own.users
    active = users.select(own.user_key).where(users.active.eq(value=True))
    held: bool = await grants.exists().where(
        grants.role.is_in(list(roles)), grants.expires_at.is_null(), grants.user.is_in(active)
    )
    return held


def new_role(own: Own, name: str, permissions: str, description: str = "") -> Role:
    """Make the row of a role."""
    return own.roles(id=uuid4(), name=name, permissions=permissions, description=description)


def new_grant(own: Own, user: Any, role: UUID, by: Any, now: datetime, end: Any) -> UserRole:
    """Make the row of a grant; `user` and `by` are primary keys."""
    return own.grants(
        id=uuid4(),
        user=user,
        role=role,
        slot=slot_of(user, role),
        granted_by=by,
        granted_at=now,
        expires_at=end,
    )
