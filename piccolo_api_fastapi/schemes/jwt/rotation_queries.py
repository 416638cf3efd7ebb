"""Statements of the hot paths on refresh families: find one, and rotate its token."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.access.step_up import Factors, last_presented, read_factors
from piccolo_api_fastapi.core.database.lookups import Lookup
from piccolo_api_fastapi.core.database.statements import CompiledQuery
from piccolo_api_fastapi.core.database.user_tables import take_user, user_columns
from piccolo_api_fastapi.errors import InvalidGrant

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


def compile_queries(own: Own, *, is_batched: bool = True) -> CompiledQueries:
    """Compile both statements for the families of a scheme."""
    return CompiledQueries(own, _compile_find(own, is_batched), _compile_rotate(own.table))


def _compile_find(own: Own, is_batched: bool) -> Lookup:  # noqa: FBT001
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

    constants = own.issuer, own.audience
    return Lookup(table, table.id, build, UUID(int=0), *constants, is_batched=is_batched)


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


async def rotate(
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
        compiled: The compiled statements of the scheme.
        presented: The token that the client sent.
        successor: The token that replaces it.
        now: The current time.
        grace: The time in which a refresh may be repeated.

    Raises:
        InvalidGrant: The token is not the current one, or its family has ended.
    """
    before = await find(compiled, presented.family, now)
    if before is None or not before.user["active"]:
        raise InvalidGrant
    values = (successor.generation, presented.digest, successor.digest, now)
    condition = (presented.family, presented.generation, presented.digest, now)
    if await compiled.rotate.run(*values, *condition):
        return before
    family = await find(compiled, presented.family, now)
    if family is None:
        raise InvalidGrant
    digests = family.previous_digest, family.current_digest
    is_repeated = digests == (presented.digest, successor.digest)
    if is_repeated and now < family.rotated_at + grace:
        return family
    if presented.generation < family.generation:
        await end_reused(compiled.own, family.id, now)
    raise InvalidGrant
