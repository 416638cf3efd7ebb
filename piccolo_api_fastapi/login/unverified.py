"""What follows a refused login. Whatever verifies the addresses of a user table offers it here."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from piccolo.apps.user.tables import BaseUser

AfterRefusal: TypeAlias = Callable[[Any], Awaitable[None]]
"""
Is called after a refused login, with the inactive user whose password was right, or with `None`.
It may raise another error for the answer. Otherwise it must take the same time for all.
"""

_offers: dict[str, AfterRefusal] = {}


def offer_after_refusal(users: type[BaseUser], after: AfterRefusal) -> None:
    """
    Let every login of a user table call a function after it refused somebody.

    Args:
        users: The user table. A later offer for the same table replaces this one.
        after: The function.
    """
    _offers[users._meta.get_formatted_tablename()] = after


async def after_refusal(users: type[BaseUser], inactive: Any) -> None:
    """
    Call what was offered for a user table.

    Args:
        users: The user table.
        inactive: The inactive user whose password was right, if that is why they were refused.

    Raises:
        EmailNotVerified: The address of the user is not verified, and they may be told.
    """
    offer = _offers.get(users._meta.get_formatted_tablename())
    if offer is not None:
        await offer(inactive)
