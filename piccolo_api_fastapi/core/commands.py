"""Commands of features, which the Piccolo app offers on the command line."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, get_type_hints

from piccolo_api_fastapi.errors import AuthError, ConfigurationError, Unprocessable

Command: TypeAlias = Callable[..., Awaitable[None]]
"""An async function. Its name is that of the command, its docstring the help."""


@dataclass(frozen=True, slots=True)
class Tools:
    """
    The objects of an application that commands work with.

    ```python
    from piccolo_api_fastapi.features import Tools, declare_commands

    async def count_users(tools: Tools) -> None:
        print(await tools.users.table.count())

    declare_commands(count_users)
    ```

    Args:
        users: The `Users`.
        totp: The `TOTP`, or `None` if the application has none.
        token: The `TokenAuth`, or `None` for one with the default settings.
    """

    users: Any
    totp: Any = None
    token: Any = None

    async def user(self, identifier: str) -> Any:
        """
        Look up a user by username or e-mail address.

        Raises:
            SystemExit: There is no such user.
        """
        if (user := await self.users.find(str(identifier))) is None:
            raise SystemExit("There is no such user.")
        return user


COMMANDS: list[Any] = []
"""All declared commands, for the stock user table. `APP_CONFIG` has this very list."""

_declared: dict[str, Command] = {}
_default_tools: list[Callable[[], Tools]] = []


def declare_commands(*commands: Command) -> None:
    """
    Offer commands as `piccolo piccolo_api_fastapi <name>`.

    ```python
    from piccolo_api_fastapi.features import declare_commands

    async def greet(name: str) -> None:
        print(f"Hello, {name}!")

    declare_commands(greet)
    ```

    A command of the same name takes the place of an earlier one. If an error of this library ends
    a command, its sentence is printed, and the exit code is 1.

    Args:
        commands: Async functions; their parameters become options. The first one gets the `Tools`
            of the application if it is annotated with this class.
    """
    for command in commands:
        _declared[command.__name__] = command
        COMMANDS[:] = [one for one in COMMANDS if one.__name__ != command.__name__]
        COMMANDS.append(_bound(command, _make_tools))


def _make_tools() -> Tools:
    return _default_tools[0]()


def use_default_tools(make: Callable[[], Tools]) -> None:
    """Let `COMMANDS` work with these objects, which are made when a command runs."""
    _default_tools[:] = [make]


def commands_with(tools: Tools) -> list[Command]:
    """Return all declared commands, for the objects of an application."""
    return [_bound(command, lambda: tools) for command in _declared.values()]


def _bound(command: Command, tools: Callable[[], Tools]) -> Command:
    """Return a command without its first parameter, if that is for the tools."""
    parameters = list(inspect.signature(command).parameters.values())
    hints = get_type_hints(command)
    takes_tools = bool(parameters) and hints.get(parameters[0].name) is Tools

    @functools.wraps(command)
    async def bound(*arguments: Any, **options: Any) -> None:
        try:
            await command(*([tools()] if takes_tools else []), *arguments, **options)
        except Unprocessable as error:
            raise SystemExit(" ".join(item.msg for item in error.errors)) from None
        except AuthError as error:
            raise SystemExit(str(error.detail)) from None
        except ConfigurationError as error:
            raise SystemExit(str(error)) from None

    shown = parameters[takes_tools:]
    described: Any = bound
    described.__signature__ = inspect.Signature(shown)
    # Piccolo would list every annotation as an argument, `return` included.
    described.__annotations__ = {parameter.name: hints[parameter.name] for parameter in shown}
    del described.__wrapped__
    return bound
