"""The client of a request: worked out once, and known while the request is served."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from .client_address import client_address_of

USER_AGENT_LENGTH = 255

CLIENT = "piccolo_api_fastapi.client"
"""The key of the scope that holds the `ClientInfo` of a request."""


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """
    The client of a request, as it is recorded with sessions and events.

    ```python
    from piccolo_api_fastapi import ClientInfo

    client = ClientInfo(ip="203.0.113.7", user_agent="curl/8.9.1", network="203.0.113.7")
    ```

    Args:
        ip: The address of the client, or `None` if it is unknown; see `ClientAddress`.
        user_agent: The `User-Agent` header: at most 255 characters, control characters replaced.
        network: The address that rate limits count: for IPv6, the network of the client.
        devices: The digests of the device cookies, usually one or none; see `KnownDevices`.
    """

    ip: str | None = None
    user_agent: str | None = None
    network: str | None = None
    devices: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.user_agent is not None:
            text = self.user_agent[:USER_AGENT_LENGTH]
            safe = "".join(c if c.isprintable() else "?" for c in text)
            object.__setattr__(self, "user_agent", safe)


_current: ContextVar[ClientInfo | None] = ContextVar("client", default=None)


def client_info(connection: HTTPConnection) -> ClientInfo:
    """Return the client of a request. It is worked out once and kept in the scope."""
    scope = connection.scope
    if CLIENT not in scope:
        scope[CLIENT] = _read(connection)
    found: ClientInfo = scope[CLIENT]
    return found


def _read(connection: HTTPConnection) -> ClientInfo:
    agent = connection.headers.get("user-agent")
    address = client_address_of(connection)
    return ClientInfo(address.find(connection), agent, address.client(connection))


@contextmanager
def serving(client: ClientInfo) -> Iterator[None]:
    """
    Serve a request of this client: events record it, and hashing counts against its share.

    Args:
        client: The client of the request.
    """
    token = _current.set(client)
    try:
        yield
    finally:
        _current.reset(token)


def current_client() -> ClientInfo | None:
    """Return the client whose request is being served; see `serving`."""
    return _current.get()
