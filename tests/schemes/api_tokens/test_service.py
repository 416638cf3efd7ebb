"""API tokens by code: the cap and the rotation under load, and what they refuse."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest

from piccolo_api_fastapi import (
    APIToken,
    AuthEvent,
    ConfigurationError,
    NewToken,
    TokenAuth,
    User,
    Users,
    auth_tables,
    delete_expired_tokens,
    subscribe,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import (
    Conflict,
    Forbidden,
    InsufficientScope,
    NotFound,
    TokenLimitReached,
    Unprocessable,
)
from piccolo_api_fastapi.schemes.api_tokens import queries
from piccolo_api_fastapi.testing import FrozenClock, assert_single_winner, race
from tests.models import Customer


async def works(token: TokenAuth[User], secret: str) -> bool:
    """Whether a request with this token is let in."""
    digest = token.kind.digest(secret)
    return await token._find.find(digest, token.users.clock()) is not None


async def test_the_last_slot(token: TokenAuth[User], ada: User, grace: User) -> None:
    """Of 24 callers for the last free slot one wins; the others are told why."""
    await token.create(grace, "of somebody else")
    for _ in range(4):
        await token.create(ada, "report")
    results = await race(lambda: token.create(ada, "the last"))
    made = [result for result in results if isinstance(result, NewToken)]
    refused = [result for result in results if isinstance(result, TokenLimitReached)]
    assert (len(made), len(refused)) == (1, 23)
    assert len(await token.tokens_of(ada)) == 5
    assert await works(token, made[0].secret)


async def test_an_empty_slate(users: Users[User], ada: User) -> None:
    """Of 24 callers with no row to lock but the user's own, as many as the cap win."""
    token = TokenAuth(users, max_per_user=3)
    results = await race(lambda: token.create(ada, "report"))
    assert len([result for result in results if isinstance(result, NewToken)]) == 3
    assert len(await token.tokens_of(ada)) == 3
    one = TokenAuth(users, max_per_user=1)
    await token.revoke_all(ada)
    await assert_single_winner(lambda: one.create(ada, "report"))


async def test_any_number(users: Users[User], ada: User) -> None:
    """A user has any number of tokens, each its own; without a cap there is none."""
    token = TokenAuth(users, max_per_user=None)
    results = await race(lambda: token.create(ada, "report"), 24)
    secrets = [result.secret for result in results if isinstance(result, NewToken)]
    assert len(set(secrets)) == 24
    assert len(await token.tokens_of(ada)) == 24
    for secret in secrets[::8]:
        assert await works(token, secret)


async def test_racing_rotations(token: TokenAuth[User], ada: User) -> None:
    """Of 24 rotations at once one is done, and its secret is the one that works."""
    old = await token.create(ada, "report")
    results = await race(lambda: token.rotate(old.row.id))
    made = [result for result in results if isinstance(result, NewToken)]
    assert all(isinstance(result, NewToken | Conflict) for result in results)
    working = [new for new in made if await works(token, new.secret)]
    # Those that began when another was done rotated its secret; nobody holds two.
    assert len(working) == 1
    assert not await works(token, old.secret)
    assert await APIToken.count() == 1


async def test_a_stale_rotation(token: TokenAuth[User], ada: User) -> None:
    """Whoever looked before another rotated or revoked is told, and changes nothing."""
    old = await token.create(ada, "report")
    now = token.users.clock()
    new = await token.rotate(old.row.id)
    with pytest.raises(Conflict):
        await queries.rotate(old.row, old.row, now=now)
    await token.revoke(new.row.id)
    with pytest.raises(Conflict):
        await queries.rotate(new.row, old.row, now=now)
    assert not await works(token, old.secret)


async def test_racing_revocations(token: TokenAuth[User], ada: User) -> None:
    """Of 24 revocations at once one is done."""
    new = await token.create(ada, "report")

    async def revoke() -> bool:
        await token.revoke(new.row.id)
        return True

    await assert_single_winner(revoke)


async def test_racing_first_uses(token: TokenAuth[User], ada: User) -> None:
    """Of 24 first uses at once one is written, and it stands."""
    new = await token.create(ada, "report")
    now = token.users.clock()
    found = await queries.find(token._find, new.row.digest, now)
    assert found is not None
    await race(lambda: queries.touch(token.table, found, now))
    later = now + timedelta(seconds=59)
    await queries.touch(token.table, found, later)
    assert await APIToken.select(APIToken.last_used_at) == [{"last_used_at": now}]


@pytest.mark.security(24)
async def test_a_password_change_at_the_same_time(
    token: TokenAuth[User], users: Users[User], ada: User
) -> None:
    """Tokens that are made while a password is set either end by it or come after it."""

    async def change() -> None:
        await users.set_password(ada, "another correct horse")

    started = asyncio.create_task(change())
    made = await race(lambda: token.create(ada, "report"), 5)
    await started
    living = {row.id for row in await token.tokens_of(ada)}
    assert living <= {new.row.id for new in made if isinstance(new, NewToken)}
    await users.set_password(ada, "a third correct horse")
    assert not await token.tokens_of(ada)


async def test_a_disabled_owner(token: TokenAuth[User], users: Users[User], ada: User) -> None:
    """Nothing is made for a user who is disabled or gone, or rotated."""
    new = await token.create(ada, "report")
    await User.update({User.active: False}).where(User.id == ada.id)
    with pytest.raises(NotFound):
        await token.create(ada, "report")
    with pytest.raises(NotFound):
        await token.rotate(new.row.id)
    await User.delete().where(User.id == ada.id)
    with pytest.raises(NotFound):
        await token.create(ada, "report")
    assert await APIToken.count() == 0


async def test_scopes(token: TokenAuth[User], grace: User, ada: User) -> None:
    """By code, too, a token has no more than its owner; nothing by default."""
    assert (await token.create(ada, "n")).row.scopes == frozenset()
    assert (await token.create(grace, "w", scopes=("write", "read", "read"))).row.scope == (
        "read write"
    )
    with pytest.raises(InsufficientScope):
        await token.create(ada, "w", scopes=["write"])
    unusable: list[Any] = ["read", ["read write"], [""], ['"'], ["a\n"]]
    for scopes in unusable:
        with pytest.raises(Unprocessable):
            await token.create(ada, "x", scopes=scopes)


async def test_names(token: TokenAuth[User], ada: User) -> None:
    """A name that can be seen, of up to 100 characters."""
    assert (await token.create(ada, " \u00e9t\u00e9 ")).row.name == "\u00e9t\u00e9"
    assert len((await token.create(ada, "x" * 100)).row.name) == 100
    for name in ("", " ", "a\x00", "a\nb", "\ud800", "x" * 101):
        with pytest.raises(Unprocessable):
            await token.create(ada, name)


async def test_revoke_by_the_secret(token: TokenAuth[User], ada: User, grace: User) -> None:
    """A token that was found somewhere ends by its own text; anything else is not found."""
    new = await token.create(ada, "report")
    with pytest.raises(NotFound):
        await token.revoke(new.secret, user=grace)
    await token.revoke(new.secret)
    for unknown in (new.secret, new.row.digest, "", "pat_", uuid4()):
        with pytest.raises(NotFound):
            await token.revoke(unknown)


async def test_revoke_all(token: TokenAuth[User], ada: User, grace: User) -> None:
    """All of one user, and of no other."""
    for owner in (ada, ada, grace):
        await token.create(owner, "report")
    assert await token.revoke_all(ada) == 2
    assert await token.revoke_all(ada) == 0
    assert len(await token.tokens_of(grace)) == 1


@pytest.mark.parametrize("several", [False, True])
async def test_a_refused_revocation(token: TokenAuth[User], ada: User, *, several: bool) -> None:
    """If a listener refuses the event before the commit, the tokens still work."""
    made = [await token.create(ada, name) for name in ("nightly", "weekly")]

    def refuse(event: AuthEvent) -> None:
        if event.name == "authn_token_revoked":
            raise Forbidden

    stop = subscribe(refuse, when="before_commit")
    with pytest.raises(Forbidden):
        await (token.revoke_all(ada) if several else token.revoke(made[0].row.id))
    stop()
    assert all([await works(token, new.secret) for new in made])
    assert await token.revoke_all(ada) == 2


async def test_unlimited(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """Never, and later than by default, where that was chosen; rotation keeps it."""
    token = TokenAuth(users, allow_unlimited=True)
    never = await token.create(ada, "never", expires_at=None)
    late = await token.create(ada, "late", expires_at=clock.now + timedelta(days=3650))
    clock.advance(timedelta(days=3000))
    assert await works(token, never.secret)
    rotated = await token.rotate(never.row.id)
    assert rotated.row.expires_at is None
    assert (await token.rotate(late.row.id)).row.expires_at == clock.now + timedelta(days=3650)
    with pytest.raises(Unprocessable):
        await token.create(ada, "x", expires_at=clock.now + timedelta(days=40_000))
    # Once that is no longer chosen, a rotation brings it to an end.
    limited = TokenAuth(users, expires_in=timedelta(days=90))
    for new in (never, late):
        renewed = await limited.rotate(new.row.id)
        assert renewed.row.expires_at == clock.now + timedelta(days=90)


async def test_expiry_by_code(token: TokenAuth[User], ada: User, clock: FrozenClock) -> None:
    """A time without a zone is nobody's; one with is kept in UTC."""
    with pytest.raises(Unprocessable):
        await token.create(ada, "x", expires_at=datetime(2026, 6, 1))  # noqa: DTZ001
    zone = timezone(timedelta(hours=5))
    new = await token.create(ada, "x", expires_at=datetime(2026, 6, 1, tzinfo=zone))
    [row] = await token.tokens_of(ada)
    assert row.expires_at == new.row.expires_at == datetime(2026, 5, 31, 19, tzinfo=timezone.utc)
    with pytest.raises(Unprocessable):
        await token.create(ada, "x", expires_at=clock.now)


async def test_clean(token: TokenAuth[User], ada: User, clock: FrozenClock) -> None:
    """Expired and revoked rows are deleted, in batches; live ones and endless ones stay."""
    endless = TokenAuth(token.users, allow_unlimited=True, max_per_user=None)
    for _ in range(3):
        revoked = await endless.create(ada, "revoked")
        await endless.revoke(revoked.row.id)
        await endless.create(ada, "expired", expires_at=clock.now + timedelta(days=1))
    await endless.create(ada, "never", expires_at=None)
    await endless.create(ada, "live")
    clock.advance(timedelta(days=1))
    assert await delete_expired_tokens(now=clock.now, batch=2) == 6
    assert {row.name for row in await endless.tokens_of(ada)} == {"never", "live"}
    assert await delete_expired_tokens(APIToken, now=clock.now) == 0


async def test_rolled_back(token: TokenAuth[User], ada: User) -> None:
    """In a transaction of the application, a token is made with the rest or not at all."""

    async def fail() -> None:
        async with transaction(User):
            await token.create(ada, "report")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert not await token.tokens_of(ada)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "options",
    [
        {"prefix": ""},
        {"prefix": "Pat"},
        {"prefix": "pat_"},
        {"prefix": "x" * 17},
        {"expires_in": timedelta(0)},
        {"expires_in": timedelta(days=-1)},
        {"expires_in": timedelta.max},
        {"max_per_user": 0},
        {"max_per_user": -1},
        {"table": auth_tables(Customer).api_token},
    ],
)
def test_configuration(users: Users[User], options: Any) -> None:
    """Unusable settings are refused when the object is made."""
    with pytest.raises(ConfigurationError):
        TokenAuth(users, **options)


async def test_its_own_users(database: Any) -> None:
    """Without `users` they are the stock ones, in the stock table."""
    token = TokenAuth()
    assert token.users.table is User
    assert token.table is APIToken
    with pytest.raises(NotFound):
        await token.rotate(UUID(int=0))
