"""Commands of features, which the Piccolo app offers on the command line."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Command: TypeAlias = Callable[..., Awaitable[None]]
"""An async function. Its name is that of the command, its docstring the help."""

COMMANDS: list[Any] = []
"""All declared commands, in the order of their declaration. `APP_CONFIG` has this very list."""


def declare_commands(*commands: Command) -> None:
    """
    Offer commands as `piccolo piccolo_api_fastapi <name>`.

    ```python
    from piccolo_api_fastapi.features import declare_commands

    async def greet(name: str) -> None:
        print(f"Hello, {name}!")

    declare_commands(greet)
    ```

    A command of the same name takes the place of an earlier one.

    Args:
        commands: Async functions; their parameters become options.
    """
    names = {command.__name__ for command in commands}
    COMMANDS[:] = [one for one in COMMANDS if one.__name__ not in names]
    COMMANDS.extend(commands)
