"""Statements of the hot paths on refresh families: find one, and rotate its token."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.access.step_up import Factors, last_presented, read_factors
from piccolo_api_fastapi.core.database.lookups import Lookup
from piccolo_api_fastapi.core.database.statements import CompiledQuery
from piccolo_api_fastapi.core.database.user_tables import take_user, user_columns
from piccolo_api_fastapi.errors import InvalidGrant
from piccolo_api_fastapi.users import HeldPermissions

from .queries import Own, end_reused
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
    step_ups: dict[str, datetime]
    is_enrolling: bool
    user: dict[str, Any]
    permissions: str | None = None

    @property
    def authenticated_at(self) -> datetime:
        """The time when the user last presented a factor."""
        return last_presented(self.factors, self.created_at)

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
        own: The families of the scheme.
        find: Selects the family of a token.
        rotate: Moves a family to its next generation.
    """

    own: Own
    find: Lookup
    rotate: CompiledQuery


def compile_queries(
    own: Own, held: HeldPermissions | None = None, *, is_batched: bool = True
) -> CompiledQueries:
    """
    Compile both statements for the families of a scheme.

    Args:
        own: The families.
        held: The permissions of users, if they have roles.
        is_batched: Whether look-ups may share a statement.
    """
    return CompiledQueries(own, _compile_find(own, held, is_batched), _compile_rotate(own.table))


def _compile_find(own: Own, held: HeldPermissions | None, is_batched: bool) -> Lookup:  # noqa: FBT001
    """Compile the one statement of a protected request: a live family with its user."""
    table = own.table

    def build(is_wanted: Any, issuer: str, audience: str, now: datetime) -> Any:
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
        ).where(
            is_wanted,
            table.issuer == issuer,
            table.audience == audience,
            table.expires_at > now,
            table.revoked_at.is_null(),
        )

    return Lookup(
        table,
        table.id,
        build,
        UUID(int=0),
        own.issuer,
        own.audience,
        column_at=None if held is None else held.column_of(table),
        is_batched=is_batched,
    )


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


async def find(compiled: CompiledQueries, family: UUID, now: datetime) -> Family | None:
    """Look up the live family with this id."""
    row = await compiled.find.find(family, now)
    if row is None:
        return None
    user = take_user(row)
    scopes, factors = frozenset(row.pop("scope").split()), read_factors(row.pop("factors"))
    step_ups = _take_step_ups(factors)
    return Family(scopes=scopes, factors=factors, step_ups=step_ups, user=user, **row)


_AGAIN = "again: "
"""Begins the names of step-ups among the factors of a family."""


def _take_step_ups(factors: dict[str, datetime]) -> dict[str, datetime]:
    again = [name for name in factors if name.startswith(_AGAIN)]
    return {name.removeprefix(_AGAIN): factors.pop(name) for name in again}


def all_factors(factors: Factors, step_ups: Factors) -> Factors:
    """The factors of a family as its row has them, together with its step-ups."""
    return {**factors, **{f"{_AGAIN}{name}": at for name, at in step_ups.items()}}


REPLACEMENTS = 5
"""How many times in a row a lost successor is replaced by another."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """
    When a refresh may be repeated with the same token, and what it then gets.

    Args:
        successor: Derives the successor of a token, or the one that replaces a lost successor.
        grace: The time in which a repeated refresh gets the same successor.
        lost_within: The time in which it gets another, which replaces the first.
    """

    successor: Callable[[RefreshToken, RefreshToken | None], RefreshToken]
    grace: timedelta
    lost_within: timedelta


async def rotate(
    compiled: CompiledQueries,
    presented: RefreshToken,
    now: datetime,
    repeats: Repeats,
    check: Callable[[Family], Awaitable[None]],
) -> tuple[Family, RefreshToken]:
    """
    Move a family to its next generation. Returns the family and its new token.

    Within the grace, a repeated refresh finds that its successor is already the current token:
    racing tabs converge on it. Later, while the successor was never presented, the response was
    lost and another successor replaces it. The replaced one counts as used, so that a thief and
    the owner never hold the same token. Any other token has been copied, so it ends the family.

    Args:
        compiled: The compiled statements of the scheme.
        presented: The token that the client sent.
        now: The current time.
        repeats: The rules for a refresh that is repeated.
        check: Refuses a request before its token is used up. It is not called for a token that
            must end its family.

    Raises:
        InvalidGrant: The token is not the current one, or its family has ended.
    """
    before = await find(compiled, presented.family, now)
    if before is None or not before.user["active"]:
        raise InvalidGrant
    if presented.digest == before.current_digest:
        await check(before)
    successor = repeats.successor(presented, None)
    values = (successor.generation, presented.digest, successor.digest, now)
    condition = (presented.family, presented.generation, presented.digest, now)
    if await compiled.rotate.run(*values, *condition):
        return before, successor
    return await _repeat(compiled, presented, now, repeats, check)


async def _repeat(
    compiled: CompiledQueries,
    presented: RefreshToken,
    now: datetime,
    repeats: Repeats,
    check: Callable[[Family], Awaitable[None]],
) -> tuple[Family, RefreshToken]:
    """Answer a refresh with a token that is not the current one, or end its family."""
    family = await find(compiled, presented.family, now)
    if family is None:
        raise InvalidGrant
    candidate: RefreshToken | None = None
    for _ in range(REPLACEMENTS if family.previous_digest == presented.digest else 0):
        candidate = repeats.successor(presented, candidate)
        if candidate.digest != family.current_digest:
            continue
        if now < family.rotated_at + repeats.grace:
            return family, candidate
        if now < family.rotated_at + repeats.lost_within:
            await check(family)
            replacement = repeats.successor(presented, candidate)
            if await _replace(compiled.own, family, replacement, now):
                return family, replacement
            # Another request has replaced it, or has presented it.
            return await _repeat(compiled, presented, now, repeats, check)
    if presented.generation <= family.generation:
        await end_reused(compiled.own, family.id, now)
    raise InvalidGrant


async def _replace(own: Own, family: Family, token: RefreshToken, now: datetime) -> bool:
    """Replace the current token of a family, if it is still that which was found."""
    table = own.table
    moved = (
        await table.update({table.current_digest: token.digest, table.rotated_at: now})
        .where(
            table.id == family.id,
            table.generation == family.generation,
            table.current_digest == family.current_digest,
            table.expires_at > now,
            table.revoked_at.is_null(),
        )
        .returning(table.id)
    )
    return bool(moved)
