"""Statements on the table of refresh families: start, step up, list and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from piccolo.custom_types import Combinable

from piccolo_api_fastapi.access.step_up import Factors, write_factors
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.statements import insert_within
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import NotFound

from .refresh_tokens import RefreshToken
from .tables import RefreshFamily
from .token_pairs import Grant


@dataclass(frozen=True, slots=True)
class Own:
    """
    The families of one scheme. No statement of a scheme finds or ends those of another.

    Args:
        table: The table of families.
        issuer: The issuer of the tokens.
        audience: The audience of the tokens.
    """

    table: type[RefreshFamily]
    issuer: str
    audience: str

    @property
    def condition(self) -> Combinable:
        """The condition that its families meet."""
        return (self.table.issuer == self.issuer) & (self.table.audience == self.audience)


def new_family(
    own: Own, token: RefreshToken, grant: Grant, user: Any, client: ClientInfo
) -> RefreshFamily:
    """Make the row of a new family; `user` is a primary key."""
    return own.table(
        id=token.family,
        user=user,
        issuer=own.issuer,
        audience=own.audience,
        generation=token.generation,
        current_digest=token.digest,
        scope=" ".join(sorted(grant.scopes)),
        created_at=grant.authenticated_at,
        rotated_at=grant.authenticated_at,
        expires_at=grant.expires_at,
        factors=write_factors(grant.factors),
        is_enrolling=grant.is_enrolling,
        ip=client.ip,
        user_agent=client.user_agent,
    )


async def start(own: Own, row: RefreshFamily, *, cap: int | None = None) -> None:
    """
    Store a new family. Call it in a transaction that has locked the user.

    Args:
        own: The families of the scheme.
        row: The family.
        cap: The number of families that the user may have. Revoked ones are deleted first, then
            the oldest.
    """
    if cap is None:
        await own.table.insert(row)
    else:
        mine = (own.table.user == row.user) & own.condition
        await insert_within(cap, row, mine, '"revoked_at" IS NULL DESC, "created_at" DESC')
    data = {"family": str(row.id)}
    await emit(AuthEvent("authn_token_created", row.created_at, row.user, data))


async def record_factor(
    own: Own, family: UUID, before: Factors, after: Factors, *, is_second: bool
) -> bool:
    """
    Record the factors that the user has presented. Returns whether they were recorded.

    Args:
        own: The families of the scheme.
        family: The id of the family.
        before: The factors as the request found them. Nothing is written if they have changed.
        after: All factors presented so far, including the latest.
        is_second: Whether the latest is a second factor, so that the family is no longer
            limited to enrolling one.
    """
    table = own.table
    values: dict[Any, Any] = {table.factors: write_factors(after)}
    if is_second:
        values[table.is_enrolling] = False
    moved = (
        await table.update(values)
        .where(
            table.id == family,
            own.condition,
            table.revoked_at.is_null(),
            table.factors == write_factors(before),
        )
        .returning(table.id)
    )
    return bool(moved)


async def live(own: Own, user: Any, now: datetime) -> Sequence[RefreshFamily]:
    """List the live families of a user, newest first."""
    table = own.table
    query = table.objects().where(
        table.user == user, own.condition, table.expires_at > now, table.revoked_at.is_null()
    )
    rows: Sequence[RefreshFamily] = await query.order_by(table.created_at, ascending=False)
    return rows


async def revoke(own: Own, family: UUID, now: datetime, user: Any = None) -> bool:
    """
    End a family, including its access tokens. Returns whether one has ended.

    Args:
        own: The families of the scheme.
        family: The id of the family.
        now: The current time.
        user: The primary key of the user who must own it, if given.
    """
    condition: Combinable = own.table.id == family
    if user is not None:
        condition = condition & (own.table.user == user)
    return await _end(own, condition, now, "authn_token_revoked")


async def end_reused(own: Own, family: UUID, now: datetime) -> None:
    """End a family of which a used token was presented again."""
    await _end(own, own.table.id == family, now, "authn_token_reuse")


async def end(own: Own, user: Any, family: UUID, now: datetime) -> None:
    """
    End one family of a user.

    Raises:
        NotFound: The family does not exist, has ended, or belongs to another user or scheme.
    """
    if not await revoke(own, family, now, user):
        raise NotFound


async def end_others(own: Own, user: Any, keep: UUID, now: datetime) -> None:
    """End all families of a user but one."""
    table = own.table
    await _end(own, (table.user == user) & (table.id != keep), now, "authn_token_revoked")


async def delete_expired_families(
    table: type[RefreshFamily] = RefreshFamily, *, now: datetime, batch: int = 500
) -> int:
    """
    Delete expired refresh families. Returns the number of rows.

    ```python
    from piccolo_api_fastapi import delete_expired_families
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_expired_families(now=utcnow())
    ```
    """
    return await delete_expired_rows(table, now=now, batch=batch)


async def _end(own: Own, condition: Combinable, now: datetime, event: str) -> bool:
    table = own.table
    async with transaction(table):
        ended = (
            await table.update({table.revoked_at: now})
            .where(condition, own.condition, table.revoked_at.is_null())
            .returning(table.id, table.user)
        )
        for row in ended:
            await emit(AuthEvent(event, now, row["user"], {"family": str(row["id"])}))
    return bool(ended)
