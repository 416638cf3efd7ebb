"""Commands for Piccolo's command line: make, list, rotate and revoke API tokens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from piccolo_api_fastapi.core.commands import Command, declare_commands
from piccolo_api_fastapi.errors import AuthError, NotFound, Unprocessable

from . import APIToken, NewToken, TokenAuth

MAXIMUM_DAYS = 36_525


def token_commands(token: TokenAuth[Any] | None = None) -> list[Command]:
    """
    Commands for `AppConfig(commands=…)` of your own Piccolo app, by your own settings.

    `piccolo_api_fastapi` itself has them with the default ones. Whoever runs them has the
    database, so they ask nobody what a token may be given; what its owner may not do, it may
    not do either.

    Args:
        token: The scheme whose tokens they are; by default a stock one.
    """

    def scheme() -> TokenAuth[Any]:
        return TokenAuth() if token is None else token

    async def create_service_user(username: str) -> None:
        """
        Create a user who is no person, for API tokens.

        :param username:
            Its name, such as `deploy`.
        """
        async with _told():
            made = await scheme().users.create_service(str(username))
        print(f"Created the service {made.username}.")  # noqa: T201 - a command

    async def create_api_token(
        user: str,
        name: str,
        scopes: str = "",
        days: int = 0,
        never: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """
        Make an API token and print it, once.

        :param user:
            The username of its owner.
        :param name:
            What it is for.
        :param scopes:
            What it may do, separated by commas.
        :param days:
            How long it lives; by default as long as may be.
        :param never:
            It does not expire, where that is allowed.
        """
        async with _told():
            _print_new(await _create(scheme(), str(user), str(name), scopes, days, never=never))

    async def list_api_tokens(user: str) -> None:
        """
        List the live API tokens of a user.

        :param user:
            The username.
        """
        async with _told():
            rows = await scheme().tokens_of(await _owner(scheme(), str(user)))
        for row in rows:
            print(_line(row))  # noqa: T201 - a command

    async def rotate_api_token(token_id: str) -> None:
        """
        Give an API token a new secret and print it, once; the old one is dead at once.

        :param token_id:
            The id, as the list shows it.
        """
        async with _told():
            if not isinstance(identifier := _identifier(token_id), UUID):
                raise NotFound
            _print_new(await scheme().rotate(identifier))

    async def revoke_api_token(api_token: str) -> None:
        """
        End an API token, at once.

        :param api_token:
            The id; or the token itself, if it was found where it should not be.
        """
        async with _told():
            await scheme().revoke(_identifier(api_token))
        print("Revoked.")  # noqa: T201 - a command

    return [
        create_service_user,
        create_api_token,
        list_api_tokens,
        rotate_api_token,
        revoke_api_token,
    ]


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """Ends the command with a sentence, where a route would answer an error."""
    try:
        yield
    except Unprocessable as error:
        raise SystemExit(" ".join(item.msg for item in error.errors)) from None
    except AuthError as error:
        raise SystemExit(str(error.detail)) from None


async def _owner(token: TokenAuth[Any], username: str) -> Any:
    if (user := await token.users.find(username)) is None:
        raise NotFound("There is no such user.")
    return user


async def _create(
    token: TokenAuth[Any], user: str, name: str, scopes: str, days: int, *, never: bool
) -> NewToken:
    expires_at: datetime | Literal["default"] | None = None if never else "default"
    if days and not never:
        if not 0 < days <= MAXIMUM_DAYS:
            raise SystemExit(f"A token lives 1 to {MAXIMUM_DAYS} days.")
        expires_at = token.users.clock() + timedelta(days=days)
    wanted = frozenset(scopes.replace(",", " ").split())

    async def anything() -> frozenset[str]:
        return wanted

    owner = await _owner(token, user)
    return await token.create(owner, name, scopes=wanted, expires_at=expires_at, may=anything)


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
