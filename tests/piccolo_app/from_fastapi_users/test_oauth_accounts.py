"""The migration of OAuth accounts."""

from collections import Counter
from typing import Any

import pytest

from piccolo_api_fastapi import OAuthAccount, ProviderIdentity, User, Users
from piccolo_api_fastapi.accounts.social.links import Links
from piccolo_api_fastapi.piccolo_app import FastAPIUsersTables, migrate_from_fastapi_users
from piccolo_api_fastapi.piccolo_app.from_fastapi_users.oauth_accounts import identity_of
from piccolo_api_fastapi.piccolo_app.from_fastapi_users.report import MovedUsers
from piccolo_api_fastapi.testing import FrozenClock
from tests.piccolo_app.from_fastapi_users.conftest import Old

ACCOUNTS = """
CREATE TABLE oauth_account (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL,
oauth_name VARCHAR(100) NOT NULL, access_token VARCHAR(1024) NOT NULL, expires_at INTEGER,
refresh_token VARCHAR(1024), account_id VARCHAR(320) NOT NULL, account_email VARCHAR(320) NOT NULL)
"""


@pytest.fixture
async def accounts(old: Old) -> Old:
    """Two users of fastapi-users, and the table of OAuth accounts."""
    await User.raw(ACCOUNTS)
    await old.add(1, "ada@example.com")
    await old.add(2, "grace@example.com")
    return old


async def link(
    row: int, user: int, provider: str, account: str, email: str = "ada@gmail.com"
) -> None:
    """Insert an OAuth account."""
    statement = "INSERT INTO oauth_account VALUES ({}, {}, {}, {}, NULL, NULL, {}, {})"
    await User.raw(statement, row, user, provider, "an access token", account, email)


async def left() -> list[int]:
    """The ids of the rows in the old table."""
    rows = await User.raw("SELECT id FROM oauth_account ORDER BY id")
    return [row["id"] for row in rows]


async def test_move(accounts: Old, users: Users[User], clock: FrozenClock) -> None:
    """Accounts at Google and GitHub are found by what these providers say, and others are left."""
    await link(1, 1, "google", "people/108", "Ada@gmail.com")
    await link(2, 1, "github", "42", "x" * 255)
    await link(3, 2, "google", "109")
    await link(4, 2, "microsoft", "a-guid")
    await link(5, 2, "microsoft", "another")
    await link(6, 2, "discord", "7")
    moved = await migrate_from_fastapi_users(users)
    assert moved == MovedUsers(
        users=2, oauth_accounts=3, left=Counter(microsoft=2, discord=1), erased=0
    )
    assert "Left: 3 OAuth accounts (1 by discord, 2 by microsoft)." in str(moved)
    links, expected = Links(users), {"108": "ada@example.com", "109": "grace@example.com"}
    for subject, owner in expected.items():
        identity = ProviderIdentity(
            issuer="https://accounts.google.com", subject=subject, email=None, email_verified=False
        )
        found: Any = await links.find(identity)
        user = await users.get(found.user)
        assert user is not None
        assert (user.email, found.email_verified, found.linked_at) == (owner, False, clock.now)
    rows = await OAuthAccount.select(OAuthAccount.subject, OAuthAccount.email).order_by(
        OAuthAccount.subject
    )
    assert [(row["subject"], row["email"]) for row in rows] == [
        ("108", "Ada@gmail.com"),
        ("109", "ada@gmail.com"),
        ("42", None),
    ]


async def test_again(accounts: Old, users: Users[User]) -> None:
    """An account is moved once: what was unlinked stays so; one that is new there is moved."""
    await link(1, 1, "google", "108")
    await migrate_from_fastapi_users(users)
    await OAuthAccount.delete(force=True)
    await link(2, 1, "github", "42")
    moved = await migrate_from_fastapi_users(users)
    assert moved == MovedUsers(oauth_accounts=1, moved_before=3)
    assert await OAuthAccount.select(OAuthAccount.provider) == [{"provider": "github"}]


async def test_left(accounts: Old, users: Users[User]) -> None:
    """Accounts of users who were refused or deleted, and second ones, are left."""
    await old_and_deleted(accounts, users)
    await link(1, 1, "google", "108")
    await link(2, 1, "google", "109")  # a user has one account at a provider
    await link(3, 2, "google", "110")  # a user who was deleted here
    await link(4, 3, "google", "111")  # a user who was refused
    await link(5, 9, "google", "112")  # nobody
    await link(6, 4, "google", "108")  # an account has one user
    moved = await migrate_from_fastapi_users(users, erase=True)
    assert (moved.oauth_accounts, moved.left) == (1, Counter(google=5))
    assert moved.erased_oauth_accounts == 1
    assert await left() == [2, 3, 4, 5, 6]


async def old_and_deleted(accounts: Old, users: Users[User]) -> None:
    """Delete a user who was moved, and add two others."""
    await migrate_from_fastapi_users(users)
    await User.delete().where(User.email == "grace@example.com")
    await accounts.add(3, "no address")
    await accounts.add(4, "linus@example.com")


async def test_erase(accounts: Old, users: Users[User]) -> None:
    """Rows of accounts that were moved are deleted with their tokens, also later."""
    await link(1, 1, "google", "108")
    await link(2, 1, "discord", "7")
    assert (await migrate_from_fastapi_users(users, dry_run=True, erase=True)).oauth_accounts == 1
    assert (await migrate_from_fastapi_users(users)).erased_oauth_accounts == 0
    assert await left() == [1, 2]
    moved = await migrate_from_fastapi_users(users, erase=True)
    assert moved == MovedUsers(
        moved_before=3, left=Counter(discord=1), erased=2, erased_oauth_accounts=1
    )
    assert await left() == [2]
    assert await OAuthAccount.count() == 1


async def test_another_table(accounts: Old, users: Users[User]) -> None:
    """The table may have another name; if it is missing, there are no accounts."""
    await link(1, 1, "google", "108")
    other = FastAPIUsersTables(oauth_table="other")
    assert await migrate_from_fastapi_users(users, source=other) == MovedUsers(users=2)


@pytest.mark.parametrize(
    ("provider", "account"),
    [
        ("google", "people/c108"),
        ("google", "people/me"),
        ("google", "people/108\n"),
        ("google", "١٢"),
        ("google", ""),
        ("github", "ada"),
        ("github", "042"),
        ("openid", "108"),
        ("", "108"),
        ("microsoft", "3fca123c-e217-4f05-adb9-217b37725d1f"),
    ],
)
def test_unknown(provider: str, account: str) -> None:
    """Nobody gets an account by an id that is not known for certain to be theirs."""
    assert identity_of(provider, account) is None
