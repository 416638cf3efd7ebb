"""The messages of the library, each a class."""

from dataclasses import dataclass, field
from datetime import datetime, timezone

from .message import LinkMessage, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyEmail(LinkMessage):
    """
    Asks a user to verify a new e-mail address.

    Args:
        code: A code of six digits that can be typed instead of opening the link.
        code_expires_at: When the code expires, which is before the link does.
    """

    title = "Please confirm your e-mail address"

    code: str = field(repr=False)
    code_expires_at: datetime

    @property
    def _there(self) -> str:
        return f" at {self.product}" if self.product else ""

    def body(self) -> str:
        """Return the link and the code."""
        return (
            f"Somebody registered{self._there} with this address. If it was you, please confirm "
            "it:\n\n"
            f"{self.link}\n\n"
            f"or type the code {self.code} where you registered. The code is valid until "
            f"{_time(self.code_expires_at)}, the link until {_time(self.expires_at)}.\n\n"
            "If it was not you, do nothing: without a confirmation nobody can use the account."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyEmailFirst(LinkMessage):
    """Asks a user to verify their address who tried to sign in with the right password."""

    title = "Please confirm your e-mail address first"

    def body(self) -> str:
        """Return the link."""
        return (
            "You tried to sign in, but this address is not confirmed yet. Please confirm it:\n\n"
            f"{self.link}\n\n"
            f"Then sign in again. The link works once and expires at {_time(self.expires_at)}.\n\n"
            "If it was not you, do nothing: without a confirmation nobody can use the account."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRegistered(Message):
    """Tells a user that another registration or change of address named their address."""

    title = "You already have an account"

    def body(self) -> str:
        """Return that the user has an account."""
        return (
            "Somebody wanted to use this address for an account, but it belongs to yours.\n"
            "If it was you, just log in, or ask for a new password.\n\n"
            "If it was not you, there is nothing to do: nobody was told that you have an account."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsernameTaken(Message):
    """Tells the owner of a new address that the username they chose is taken."""

    title = "Please choose another username"

    def body(self) -> str:
        """Return that the username is taken."""
        return (
            "The username that you chose belongs to somebody else, so there is no account yet.\n"
            "Please register again with another one."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailTaken(Message):
    """Tells the owner of a new address that another unique value they chose is taken."""

    title = "Please register again"

    def body(self) -> str:
        """Return that a value is taken."""
        return (
            "Something that you filled in beside your username belongs to another account, so "
            "there is no account for you yet.\nPlease register again with something else."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword(LinkMessage):
    """Lets a user choose a new password."""

    title = "Choose a new password"

    def body(self) -> str:
        """Return the link."""
        return (
            f"Somebody asked for a new password for your {self.account}. If it was you, choose one "
            f"here:\n\n{self.link}\n\n"
            f"The link works once and expires at {_time(self.expires_at)}.\n\n"
            "If it was not you, do nothing: your password stays as it is."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(Message):
    """Tells a user that their password was changed or reset."""

    title = "Your password was changed"
    is_kept = True

    def body(self) -> str:
        """Return what was done, and when."""
        return (
            f"The password of your {self.account} was changed on {_time(self.at)}, and everybody "
            "who was signed in with the old one was signed out.\n\n"
            "If it was not you, ask for a new password at once."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmEmail(LinkMessage):
    """Asks a user to confirm a change to a new e-mail address. Sent to the new address."""

    title = "Please confirm your new e-mail address"

    def body(self) -> str:
        """Return the link."""
        return (
            f"You asked to use this address for your {self.account} from now on. Please confirm "
            "it:\n\n"
            f"{self.link}\n\n"
            f"The link works once and expires at {_time(self.expires_at)}. If it was not you, do "
            "nothing."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChangeRequested(Message):
    """
    Tells a user that a change of their e-mail address was requested. Sent to the present address.

    Args:
        new: The requested address.
    """

    title = "Somebody wants to change your e-mail address"
    is_kept = True

    new: str

    def body(self) -> str:
        """Return the requested address."""
        return (
            f"Somebody who is signed in to your {self.account} asked to change its address to "
            f"{self.new}.\nNothing has changed yet.\n\n"
            "If it was not you, change your password at once: that ends the request, too."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(LinkMessage):
    """
    Tells a user that their e-mail address was changed. Sent to the old address, with an undo link.

    Args:
        new: The new address.
    """

    title = "Your e-mail address was changed"
    is_kept = True

    new: str

    def body(self) -> str:
        """Return the link."""
        return (
            f"The address of your {self.account} is now {self.new}.\n\n"
            "If it was not you, take the account back. Everybody is signed out, and you are sent "
            f"a link to choose a new password:\n\n{self.link}\n\n"
            f"This is possible until {_time(self.expires_at)}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSignIn(Message):
    """
    Tells a user of a sign-in with a browser or an app that they never used before.

    Args:
        ip: The IP address of the client, or `None` if it is unknown.
        user_agent: The `User-Agent` of the client.
    """

    title = "A new sign-in to your account"
    is_kept = True

    ip: str | None
    user_agent: str

    def body(self) -> str:
        """Return the time, the address and the user agent."""
        where, agent = self.ip or "an unknown address", self.user_agent or "an unknown browser"
        return (
            f"Somebody signed in to your {self.account} on {_time(self.at)}, from {where}, with "
            f"{agent}.\n\n"
            "If it was not you, change your password at once: that signs everybody out."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorChanged(Message):
    """
    Tells a user that a second factor was changed or a recovery code used.

    Args:
        change: A sentence that says what was done.
        link: A single-use link that undoes a new second factor, or an empty text. It is a secret.
        expires_at: When the link expires.
    """

    title = "The second factor of your account"
    is_kept = True

    change: str
    link: str = field(default="", repr=False)
    expires_at: datetime | None = None

    def body(self) -> str:
        """Return what was done, and when, and the link."""
        done = f"{self.change} This happened on {_time(self.at)}.\n\nIf it was not you, "
        if self.expires_at is None:
            return f"{done}change your password at once: that signs everybody out."
        return (
            f"{done}take the account back. Everybody is signed out, what was set up since then is "
            f"removed, and you are sent a link to choose a new password:\n\n{self.link}\n\n"
            f"This is possible until {_time(self.expires_at)}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInCode(Message):
    """
    Gives a user a code that they present as a second factor. Sent by `EmailCode`.

    Args:
        code: The code. It is a secret.
        expires_at: When the code expires.
    """

    title = "Your code"

    code: str = field(repr=False)
    expires_at: datetime

    def body(self) -> str:
        """Return the code."""
        return (
            f"The code for your {self.account} is {self.code}. It is valid until "
            f"{_time(self.expires_at)}.\n\n"
            "If you did not ask for it, somebody else has your password. Please change it at once."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInByEmail(LinkMessage):
    """
    Lets a user sign in without a password. Sent by `EmailLogin`.

    Its link is an empty text if an app asked for it.

    Args:
        code: A code that can be typed instead of opening the link. It is a secret.
        browser: The browser that asked for it, such as `Firefox, Windows`, or an empty text.
        ip: The IP address that asked for it, or `None` if it is unknown.
    """

    title = "Your code to sign in"

    code: str = field(repr=False)
    browser: str
    ip: str | None

    def body(self) -> str:
        """Return the link and the code, and the time, the address and the browser."""
        there = f" at {self.product}" if self.product else ""
        where, agent = self.ip or "an unknown address", self.browser or "an unknown browser"
        link = (
            "open this link in the same browser and press the button:\n\n"
            f"{self.link}\n\n"
            f"or type the code {self.code} where you asked for it. One of the two works, once"
            if self.link
            else f"type the code {self.code} where you asked for it. It works once"
        )
        return (
            f"Somebody asked to sign in{there} with this address on {_time(self.at)}, from "
            f"{where}, with {agent}.\n\n"
            f"If it was you, {link}, until {_time(self.expires_at)}.\n\n"
            "If it was not you, do nothing, and tell nobody the code. Nobody from "
            f"{self.product or 'us'} asks for it: whoever does wants to get into your account."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed(Message):
    """Tells a user that their account was closed."""

    title = "Your account was closed"

    def body(self) -> str:
        """Return what was done, and when."""
        return f"Your {self.account} was closed on {_time(self.at)}. What it held is deleted."


def _time(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
