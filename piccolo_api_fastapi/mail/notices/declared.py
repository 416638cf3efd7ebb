"""Declared notices: the mail that users get about events of their account."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.mail.message import Message
from piccolo_api_fastapi.mail.messages import SecondFactorChanged

from .undo import UndoLink


class NewFactor(str):
    """
    A sentence about a new second factor. The mail carries a link that undoes it.

    ```python
    from piccolo_api_fastapi.features import NewFactor, declare_notices

    declare_notices({"key_added": NewFactor("A security key was added: {name}.")})
    ```

    The link is there if there are `Accounts` with mail for the users. The column `factor_since` of
    the table of the factor must not be before the time of the event.
    """

    __slots__ = ()


Notice: TypeAlias = str | type[Message]
"""
A sentence about a second factor, which may name data of the event, and is a `NewFactor` if one was
added; or a class of messages.
"""

_notices: dict[str, Notice] = {}


def declare_notices(notices: Mapping[str, Notice]) -> None:
    """
    Declare that `Notices` mails users about events.

    ```python
    from piccolo_api_fastapi.features import declare_notices

    declare_notices({"key_added": "A security key was added: {name}."})
    ```

    Args:
        notices: By the name of the event: a sentence, which is mailed as `SecondFactorChanged`
            with the data of the event filled in (`NewFactor` adds a link that undoes it), or a
            subclass of `Message`, whose own fields are taken from the data of the event.
    """
    _notices.update(notices)


def has_notice(event: AuthEvent) -> bool:
    """Whether users are mailed about this event."""
    return event.name in _notices


def is_new_factor(event: AuthEvent) -> bool:
    """Whether the notice about this event is about a new second factor."""
    return isinstance(_notices.get(event.name), NewFactor)


def write_notice(
    event: AuthEvent, whom: Mapping[str, Any], undo: UndoLink | None = None
) -> Message:
    """
    The message about an event that has a notice.

    Args:
        event: The event.
        whom: The fields that every message has.
        undo: The link that undoes a new second factor.
    """
    notice = _notices[event.name]
    if isinstance(notice, str):
        link = {} if undo is None else undo._asdict()
        return SecondFactorChanged(**whom, change=notice.format(**event.data), **link)
    own = {field.name for field in fields(notice)} - {field.name for field in fields(Message)}
    return notice(**whom, **{name: event.data[name] for name in own})
