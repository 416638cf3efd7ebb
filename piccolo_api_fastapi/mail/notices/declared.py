"""Declared notices: the mail that users get about events of their account."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.mail.messages import Message, SecondFactorChanged

Notice: TypeAlias = str | type[Message]
"""A sentence about a second factor, which may name data of the event; or a class of messages."""

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
            with the data of the event filled in, or a subclass of `Message`, whose own fields
            are taken from the data of the event.
    """
    _notices.update(notices)


def has_notice(event: AuthEvent) -> bool:
    """Whether users are mailed about this event."""
    return event.name in _notices


def write_notice(event: AuthEvent, whom: Mapping[str, Any]) -> Message:
    """
    The message about an event that has a notice.

    Args:
        event: The event.
        whom: The fields that every message has.
    """
    notice = _notices[event.name]
    if isinstance(notice, str):
        return SecondFactorChanged(**whom, change=notice.format(**event.data))
    own = {field.name for field in fields(notice)} - whom.keys()
    return notice(**whom, **{name: event.data[name] for name in own})
