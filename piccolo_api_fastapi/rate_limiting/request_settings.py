"""Settings that a function of the connection, or a FastAPI dependency, returns."""

import inspect
from collections.abc import Callable
from typing import Any

from fastapi import Depends, Response, params
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from piccolo_api_fastapi.errors import ConfigurationError

_CONNECTIONS = (inspect.Parameter.empty, HTTPConnection, Request, WebSocket)


class Asked:
    """
    One setting.

    A function with the connection as its only parameter is called directly. Any other callable,
    and whatever stands in `Depends(…)`, is a dependency: FastAPI solves it, shares it with the
    endpoint, and lets tests override it.

    Args:
        name: The name of the parameter that FastAPI fills.
        source: The function, the dependency, or the value itself.

    Attributes:
        dependency: The dependency that FastAPI solves, if the setting is one.
        value: The setting, if it is fixed.
    """

    __slots__ = ("_call", "dependency", "name", "value")

    def __init__(self, name: str, source: Any) -> None:
        self.name = name
        self.dependency: params.Depends | None = None
        self._call: Callable[[HTTPConnection], Any] | None = None
        self.value: Any = None
        if isinstance(source, params.Depends):
            self.dependency = source
        elif not callable(source):
            self.value = source
        elif _takes_connection(source):
            self._call = source
        else:
            self.dependency = Depends(source)

    async def of(self, connection: HTTPConnection, solved: dict[str, Any]) -> Any:
        """
        The setting for a request.

        Args:
            connection: The request or the WebSocket.
            solved: What FastAPI found for the dependencies.
        """
        return await awaited(self.ask(connection, solved))

    def ask(self, connection: HTTPConnection, solved: dict[str, Any]) -> Any:
        """As `of`, without awaiting: the result of an async function is a coroutine."""
        if self._call is not None:
            return self._call(connection)
        return self.value if self.dependency is None else solved[self.name]


async def awaited(found: Any) -> Any:
    """The result of an awaitable; any other value unchanged."""
    if found is None or isinstance(found, (str, int)):
        return found  # the check below is slow
    return await found if inspect.isawaitable(found) else found


def signature(*settings: Asked) -> inspect.Signature:
    """The signature that FastAPI sees: the connection, the response and the dependencies."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("connection", keyword, annotation=HTTPConnection),
        inspect.Parameter("response", keyword, annotation=Response),
    ]
    parameters += [
        inspect.Parameter(setting.name, keyword, default=setting.dependency)
        for setting in settings
        if setting.dependency is not None
    ]
    return inspect.Signature(parameters)


def _takes_connection(call: Callable[..., Any]) -> bool:
    try:
        parameters = list(inspect.signature(call, eval_str=True).parameters.values())
    except (NameError, ValueError, TypeError):
        raise ConfigurationError(
            f"The signature of {call!r} can't be read; use a plain function."
        ) from None
    if len(parameters) != 1 or parameters[0].default is not inspect.Parameter.empty:
        return False
    return parameters[0].annotation in _CONNECTIONS
