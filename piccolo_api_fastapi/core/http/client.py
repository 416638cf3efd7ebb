"""Where a request comes from."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from .client_address import client_address_of

USER_AGENT_LENGTH = 255

_hashing: ContextVar[str | None] = ContextVar("hashing", default=None)


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """
    Where a request comes from, as it is recorded.

    Args:
        ip: The address of the client, if it has one; see `ClientAddress`.
        user_agent: At most 255 characters, without control characters.
        network: The address as limits count it: of IPv6 the network.
        device: The digest of the token of a known browser, if it sent one; see `KnownDevices`.
    """

    ip: str | None = None
    user_agent: str | None = None
    network: str | None = None
    device: str | None = field(default=None, repr=False)


def client_info(connection: HTTPConnection) -> ClientInfo:
    """What is recorded of the client of a request."""
    agent = connection.headers.get("user-agent")
    if agent is not None:
        agent = "".join(c if c.isprintable() else "?" for c in agent[:USER_AGENT_LENGTH])
    address = client_address_of(connection)
    return ClientInfo(address.find(connection), agent, address.client(connection))


@contextmanager
def hashing_for(client: str | None) -> Iterator[None]:
    """
    Within it, what is hashed is hashed for this client.

    Args:
        client: The address, as limits count it; `None` for nobody in particular.
    """
    token = _hashing.set(client)
    try:
        yield
    finally:
        _hashing.reset(token)


def hashing_client() -> str | None:
    """The client for which passwords are hashed at the moment; see `hashing_for`."""
    return _hashing.get()
