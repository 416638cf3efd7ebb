"""The address of the client of a request, with and without proxies."""

import ipaddress
import logging
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

CLIENT_ADDRESS = "piccolo_api_fastapi.client_address"
"""The key of the scope that holds the `ClientAddress` of the application."""

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

logger = logging.getLogger("piccolo_api_fastapi")

LONGEST = 100
"""Characters of an address with port and zone. Longer ones are ignored."""

LONGEST_ELEMENT = 2000
"""Characters of one element of `Forwarded`, which one proxy writes."""

MAXIMUM_HEADER = 16 * 1024
"""Characters that are read of the header of the proxies, from the right."""

_FORWARDED = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip"})
_warned: set[str] = set()

_TRANSLATED = frozenset(
    int(ipaddress.IPv6Address(prefix)) >> 32 for prefix in ("64:ff9b::", "::ffff:0:0:0", "::")
)
"""The prefixes of 96 bits of NAT64 and SIIT (RFC 6052, RFC 7915), and that of RFC 4291."""

_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
"""The NAT64 of a site (RFC 8215). The IPv4 address is in the last 32 bits, or further left."""

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]*)\](:[0-9]*)?|(?P<v4>[0-9.]+):[0-9]*")
_PAIR = r'\s*([!#-\'*+.^-z|~0-9A-Z-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;,"\s]+)\s*'
_PAIRS = re.compile(_PAIR)
_ELEMENT = re.compile(rf"(?:{_PAIR})?(?:;(?:{_PAIR})?)*")


@configured
class ClientAddress:
    """
    Finds the address of the client: the peer, or the address that trusted proxies report.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import ClientAddress, install

    app = FastAPI()
    install(app, client_address=ClientAddress(trusted=["10.0.0.0/8"]))
    ```

    Headers are only believed if a trusted proxy sent them. They are read from the right, where
    these proxies write: clients can send anything further to the left.

    Args:
        trusted: The networks of the proxies, such as `["10.0.0.0/8"]`, and `"unix"` for a Unix
            socket. Or the number of proxies, if every request passes through all of them.
        header: The header that the proxies write: `X-Forwarded-For`, `Forwarded` (RFC 7239), or
            a header of your provider.
        ipv6_prefix: The length of the prefix that identifies an IPv6 client. A household or a
            server has at least a /64 (RFC 6177), and can use any address in it. IPv4 clients
            behind NAT64, 6to4 or Teredo are identified by their IPv4 address.

    Raises:
        ConfigurationError: A network is malformed, or a number is out of range.
    """

    def __init__(
        self,
        *,
        trusted: Sequence[str] | int = (),
        header: str = "X-Forwarded-For",
        ipv6_prefix: int = 64,
    ) -> None:
        if isinstance(trusted, str) or not 16 <= ipv6_prefix <= 128:  # noqa: PLR2004
            raise ConfigurationError(
                "trusted must be a list of networks or a number, and ipv6_prefix from 16 to 128."
            )
        self.hops = trusted if isinstance(trusted, int) else 0
        self.networks: list[IPNetwork] = []
        self.trusts_unix = False
        if isinstance(trusted, int):
            if trusted < 1:
                raise ConfigurationError(
                    "trusted must be at least 1; leave it out if there is no proxy."
                )
        else:
            self.trusts_unix = "unix" in trusted
            self.networks = [_network(name) for name in trusted if name != "unix"]
        self.header = header.lower()
        self.ipv6_prefix = ipv6_prefix
        self.believes = bool(self.hops or self.networks or self.trusts_unix)
        self._is_trusted = lru_cache(maxsize=1024)(self._look_up)
        self._client_of = lru_cache(maxsize=4096)(self._name)

    def find(self, connection: HTTPConnection) -> str | None:
        """
        Return the address, in canonical form. If a trusted proxy sends no header, this is the
        address of the proxy.

        Returns:
            `None` if there is none: behind a Unix socket, or if what a trusted proxy reports is
            not an address.
        """
        address = self._find(connection)
        return None if address is None else str(address)

    def client(self, connection: HTTPConnection) -> str | None:
        """Return the address that rate limits count, or `None`. For IPv6, it is the network."""
        if not self.believes:
            peer = connection.scope.get("client")
            if peer and not _warned:
                _look_for_proxies(connection, peer)
            return self._client_of(peer[0]) if peer else None
        address = self._find(connection)
        return None if address is None else self._client_of(str(address))

    def _find(self, connection: HTTPConnection) -> IPAddress | None:
        client = connection.scope.get("client")
        peer = parse_address(client[0]) if client else None
        if self.hops:
            entries = list(self._entries(connection))
            return parse_address(entries[self.hops - 1]) if len(entries) >= self.hops else peer
        if not (self.trusts_unix if peer is None else self._is_trusted(peer)):
            return peer
        for entry in self._entries(connection):
            peer = parse_address(entry)
            if peer is None or not self._is_trusted(peer):
                break
        return peer

    def _entries(self, connection: HTTPConnection) -> Iterator[str]:
        """Yield the entries of the header, from the right. One beyond the cap is empty."""
        room = MAXIMUM_HEADER
        for line in reversed(connection.headers.getlist(self.header)):
            room -= len(line) + 1
            read = line if room >= 0 else f",{line[-room:].partition(',')[2]}"
            entries = reversed(read.split(","))
            yield from _forwarded(entries) if self.header == "forwarded" else entries
            if room < 0:
                break

    def _look_up(self, address: IPAddress) -> bool:
        return any(address in network for network in self.networks)

    def _name(self, host: str) -> str | None:
        address = parse_address(host)
        if isinstance(address, ipaddress.IPv6Address):
            address = _ipv4_within(address) or address
        if isinstance(address, ipaddress.IPv6Address):
            prefix = 128 if address in _LOCAL_NAT64 else self.ipv6_prefix
            return str(ipaddress.ip_network((address, prefix), strict=False))
        return None if address is None else str(address)


PEER = ClientAddress()
"""The default: no header is believed."""


def client_address_of(connection: HTTPConnection) -> ClientAddress:
    """Return the `ClientAddress` of the application that serves a request."""
    found: ClientAddress = connection.scope.get(CLIENT_ADDRESS, PEER)
    return found


def parse_address(text: str) -> IPAddress | None:
    """
    Parse an address, without port, brackets and zone. IPv4 mapped to IPv6 becomes IPv4.

    Returns:
        `None` if the text is not an address.
    """
    return _parse_address(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=4096)
def _parse_address(text: str) -> IPAddress | None:
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match["v4"] or match["v6"]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _ipv4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """
    Return the IPv4 address of a client that a translator or a tunnel gave an IPv6 address.

    Only prefixes in which nobody chooses an address of their own are looked at. Otherwise, a
    client could take the address of another (ISATAP, or the last 32 bits of any network).
    """
    number = int(address)
    prefix, last = number >> 32, number & 0xFFFF_FFFF
    if prefix in _TRANSLATED or (address in _LOCAL_NAT64 and not prefix & 0xFFFF_FFFF):
        return ipaddress.IPv4Address(last) if number > 1 else None  # not :: and ::1
    return address.sixtofour or (address.teredo[1] if address.teredo else None)


def _forwarded(entries: Iterator[str]) -> Iterator[str]:
    """
    Yield the `for` of each element of RFC 7239, from the right.

    Proxies quote values that clients sent, such as a host, which may contain commas, semicolons
    and `for=`. So entries are joined until they form an element. A quote that a client opened
    further to the left is never reached.
    """
    element = ""
    for entry in entries:
        may_end = not element or '"' in entry
        element = f"{entry},{element}" if element else entry
        if may_end and _ELEMENT.fullmatch(element):
            pairs = {name.lower(): value for name, value in _PAIRS.findall(element)}
            yield pairs.get("for", "").strip('"')
            element = ""
        elif '"' not in element or len(element) > LONGEST_ELEMENT:
            break
    if element:
        yield ""


def _network(text: str) -> IPNetwork:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigurationError(f"{text!r} is not a network such as 10.0.0.0/8.") from None


def _look_for_proxies(connection: HTTPConnection, peer: Sequence[Any]) -> None:
    """Warn, once, if a proxy that is not trusted forwards the address of its clients."""
    if len(peer) > 1 and peer[1] == 0:  # uvicorn has rewritten the address
        return
    for name, _ in connection.scope["headers"]:
        if name in _FORWARDED and not _warned:
            _warned.add(name.decode())
            logger.warning(
                "A request has the header %s, but no proxy is trusted, so all clients behind the"
                " proxy share one limit. Pass ClientAddress(trusted=…) to install(), or configure"
                " the server to rewrite the address.",
                name.decode(),
            )
