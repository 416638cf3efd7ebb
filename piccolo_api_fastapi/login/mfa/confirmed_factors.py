"""Which second factors a user has set up, whatever login knows them."""

from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.users import Users


async def confirmed_factors(users: Users[Any], user: BaseUser) -> frozenset[str]:
    """
    Return the names of the second factors that a user has set up, such as `totp`. A disabled user
    keeps them.

    Args:
        users: The users.
        user: The user.
    """
    account = await users.passwords.lookup.get(primary_key(user))
    return frozenset() if account is None else account.confirmed
