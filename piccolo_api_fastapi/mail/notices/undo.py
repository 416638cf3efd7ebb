"""Links that undo a new second factor. Whatever makes them for a user table offers them here."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from piccolo.apps.user.tables import BaseUser


class UndoLink(NamedTuple):
    """
    A link that undoes what was done to an account since a moment.

    Args:
        link: The link. It is a secret.
        expires_at: When the link expires.
    """

    link: str
    expires_at: datetime


MakeUndoLink: TypeAlias = Callable[[Any, datetime], Awaitable[UndoLink | None]]
"""Returns a link that undoes what was done to a user since a moment, or `None`."""

Relink: TypeAlias = Callable[[Any, str, datetime], Awaitable[UndoLink | None]]
"""
Returns a new link for a message that is sent again, by the primary key of the user, the recipient
and the time of the message; or `None` if there is none.
"""

_offers: dict[str, tuple[MakeUndoLink, Relink]] = {}


def offer_undo(users: type[BaseUser], make: MakeUndoLink, relink: Relink) -> None:
    """
    Let every `Notices` of a user table send links that undo a new second factor.

    Args:
        users: The user table. A later offer for the same table replaces this one.
        make: Makes a link.
        relink: Makes another link for a message that is sent again.
    """
    _offers[users._meta.get_formatted_tablename()] = make, relink


async def undo_link(users: type[BaseUser], user: Any, since: datetime) -> UndoLink | None:
    """A link that undoes what was done to a user since a moment, if links are offered."""
    offer = _offers.get(users._meta.get_formatted_tablename())
    return None if offer is None else await offer[0](user, since)


def relink_undo(users: type[BaseUser]) -> Relink:
    """Return the function that makes another link for a message to a user of this table."""

    async def relink(user: Any, recipient: str, at: datetime) -> UndoLink | None:
        offer = _offers.get(users._meta.get_formatted_tablename())
        return None if offer is None else await offer[1](user, recipient, at)

    return relink
