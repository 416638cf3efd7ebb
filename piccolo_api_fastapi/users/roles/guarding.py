"""Who may change what of roles: nobody beyond their own permissions, and one manager stays."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from piccolo_api_fastapi.access.permissions import EVERYTHING
from piccolo_api_fastapi.errors import InsufficientScope, LastManager

from . import queries
from .queries import Own

MANAGE = "roles:manage"
"""The permission to create, change, grant and withdraw roles."""


@dataclass(frozen=True, slots=True)
class Actor:
    """
    The user who changes roles.

    Args:
        key: The primary key of the user.
        scopes: Returns the scopes of their credential, in the transaction of the change; raises
            if it is no longer valid.
    """

    key: Any
    scopes: Callable[[], Awaitable[frozenset[str]]]

    async def refuse_beyond(self, *permissions: Collection[str]) -> None:
        """
        Make sure that the credential has all of these permissions now.

        Raises:
            InsufficientScope: It lacks one.
        """
        held = await self.scopes()
        missing = frozenset[str]().union(*permissions) - held
        if missing and EVERYTHING not in held:
            raise InsufficientScope(sorted(missing))


@asynccontextmanager
async def keeping_manager(own: Own) -> AsyncIterator[None]:
    """
    Make sure that the block leaves an active user who may manage roles, if there is one.

    Grants that expire do not count. Open it in a transaction that has locked the users that the
    block changes. It locks the roles, so that of two blocks the second sees what the first did.

    Raises:
        LastManager: Nobody is left.
    """
    await queries.lock_roles_with(own, MANAGE)
    is_managed = await queries.is_held_forever(own, MANAGE)
    yield
    if is_managed and not await queries.is_held_forever(own, MANAGE):
        raise LastManager
