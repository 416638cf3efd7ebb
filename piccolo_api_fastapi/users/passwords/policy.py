"""`PasswordPolicy`: the rules for new passwords."""

import inspect
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError, FieldError, WeakPassword

from .hasher import MAXIMUM_CHARACTERS, is_hashable

SHORTEST_PASSWORD = 8
"""NIST SP 800-63B-4 section 3.1.1.2."""

BreachCheck: TypeAlias = Callable[[str], Awaitable[bool] | bool]
"""Returns whether a password has appeared in a data leak; sync or async."""


@configured
@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """
    The rules for new passwords: long enough, not common, and not the user's own name.

    There are no rules of composition, and passwords do not expire (NIST SP 800-63B-4 section
    3.1.1.2).

    ```python
    from piccolo_api_fastapi import PasswordPolicy, Users

    users = Users(policy=PasswordPolicy(minimum=12, forbidden=["movieclub"]))
    ```

    Args:
        minimum: The minimum length in characters (code points), from 8 to 128.
        forbidden: Further words that a password may not be, such as the name of the service.
        breach_check: A function that returns whether a password has leaked, such as
            `BreachedPasswords()`. It is called only if all other rules are met.

    Raises:
        ConfigurationError: The minimum is below 8 or above 128.
    """

    minimum: int = SHORTEST_PASSWORD
    forbidden: tuple[str, ...] = ()
    breach_check: BreachCheck | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not SHORTEST_PASSWORD <= self.minimum <= MAXIMUM_CHARACTERS:
            raise ConfigurationError(
                f"minimum is {self.minimum}; "
                f"use {SHORTEST_PASSWORD} to {MAXIMUM_CHARACTERS} characters."
            )

    @classmethod
    def strict(cls, **options: Any) -> "PasswordPolicy":
        """
        Return a policy of at least 15 characters, as NIST asks where a password is the only factor.

        ```python
        from piccolo_api_fastapi import PasswordPolicy

        assert PasswordPolicy.strict().minimum == 15
        ```

        Args:
            options: The other arguments of `PasswordPolicy`.
        """
        return cls(minimum=15, **options)

    async def check(self, password: str, *own: str | None) -> None:
        """
        Check a new password.

        Args:
            password: The new password.
            own: The user's name, e-mail address and similar words.

        Raises:
            WeakPassword: The password breaks a rule. The code is `password_too_short`,
                `password_too_long`, `password_invalid`, `password_common`, `password_personal`
                or `password_breached`.
        """
        if error := self._error(password, own):
            raise WeakPassword([error])
        if self.breach_check is not None:
            breached = self.breach_check(password)
            if await breached if inspect.isawaitable(breached) else breached:
                raise WeakPassword(
                    [_error("password_breached", "This password has appeared in a data leak.")]
                )

    def _error(self, password: str, own: tuple[str | None, ...]) -> FieldError | None:
        if len(password) < self.minimum:
            return _error("password_too_short", f"Use at least {self.minimum} characters.")
        if len(password) > MAXIMUM_CHARACTERS:
            return _error("password_too_long", f"Use at most {MAXIMUM_CHARACTERS} characters.")
        if not is_hashable(password) or "\x00" in password:
            return _error(
                "password_invalid", "The password contains characters that can't be used."
            )
        folded = _fold(password)
        if folded in _common_passwords():
            return _error("password_common", "This is one of the most common passwords.")
        if folded in _personal(own) | {_fold(word) for word in self.forbidden}:
            return _error(
                "password_personal",
                "Don't use your name, your address or the name of this service.",
            )
        return None


def _error(code: str, sentence: str) -> FieldError:
    return FieldError(("body", "password"), sentence, code)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _personal(own: tuple[str | None, ...]) -> set[str]:
    words = {_fold(word) for word in own if word}
    return words | {word.partition("@")[0] for word in words}


@cache
def _common_passwords() -> frozenset[str]:
    text = (
        files("piccolo_api_fastapi.users.passwords")
        .joinpath("common_passwords.txt")
        .read_text("utf-8")
    )
    return frozenset(text.splitlines())
