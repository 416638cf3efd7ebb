"""Refresh families: start, rotate, find, list and end."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.access.step_up import Factors, read_factors, write_factors
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.outages import store
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
    """A live family and its user, as one query gives them."""

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
        """When the user last proved who they are."""
        return max(self.factors.values(), default=self.created_at)


@dataclass(frozen=True, slots=True)
class Queries:
    """
    What is asked so often that its SQL is built once.

    Args:
        find: The family of a token.
        rotate: Its next generation.
    """

    find: CompiledQuery
    rotate: CompiledQuery


def compile_queries(table: type[RefreshFamily]) -> Queries:
    """Both, for this table."""
    return Queries(_compile_find(table), _compile_rotate(table))


def _compile_find(table: type[RefreshFamily]) -> CompiledQuery:
    """The one statement of a protected request: the family by its id, with its user."""

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
    """The one statement of a refresh: move a live family on from the token that was presented."""

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
    """The live family with this id."""
    for row in await query.run(family, now):
        user = take_user(row)
        scopes, factors = frozenset(row.pop("scope").split()), read_factors(row.pop("factors"))
        return Family(scopes=scopes, factors=factors, user=user, **row)
    return None


async def start(
    table: type[RefreshFamily],
    *,
    token: RefreshToken,
    user: Any,
    grant: Grant,
    client: ClientInfo,
    uphold: Callable[[], Awaitable[None]],
) -> None:
    """
    Start a family.

    Args:
        table: Where.
        token: Its first token.
        user: The primary key of the user.
        grant: What it says of its tokens; the user proved who they are just now.
        client: What is recorded of the client.
        uphold: Raises if what it is issued on no longer holds. It runs first in the
            transaction and locks the user, so that a password change either sees the
            family or stops it.
    """
    now = grant.authenticated_at
    row = table(
        id=token.family,
        user=user,
        generation=token.generation,
        current_digest=token.digest,
        scope=" ".join(sorted(grant.scopes)),
        created_at=now,
        rotated_at=now,
        expires_at=grant.expires_at,
        factors=write_factors(grant.factors),
        is_enrolling=grant.is_enrolling,
        ip=client.ip,
        user_agent=client.user_agent,
    )
    async with store(), transaction(table):
        await uphold()
        await table.insert(row)
        data = {"family": str(token.family)}
        await emit(AuthEvent("authn_token_created", now, user, data))


async def rotate(
    table: type[RefreshFamily],
    queries: Queries,
    presented: RefreshToken,
    successor: RefreshToken,
    now: datetime,
    grace: timedelta,
) -> Family:
    """
    Move a family on by one generation.

    Within the grace, a repeated refresh finds the family already where it wants it:
    racing tabs and lost answers converge on one successor. A token from further back
    was copied: the family ends.

    Raises:
        InvalidGrant: The token is not the current one, or its family is no more.
    """
    before = await find(queries.find, presented.family, now)
    if before is None or not before.user["active"]:
        raise InvalidGrant
    values = (successor.generation, presented.digest, successor.digest, now)
    condition = (presented.family, presented.generation, presented.digest, now)
    if await queries.rotate.run(*values, *condition):
        return before
    family = await find(queries.find, presented.family, now)
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
    Record that a factor was presented.

    Args:
        table: Where.
        family: Which.
        before: All that were presented so far; another was recorded meanwhile if they differ.
        after: All that were presented, this one included.
        is_second: Whether it is a second factor, which lifts the limit to enrolling one.

    Returns:
        Whether it was recorded.
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
    """The live families of a user, the latest first."""
    query = table.objects().where(
        table.user == user, table.expires_at > now, table.revoked_at.is_null()
    )
    rows: Sequence[RefreshFamily] = await query.order_by(table.created_at, ascending=False)
    return rows


async def revoke(table: type[RefreshFamily], family: UUID, now: datetime, user: Any = None) -> bool:
    """
    End a family, its access tokens included.

    Args:
        table: Where.
        family: Which.
        now: The present time.
        user: Only if it is this user's.

    Returns:
        Whether there was one.
    """
    return await _end(table, family, now, "authn_token_revoked", user)


async def end(table: type[RefreshFamily], user: Any, family: UUID, now: datetime) -> None:
    """
    End one family of a user.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    if not await revoke(table, family, now, user):
        raise NotFound


async def delete_expired_families(
    table: type[RefreshFamily] = RefreshFamily, *, now: datetime, batch: int = 500
) -> int:
    """Delete expired refresh families. Returns the number of rows."""
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
