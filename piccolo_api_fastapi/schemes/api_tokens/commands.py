"""Commands for Piccolo's command line: make, list, rotate and revoke API tokens."""

import functools
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.core.commands import Command, declare_commands
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import AuthError, NotFound, Unprocessable

from . import APIToken, NewToken, TokenAuth
from .values import CENTURY, Expiry


@configured
def token_commands(token: TokenAuth[Any] | None = None) -> list[Command]:
    """
    The commands for API tokens, for the `AppConfig` of your own Piccolo app.

    ```python
    from piccolo_api_fastapi import TokenAuth, token_commands

    commands = token_commands(TokenAuth(prefix="acme"))  # AppConfig(commands=commands)
    ```

    The app `piccolo_api_fastapi` has the same commands with the default settings. They require
    access to the database and therefore no login. A token never has scopes that its owner lacks.

    Args:
        token: The scheme of the tokens. Default: a `TokenAuth` with the default settings.
    """
    commands = TokenCommands(token)
    methods = (
        commands.create_service_user,
        commands.create_api_token,
        commands.list_api_tokens,
        commands.rotate_api_token,
        commands.revoke_api_token,
    )
    return [_as_function(method) for method in methods]


class TokenCommands:
    """
    The commands for API tokens; each public method is one.

    Args:
        token: The scheme of the tokens. Default: a `TokenAuth` with the default settings, made
            when a command runs.
    """

    def __init__(self, token: TokenAuth[Any] | None = None) -> None:
        self._token = token

    @property
    def _scheme(self) -> TokenAuth[Any]:
        return TokenAuth() if self._token is None else self._token

    async def create_service_user(self, username: str) -> None:
        """
        Create a service user, which is no person and can have API tokens.

        :param username:
            The username, such as `deploy`.
        """
        async with _sentences():
            made = await self._scheme.users.create_service(str(username))
        print(f"Created the service {made.username}.")  # noqa: T201 - a command

    async def create_api_token(
        self,
        user: str,
        name: str,
        scopes: str = "",
        days: int = 0,
        never: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """
        Create an API token and print it once.

        :param user:
            The username of the owner.
        :param name:
            The name of the token.
        :param scopes:
            The scopes of the token, separated by commas.
        :param days:
            The lifetime in days. Default: the longest allowed.
        :param never:
            Create a token that never expires, if that is allowed.
        """
        wanted = frozenset(scopes.replace(",", " ").split())

        async def anything() -> frozenset[str]:
            return wanted

        async with _sentences():
            owner, expires_at = await self._owner(user), self._expiry(days, never=never)
            _print_new(
                await self._scheme.create(
                    owner, str(name), scopes=wanted, expires_at=expires_at, may=anything
                )
            )

    async def list_api_tokens(self, user: str) -> None:
        """
        List the live API tokens of a user.

        :param user:
            The username.
        """
        async with _sentences():
            rows = await self._scheme.tokens_of(await self._owner(user))
        for row in rows:
            print(_line(row))  # noqa: T201 - a command

    async def rotate_api_token(self, token_id: str) -> None:
        """
        Replace the secret of an API token and print it once. The old one stops working.

        :param token_id:
            The id of the token, as `list_api_tokens` prints it.
        """
        async with _sentences():
            if not isinstance(identifier := _identifier(token_id), UUID):
                raise NotFound
            _print_new(await self._scheme.rotate(identifier))

    async def revoke_api_token(self, api_token: str) -> None:
        """
        Revoke an API token; it stops working at once.

        :param api_token:
            The id of the token; or the token itself, for example one that has leaked.
        """
        async with _sentences():
            await self._scheme.revoke(_identifier(api_token))
        print("Revoked.")  # noqa: T201 - a command

    async def _owner(self, username: str) -> Any:
        if (user := await self._scheme.users.find(str(username))) is None:
            raise NotFound("The user was not found.")
        return user

    def _expiry(self, days: int, *, never: bool) -> Expiry:
        if never:
            return None
        if not days:
            return "default"
        if not 0 < days <= CENTURY.days:
            raise SystemExit(f"days must be 1 to {CENTURY.days}.")
        return self._scheme.users.clock() + timedelta(days=days)


def _as_function(method: Command) -> Command:
    """Make a function of a method: Piccolo's command line would ask for its `self`."""

    @functools.wraps(method)
    async def command(*arguments: Any, **options: Any) -> None:
        await method(*arguments, **options)

    command.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return command


@asynccontextmanager
async def _sentences() -> AsyncIterator[None]:
    """End the command with a sentence where a route would answer an error."""
    try:
        yield
    except Unprocessable as error:
        raise SystemExit(" ".join(item.msg for item in error.errors)) from None
    except AuthError as error:
        raise SystemExit(str(error.detail)) from None


def _identifier(text: str) -> UUID | str:
    try:
        return UUID(text)
    except ValueError:
        return text


def _print_new(new: NewToken) -> None:
    print(_line(new.row), new.secret, sep="\n")  # noqa: T201 - a command


def _line(row: APIToken) -> str:
    return (
        f"{row.id}  …{row.last_four}  {row.name}  [{row.scope}]"
        f"  expires {_day(row.expires_at)}, last used {_day(row.last_used_at)}"
    )


def _day(at: datetime | None) -> str:
    return "never" if at is None else at.date().isoformat()


declare_commands(*token_commands())
