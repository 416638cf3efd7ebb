"""`CodeGuesses`: limits the wrong codes that come with one session or app."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.database.failure_counters import FREE_FAILURES
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.errors import FactorDisabled, SignInAgain, TooManyRequests, Unavailable
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.tables import PasswordFailures

MOST_OF_ONE = FREE_FAILURES - 1
"""
The number of wrong codes in a row with one credential. It is smaller than the number after which
all credentials of a user have to wait, so that a stolen one alone never makes the others wait.
"""


class CodeGuesses:
    """
    Counts wrong codes by the credential they came with, beside the passwords that were wrong.

    A credential that has used up its tries can present no more codes. It takes a login to get
    another, so whoever stole one can't go on.

    Args:
        users: The users who present codes.
    """

    def __init__(self, users: Users[Any]) -> None:
        self._clock = users.clock
        self._table: Any = bound(PasswordFailures, users.table)

    @asynccontextmanager
    async def attempt(self, user: BaseUser, credential: Any) -> AsyncIterator[None]:
        """
        Count a guess as wrong; the block checks it. A right one resets the count.

        Args:
            user: The user.
            credential: The id of the credential.

        Raises:
            SignInAgain: There were too many wrong codes with this credential.
        """
        key = hashlib.sha256(f"code of credential {credential}".encode()).hexdigest()
        await self._reserve(key, primary_key(user))
        table = self._table
        try:
            yield
        except (TooManyRequests, FactorDisabled, Unavailable):  # no code was checked
            one_less = {table.failed_count: table.failed_count - 1}
            await table.update(one_less).where(table.key == key)
            raise
        await table.delete().where(table.key == key)

    async def _reserve(self, key: str, user: Any) -> None:
        name = self._table._meta.get_formatted_tablename()
        reserved = await self._table.raw(
            f'INSERT INTO {name} AS g ("key", "user", "failed_count", "waits_until", '  # noqa: S608 - our own
            '"checking_until", "is_admitted", "changed_at") VALUES ({}, {}, 1, 0, 0, TRUE, {}) '
            'ON CONFLICT ("key") DO UPDATE SET "failed_count" = g."failed_count" + 1, '
            f'"changed_at" = excluded."changed_at" WHERE g."failed_count" < {MOST_OF_ONE} '
            'RETURNING "key"',
            key,
            user,
            int(self._clock().timestamp() * 1000),
        )
        if not reserved:
            raise SignInAgain
