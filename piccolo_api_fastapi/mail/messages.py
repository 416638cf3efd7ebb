"""Mail as data: what is to be told to whom. Sending it is one async callable's work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, ClassVar, TypeAlias

from typing_extensions import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    Something to tell a person.

    `subject` and `text()` are in English; for other words look at the class and its fields.

    Args:
        to: The stored address.
        username: Whose; empty where the address is not verified.
        user: The primary key of the user.
        at: When it happened.
    """

    subject: ClassVar[str] = ""

    is_kept: ClassVar[bool] = False
    """
    Whether the message is stored and sent again if it could not be sent. Then its own fields must
    be JSON values and no secrets. A `LinkMessage` gets a new link.
    """

    to: str
    username: str
    user: Any
    at: datetime

    def text(self) -> str:
        """The body, as plain text."""
        hello = f"Hello {self.username}," if self.username else "Hello,"
        return f"{hello}\n\n{self.body()}\n"

    def to_stranger(self) -> Self:
        """Without the name that whoever has the account chose: nobody knows whose address it is."""
        return replace(self, username="")

    def body(self) -> str:
        """The body, without the greeting."""
        return self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMessage(Message):
    """
    A message with a link that is good once.

    Args:
        link: Below the configured base URL. Never log it.
        expires_at: Until when it is good.
    """

    link: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyEmail(LinkMessage):
    """
    To a new address: is it yours?

    Args:
        code: Six digits that do the same as the link.
        code_expires_at: Until when the code is good; the link is good for longer.
    """

    subject = "Please confirm your e-mail address"

    code: str = field(repr=False)
    code_expires_at: datetime

    def body(self) -> str:
        """The link and the code."""
        return (
            "Somebody registered with this address. If it was you, please confirm it:\n\n"
            f"{self.link}\n\n"
            f"or type the code {self.code} where you registered. The code is good until "
            f"{_time(self.code_expires_at)}, the link until {_time(self.expires_at)}.\n\n"
            "If it was not you, do nothing: without a confirmation the account is of no use."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRegistered(Message):
    """To the owner of an address that somebody wants to register or to change to."""

    subject = "You already have an account"

    def body(self) -> str:
        """That there is an account."""
        return (
            "Somebody wanted to use this address for an account, but it belongs to yours.\n"
            "If it was you, just log in, or ask for a new password.\n\n"
            "If it was not you, there is nothing to do: nobody was told that you have an account."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsernameTaken(Message):
    """To a new address, whose owner chose a username that belongs to somebody else."""

    subject = "Please choose another username"

    def body(self) -> str:
        """That the name is taken."""
        return (
            "The username that you chose belongs to somebody else, so there is no account yet.\n"
            "Please register again with another one."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailTaken(Message):
    """To a new address, whose owner gave something else that only one account may have."""

    subject = "Please register again"

    def body(self) -> str:
        """That something is taken."""
        return (
            "Something that you filled in beside your username belongs to another account, so "
            "there is no account for you yet.\nPlease register again with something else."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword(LinkMessage):
    """To somebody who forgot their password."""

    subject = "Choose a new password"

    def body(self) -> str:
        """The link."""
        return (
            "Somebody asked for a new password for your account. If it was you, choose one here:"
            f"\n\n{self.link}\n\n"
            f"The link is good once, until {_time(self.expires_at)}.\n\n"
            "If it was not you, do nothing: your password stays as it is."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(Message):
    """To somebody whose password was changed or reset."""

    subject = "Your password was changed"
    is_kept = True

    def body(self) -> str:
        """That it was."""
        return (
            f"The password of your account was changed on {_time(self.at)}, and everybody who was "
            "signed in with the old one was signed out.\n\n"
            "If it was not you, ask for a new password at once."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmEmail(LinkMessage):
    """To the address that somebody wants to change to."""

    subject = "Please confirm your new e-mail address"

    def body(self) -> str:
        """The link."""
        return (
            "You asked to use this address for your account from now on. Please confirm it:\n\n"
            f"{self.link}\n\n"
            f"The link is good once, until {_time(self.expires_at)}. If it was not you, do nothing."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChangeRequested(Message):
    """
    To the present address, when somebody asked to change it.

    Args:
        new: The address that was asked for.
    """

    subject = "Somebody wants to change your e-mail address"
    is_kept = True

    new: str

    def body(self) -> str:
        """To which one."""
        return (
            f"Somebody who is signed in to your account asked to change its address to {self.new}."
            "\nNothing has changed yet.\n\n"
            "If it was not you, change your password at once: that ends the request, too."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(LinkMessage):
    """
    To the old address, when it was changed. The link undoes it.

    Args:
        new: The address that it was changed to.
    """

    subject = "Your e-mail address was changed"
    is_kept = True

    new: str

    def body(self) -> str:
        """The link."""
        return (
            f"The address of your account is now {self.new}.\n\n"
            "If it was not you, take the account back. Everybody is signed out, and you are sent "
            f"a link to choose a new password:\n\n{self.link}\n\n"
            f"This is possible until {_time(self.expires_at)}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSignIn(Message):
    """
    To somebody who signed in with a browser or an app that they never used before.

    Args:
        ip: From where, if that is known.
        user_agent: With what.
    """

    subject = "A new sign-in to your account"
    is_kept = True

    ip: str | None
    user_agent: str

    def body(self) -> str:
        """When, from where and with what."""
        where, agent = self.ip or "an unknown address", self.user_agent or "an unknown browser"
        return (
            f"Somebody signed in to your account on {_time(self.at)}, from {where}, with {agent}."
            "\n\n"
            "If it was not you, change your password at once: that signs everybody out."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorChanged(Message):
    """
    To somebody whose second factor was changed, or whose recovery code was used.

    Args:
        change: A sentence.
    """

    subject = "The second factor of your account"
    is_kept = True

    change: str

    def body(self) -> str:
        """What was done, and when."""
        return (
            f"{self.change} This happened on {_time(self.at)}.\n\n"
            "If it was not you, change your password at once: that signs everybody out."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed(Message):
    """To somebody whose account was closed."""

    subject = "Your account was closed"

    def body(self) -> str:
        """That it was."""
        return f"Your account was closed on {_time(self.at)}. What it held is deleted."


Mail: TypeAlias = Callable[[Message], Awaitable[None]]
"""Sends a message, or raises. It runs after the answer to the request."""


def _time(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
