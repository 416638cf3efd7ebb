"""Statements on the table of refresh families: find, start, rotate, list and end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.access.step_up import Factors, read_factors, write_factors
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.statements import CompiledQuery
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import take_user, user_columns
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import InvalidGrant, NotFound

from .refresh_tokens import RefreshToken
from .tables import RefreshFamily
from .token_pairs import Grant


@dataclass(frozen=True, slots=True)
class Family:
    """A live family with the columns of its user, from one query."""

    id: UUID
    generation: int
    current_digest: str = field(repr=False)
    previous_digest: str | None = field(repr=False)
    scopes: frozenset[str]
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    factors: dict[str, datetime]
    is_enrolling: bool
    user: dict[str, Any]

    @property
    def authenticated_at(self) -> datetime:
        """The time when the user last presented a factor."""
        return max(self.factors.values(), default=self.created_at)

    def grant(self, subject: str, scopes: frozenset[str], client_id: str) -> Grant:
        """The facts that an access token with these scopes states."""
        return Grant(
            subject=subject,
            scopes=scopes,
            expires_at=self.expires_at,
            factors=self.factors,
            is_enrolling=self.is_enrolling,
            authenticated_at=self.created_at,
            client_id=client_id,
        )


@dataclass(frozen=True, slots=True)
class CompiledQueries:
    """
    The statements of the hot paths, whose SQL is built once.

    Args:
        find: Selects the family of a token.
        rotate: Moves a family to its next generation.
    """

    find: CompiledQuery
    rotate: CompiledQuery


def compile_queries(table: type[RefreshFamily]) -> CompiledQueries:
    """Compile both statements for a table."""
    return CompiledQueries(_compile_find(table), _compile_rotate(table))


def _compile_find(table: type[RefreshFamily]) -> CompiledQuery:
    """Compile the one statement of a protected request: a live family with its user."""

    def build(family: UUID, now: datetime) -> Any:
        return table.select(
            table.id,
            table.generation,
            table.current_digest,
            table.previous_digest,
            table.scope,
            table.created_at,
            table.rotated_at,
            table.expires_at,
            table.factors,
            table.is_enrolling,
            *user_columns(table),
        ).where(table.id == family, table.expires_at > now, table.revoked_at.is_null())

    return CompiledQuery(table, build, UUID(int=0), datetime(2000, 1, 1, tzinfo=timezone.utc))


def _compile_rotate(table: type[RefreshFamily]) -> CompiledQuery:
    """Compile the one statement of a refresh: replace the current token of a live family."""

    def build(*values: Any) -> Any:
        new_generation, digest, new_digest, now, family, generation, current, present = values
        return (
            table.update(
                {
                    table.generation: new_generation,
                    table.previous_digest: digest,
                    table.current_digest: new_digest,
                    table.rotated_at: now,
                }
            )
            .where(
                table.id == family,
                table.generation == generation,
                table.current_digest == current,
                table.expires_at > present,
                table.revoked_at.is_null(),
            )
            .returning(table.id)
        )

    now = datetime(2000, 1, 1, tzinfo=timezone.utc)
    sentinels = (1, "presented", "successor", now, UUID(int=0), 0, "current", now)
    return CompiledQuery(table, build, *sentinels)


async def find(query: CompiledQuery, family: UUID, now: datetime) -> Family | None:
    """Look up the live family with this id."""
    for row in await query.run(family, now):
        user = take_user(row)
        scopes, factors = frozenset(row.pop("scope").split()), read_factors(row.pop("factors"))
        return Family(scopes=scopes, factors=factors, user=user, **row)
    return None


def new_family(
    table: type[RefreshFamily], token: RefreshToken, grant: Grant, user: Any, client: ClientInfo
) -> RefreshFamily:
    """Make the row of a new family; `user` is a primary key."""
    return table(
        id=token.family,
        user=user,
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


async def start(row: RefreshFamily) -> None:
    """Store a new family. Call it in a transaction that has locked the user."""
    await type(row).insert(row)
    data = {"family": str(row.id)}
    await emit(AuthEvent("authn_token_created", row.created_at, row.user, data))


async def rotate(
    table: type[RefreshFamily],
    compiled: CompiledQueries,
    presented: RefreshToken,
    successor: RefreshToken,
    now: datetime,
    grace: timedelta,
) -> Family:
    """
    Move a family to its next generation.

    Within the grace, a repeated refresh finds that its successor is already the current token:
    racing tabs and lost responses converge on it. An older token has been copied, so it ends
    the family.

    Args:
        table: The table of families.
        compiled: Its compiled statements.
        presented: The token that the client sent.
        successor: The token that replaces it.
        now: The current time.
        grace: The time in which a refresh may be repeated.

    Raises:
        InvalidGrant: The token is not the current one, or its family has ended.
    """
    before = await find(compiled.find, presented.family, now)
    if before is None or not before.user["active"]:
        raise InvalidGrant
    values = (successor.generation, presented.digest, successor.digest, now)
    condition = (presented.family, presented.generation, presented.digest, now)
    if await compiled.rotate.run(*values, *condition):
        return before
    family = await find(compiled.find, presented.family, now)
    if family is None:
        raise InvalidGrant
    digests = family.previous_digest, family.current_digest
    is_repeated = digests == (presented.digest, successor.digest)
    if is_repeated and now < family.rotated_at + grace:
        return family
    if presented.generation < family.generation:
        await _end(table, family.id, now, "authn_token_reuse")
    raise InvalidGrant


async def record_factor(
    table: type[RefreshFamily], family: UUID, before: Factors, after: Factors, *, is_second: bool
) -> bool:
    """
    Record the factors that the user has presented. Returns whether they were recorded.

    Args:
        table: The table of families.
        family: The id of the family.
        before: The factors as the request found them. Nothing is written if they have changed.
        after: All factors presented so far, including the latest.
        is_second: Whether the latest is a second factor, so that the family is no longer
            limited to enrolling one.
    """
    values: dict[Any, Any] = {table.factors: write_factors(after)}
    if is_second:
        values[table.is_enrolling] = False
    moved = (
        await table.update(values)
        .where(
            table.id == family,
            table.revoked_at.is_null(),
            table.factors == write_factors(before),
        )
        .returning(table.id)
    )
    return bool(moved)


async def live(table: type[RefreshFamily], user: Any, now: datetime) -> Sequence[RefreshFamily]:
    """List the live families of a user, newest first."""
    query = table.objects().where(
        table.user == user, table.expires_at > now, table.revoked_at.is_null()
    )
    rows: Sequence[RefreshFamily] = await query.order_by(table.created_at, ascending=False)
    return rows


async def revoke(table: type[RefreshFamily], family: UUID, now: datetime, user: Any = None) -> bool:
    """
    End a family, including its access tokens. Returns whether one has ended.

    Args:
        table: The table of families.
        family: The id of the family.
        now: The current time.
        user: The primary key of the user who must own it, if given.
    """
    return await _end(table, family, now, "authn_token_revoked", user)


async def end(table: type[RefreshFamily], user: Any, family: UUID, now: datetime) -> None:
    """
    End one family of a user.

    Raises:
        NotFound: The family does not exist, has ended, or belongs to another user.
    """
    if not await revoke(table, family, now, user):
        raise NotFound


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


async def _end(
    table: type[RefreshFamily], family: UUID, now: datetime, event: str, user: Any = None
) -> bool:
    condition = (table.id == family) & table.revoked_at.is_null()
    if user is not None:
        condition = condition & (table.user == user)
    async with transaction(table):
        ended = await table.update({table.revoked_at: now}).where(condition).returning(table.user)
        for row in ended:
            await emit(AuthEvent(event, now, row["user"], {"family": str(family)}))
    return bool(ended)
