"""`Message`: what a message to a user is, as data. An async callable (`Mail`) sends it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

from typing_extensions import Self


class Words(NamedTuple):
    """
    The words of a message.

    Args:
        subject: The subject, of one line.
        text: The whole text.
    """

    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    A message to a user.

    ```python
    from piccolo_api_fastapi import Message


    async def mail(message: Message) -> None:
        print(message.to, message.subject, message.text())
    ```

    `subject` and `text()` are in English, unless the application has replaced them by `texts=`.

    Args:
        to: The stored e-mail address of the user.
        username: The username, or an empty text if the address is not verified.
        user: The primary key of the user.
        at: The time of the event that the message reports.
        product: The name of the product, which the subject and the text have.
        words: The subject and the text of an application that replaces those of the library.
    """

    title: ClassVar[str] = ""
    """The subject, without the name of the product."""

    is_kept: ClassVar[bool] = False
    """
    Whether the message is stored and sent again if it could not be sent. Then its own fields must
    be JSON values and no secrets. A `LinkMessage` gets a new link.
    """

    to: str
    username: str
    user: Any
    at: datetime
    product: str = ""
    words: Words | None = field(default=None, repr=False)

    @property
    def subject(self) -> str:
        """The subject, which names the product."""
        if self.words is not None:
            return self.words.subject
        return f"{self.product}: {self.title}" if self.product else self.title

    def text(self) -> str:
        """Return the whole text, with a greeting and the name of the product at the end."""
        if self.words is not None:
            return self.words.text
        hello = f"Hello {self.username}," if self.username else "Hello,"
        return "\n\n".join(filter(None, (hello, self.body(), self.product))) + "\n"

    @property
    def account(self) -> str:
        """What a text calls the account of the user."""
        return f"{self.product} account" if self.product else "account"

    def to_stranger(self) -> Self:
        """Return a copy without the username, for an address that may belong to somebody else."""
        return replace(self, username="")

    def body(self) -> str:
        """Return the text without the greeting."""
        return self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMessage(Message):
    """
    A message with a single-use link.

    Args:
        link: The link, below the configured base URL. It is a secret: never log it.
        expires_at: When the link expires.
    """

    link: str = field(repr=False)
    expires_at: datetime


MessageT = TypeVar("MessageT", bound=Message)

Mail: TypeAlias = Callable[[Message], Awaitable[None]]
"""
Sends a message or raises. It runs after the response to the request, at once if it has a true
attribute `at_once`, and otherwise within `MailLifetimes.spread`.
"""
