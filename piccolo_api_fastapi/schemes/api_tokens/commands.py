"""Commands for Piccolo's command line: make, list, rotate and revoke API tokens."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.core.commands import Command, Tools, commands_with, declare_commands
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import NotFound

from . import APIToken, NewToken, TokenAuth
from .values import CENTURY, Expiry


async def create_service_user(tools: Tools, username: str) -> None:
    """
    Create a service user, which is no person and can have API tokens.

    :param username:
        The username, such as `deploy`.
    """
    made = await _scheme(tools).users.create_service(str(username))
    print(f"Created the service {made.username}.")  # noqa: T201 - a command


async def create_api_token(
    tools: Tools,
    user: str,
    name: str,
    scopes: str = "",
    days: int | None = None,
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
        Create a token that never expires, if that is allowed. Not together with days.
    """
    wanted = frozenset(scopes.replace(",", " ").split())

    async def anything() -> frozenset[str]:
        return wanted

    owner, expires_at = await tools.user(user), _expiry(tools, days, never=never)
    _print_new(
        await _scheme(tools).create(
            owner, str(name), scopes=wanted, expires_at=expires_at, may=anything
        )
    )


async def list_api_tokens(tools: Tools, user: str) -> None:
    """
    List the live API tokens of a user.

    :param user:
        The username.
    """
    rows = await _scheme(tools).tokens_of(await tools.user(user))
    for row in rows:
        print(_line(row))  # noqa: T201 - a command


async def rotate_api_token(tools: Tools, token_id: str) -> None:
    """
    Replace the secret of an API token and print it once. The old one stops working.

    :param token_id:
        The id of the token, as `list_api_tokens` prints it.
    """
    if not isinstance(identifier := _identifier(token_id), UUID):
        raise NotFound
    _print_new(await _scheme(tools).rotate(identifier))


async def revoke_api_token(tools: Tools, api_token: str) -> None:
    """
    Revoke an API token; it stops working at once.

    :param api_token:
        The id of the token; or the token itself, for example one that has leaked.
    """
    await _scheme(tools).revoke(_identifier(api_token))
    print("Revoked.")  # noqa: T201 - a command


@configured
def token_commands(token: TokenAuth[Any] | None = None) -> list[Command]:
    """
    Return the commands for API tokens, for the `AppConfig` of your own Piccolo app.

    ```python
    from piccolo_api_fastapi import TokenAuth, token_commands

    commands = token_commands(TokenAuth(prefix="acme"))  # AppConfig(commands=commands)
    ```

    They require access to the database and therefore no login. A token never has scopes that its
    owner lacks. `auth_commands` returns them too, with all others.

    Args:
        token: The scheme of the tokens. Default: a `TokenAuth` with the default settings.
    """
    token = token or TokenAuth()
    names = {command.__name__ for command in _COMMANDS}
    commands = commands_with(Tools(token.users, token=token))
    return [command for command in commands if command.__name__ in names]


def _scheme(tools: Tools) -> TokenAuth[Any]:
    return tools.token or TokenAuth(tools.users)


def _expiry(tools: Tools, days: int | None, *, never: bool) -> Expiry:
    if never and days is not None:
        raise SystemExit("Give either days or never, not both.")
    if never:
        return None
    if days is None:
        return "default"
    if not 0 < days <= CENTURY.days:
        raise SystemExit(f"days must be 1 to {CENTURY.days}.")
    now: datetime = tools.users.clock()
    return now + timedelta(days=days)


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


_COMMANDS = (
    create_service_user,
    create_api_token,
    list_api_tokens,
    rotate_api_token,
    revoke_api_token,
)
declare_commands(*_COMMANDS)
