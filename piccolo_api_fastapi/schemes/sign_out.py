"""Signing out everywhere: ending all credentials of a user but one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from piccolo.table import Table

from piccolo_api_fastapi.access.identity import Identity, check_scopes
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.users import Users


@asynccontextmanager
async def signing_out(
    users: Users[Any], table: type[Table], caller: Identity[Any], *, everything: bool
) -> AsyncIterator[None]:
    """
    Open the transaction in which a user ends others of their credentials.

    Args:
        users: The users of the scheme.
        table: A table on their engine.
        caller: The user, and the credential that stays.
        everything: Whether all other credentials end with those that the block ends.

    Raises:
        InvalidCredentials: The account was closed meanwhile.
        InsufficientScope: The credential was narrowed: it lacks a scope that the user has.
    """
    async with transaction(table):
        await users.lock(primary_key(caller.user))
        yield
        if everything:
            await _end_everything(users, caller)


async def _end_everything(users: Users[Any], caller: Identity[Any]) -> None:
    check_scopes(caller.scopes, await users.scopes_of(caller.user))
    await users.end_credentials(caller.user, keep=caller.credential_id, everything=True)
