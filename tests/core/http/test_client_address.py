"""`ClientAddress`: whom to believe about where a request comes from."""

import tracemalloc
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import ClientAddress, ConfigurationError, install
from piccolo_api_fastapi.core.http import client_address
from piccolo_api_fastapi.core.http.client import client_info
from piccolo_api_fastapi.core.http.client_address import MAXIMUM_HEADER, client_address_of
from tests.conftest import log_in

PROXIES = ClientAddress(trusted=["10.0.0.0/8", "fd00::/8", "192.0.2.1"])


def connection(peer: Any = "10.0.0.1", **headers: str | list[str]) -> HTTPConnection:
    """A request of this peer."""
    raw = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    client = peer if peer is None or isinstance(peer, tuple) else (peer, 1)
    return HTTPConnection({"type": "http", "headers": raw, "client": client})


@pytest.mark.security(91)
@pytest.mark.parametrize("name", ["x_forwarded_for", "forwarded", "x_real_ip"])
@pytest.mark.parametrize("value", ["203.0.113.9", "for=203.0.113.9", "garbage, 203.0.113.9"])
def test_nobody_is_believed(name: str, value: str) -> None:
    """With no proxy to trust headers change nothing, nor do those of a stranger with one."""
    told = connection("198.51.100.7", **{name: value})
    for found in (ClientAddress(), PROXIES, ClientAddress(trusted=["unix"])):
        assert found.find(told) == found.client(told) == "198.51.100.7"


@pytest.mark.security(91)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.1.1.1, 192.0.2.1", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9", "10.1.1.1"], "203.0.113.9"),
        (", ".join(["1.1.1.1"] * 100 + ["203.0.113.9"]), "203.0.113.9"),
        ("10.9.9.9, 10.1.1.1", "10.9.9.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("[2001:DB8:0::9]", "2001:db8::9"),
        ("fe80::9%eth0, fd00::1", "fe80::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", None),
        ("unknown", None),
        ("unix:", None),
        ("203.0.113.999", None),
        ("203.0.113.09", None),
        ("[2001:db8::9", None),
        ("2001:db8::9::1", None),
        ("\xff\xfe", None),
        ("1" * 60_000, None),
        ("203.0.113.9,", None),
    ],
)
def test_walk(value: str | list[str], expected: str | None) -> None:
    """From the right, past trusted proxies, to the first that is none; garbage is no address."""
    assert PROXIES.find(connection(x_forwarded_for=value)) == expected


def test_without_header() -> None:
    """A trusted proxy that says nothing is itself the client."""
    assert PROXIES.find(connection()) == "10.0.0.1"


@pytest.mark.security(91)
@pytest.mark.parametrize(
    ("hops", "value", "expected"),
    [
        (1, "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (2, "1.1.1.1, 203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (2, "203.0.113.9", "198.51.100.7"),
        (1, "garbage", None),
    ],
)
def test_hops(hops: int, value: str, expected: str | None) -> None:
    """With so many proxies it is that many from the right, and the peer if there are fewer."""
    told = connection("198.51.100.7", x_forwarded_for=value)
    assert ClientAddress(trusted=hops).find(told) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9"),
        ('For="[2001:db8::9]:4711"', "2001:db8::9"),
        ('proto=http;for="203.0.113.9:80", for=10.0.0.7', "203.0.113.9"),
        ("for=203.0.113.9;", "203.0.113.9"),
        ("for=10.0.0.8, for=10.0.0.7", "10.0.0.8"),
        ("for=_hidden", None),
        ("proto=https", None),
        ("", None),
        ("nonsense", None),
        ('for=203.0.113.9, for="10.0.0.7', None),
        ('"' * 3000, None),
        ("for=203.0.113.9, for=10.0.0.7, " + "a=b;" * 4000 + "for=10.0.0.7", "203.0.113.9"),
    ],
)
def test_forwarded(value: str, expected: str | None) -> None:
    """`Forwarded` (RFC 7239) is read when it is asked for by name."""
    found = ClientAddress(trusted=["10.0.0.0/8"], header="Forwarded")
    assert found.find(connection(forwarded=value, x_forwarded_for="1.1.1.1")) == expected


@pytest.mark.security(91)
@pytest.mark.parametrize(
    "value",
    [
        'host="x;for=198.51.100.6";for=203.0.113.9',
        'host="x, for=198.51.100.6";for=203.0.113.9',
        'for=203.0.113.9;host="x, for=198.51.100.6"',
        'for=203.0.113.9;host="\\", for=198.51.100.6"',
        'for="198.51.100.6, for=203.0.113.9',
        'for=198.51.100.6;x=", for="203.0.113.9:80"',
        'for=198.51.100.6;x=", for=203.0.113.9',
    ],
)
def test_forwarded_by_force(value: str) -> None:
    """What a client had a proxy quote, or left open to its left, is nobody's address."""
    found = ClientAddress(trusted=["10.0.0.0/8"], header="Forwarded")
    assert found.find(connection(forwarded=value)) == "203.0.113.9"


@pytest.mark.security(91)
@pytest.mark.parametrize(("commas", "expected"), [(900, "203.0.113.9"), (1100, None)])
def test_long_elements(commas: int, expected: str | None) -> None:
    """An element is read up to 2000 characters; a longer one names nobody, at no great cost."""
    found = ClientAddress(trusted=["10.0.0.0/8"], header="Forwarded")
    value = f'for=203.0.113.9;host="{"a," * commas}"'
    assert found.find(connection(forwarded=value)) == expected


def test_header_of_a_provider() -> None:
    """So is a header of a provider's own."""
    found = ClientAddress(trusted=1, header="CF-Connecting-IP")
    told = connection(cf_connecting_ip="203.0.113.9", x_forwarded_for="1.1.1.1")
    assert found.find(told) == "203.0.113.9"


@pytest.mark.security(92)
@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::%eth0", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("::ffff:102:304", "1.2.3.4"),
        ("1.2.3.4", "1.2.3.4"),
    ],
)
def test_one_client(peer: str, expected: str) -> None:
    """All of a /64 is one client, and so are the spellings of an address."""
    assert ClientAddress().client(connection(peer)) == expected
    assert PROXIES.client(connection(x_forwarded_for=peer)) == expected


@pytest.mark.security(92)
@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("64:ff9b::1.2.3.4", "1.2.3.4"),  # NAT64
        ("64:FF9B::102:304", "1.2.3.4"),
        ("64:ff9b::0.0.0.1", "0.0.0.1"),
        ("64:ff9b:1::1.2.3.4", "1.2.3.4"),  # NAT64 of a site
        ("64:ff9b:1:fffe::1.2.3.4", "1.2.3.4"),
        ("64:ff9b:1:102:3:400::", "64:ff9b:1:102:3:400::/128"),  # the same, with a shorter prefix
        ("::ffff:0:1.2.3.4", "1.2.3.4"),  # SIIT
        ("::1.2.3.4", "1.2.3.4"),
        ("2002:102:304::", "1.2.3.4"),  # 6to4
        ("2002:102:304:ffff::9", "1.2.3.4"),
        ("2001:0:c000:201:0:ffff:fefd:fcfb", "1.2.3.4"),  # Teredo
        ("::1", "::/64"),
        ("64:ff9b:0:1::1.2.3.4", "64:ff9b:0:1::/64"),
        ("64:ff9b:2::1.2.3.4", "64:ff9b:2::/64"),
        ("2001:db8:1:2:0:5efe:1.2.3.4", "2001:db8:1:2::/64"),  # written by the client itself
        ("2001:db8:1:2::1.2.3.4", "2001:db8:1:2::/64"),
        ("fe80::1.2.3.4", "fe80::/64"),
    ],
)
def test_ipv4_in_ipv6(peer: str, expected: str) -> None:
    """
    Clients behind a translator or a tunnel are counted by their IPv4, unless a client could
    choose it. What is recorded is the address that was seen.
    """
    assert ClientAddress().client(connection(peer)) == expected
    assert PROXIES.client(connection(x_forwarded_for=peer)) == expected
    assert ":" in str(PROXIES.find(connection(x_forwarded_for=peer)))


def test_prefix() -> None:
    """How much of IPv6 is one client can be set."""
    wide = ClientAddress(ipv6_prefix=48)
    assert wide.client(connection("2001:db8:1:2::1")) == "2001:db8:1::/48"
    widest = ClientAddress(ipv6_prefix=16)
    assert widest.client(connection("2001:db8:1:2::1")) == "2001::/16"
    narrowest = ClientAddress(ipv6_prefix=128)
    assert narrowest.client(connection("2001:db8:1:2::1")) == "2001:db8:1:2::1/128"


def test_unix_socket() -> None:
    """Behind a Unix socket there is no peer; its proxy can be trusted by name or number."""
    for peer in (None, ("", 0), ("testclient", 1)):
        told = connection(peer, x_forwarded_for="203.0.113.9")
        assert ClientAddress().client(told) is None
        assert PROXIES.client(told) is None
        assert ClientAddress(trusted=["unix"]).client(told) == "203.0.113.9"
        assert ClientAddress(trusted=1).client(told) == "203.0.113.9"


def test_garbage_is_not_remembered() -> None:
    """What is no address takes no memory."""
    tracemalloc.start()
    for number in range(300):
        PROXIES.client(connection(x_forwarded_for=f"{number}" * 5000))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 1_000_000


@pytest.mark.parametrize(
    "settings",
    [
        {"trusted": "10.0.0.0/8"},
        {"trusted": ["10.0.0.0/33"]},
        {"trusted": ["proxy"]},
        {"trusted": 0},
        {"ipv6_prefix": 15},
        {"ipv6_prefix": 129},
    ],
)
def test_contradictions(settings: dict[str, Any]) -> None:
    """What makes no sense is refused."""
    with pytest.raises(ConfigurationError):
        ClientAddress(**settings)


def test_no_proxies() -> None:
    """The error about a number of proxies below 1 says what to do if there is none."""
    with pytest.raises(ConfigurationError, match="leave it out if there is no proxy"):
        ClientAddress(trusted=0)


async def test_installed() -> None:
    """What `install` is given is what sessions and events record, in mounted applications too."""
    app, mounted = FastAPI(), FastAPI()
    install(app, client_address=PROXIES)

    @app.get("/")
    @mounted.get("/")
    async def where(request: Request) -> str | None:
        assert client_address_of(request) is PROXIES
        return client_info(request).ip

    app.mount("/m", mounted)
    transport = httpx.ASGITransport(app=app, client=("10.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        headers = {"X-Forwarded-For": "2001:db8::9"}
        for path in ("/", "/m/"):
            assert (await client.get(path, headers=headers)).json() == "2001:db8::9"


@pytest.mark.security(91)
def test_beyond_the_cap() -> None:
    """Of a header that is too long the proxies' part is read, and the rest counts as unknown."""
    proxies = ", ".join(["10.0.0.1"] * 3000)
    told = connection("10.0.0.1", x_forwarded_for=[f"203.0.113.9, {proxies}", proxies])
    assert PROXIES.find(told) is None
    entries = list(PROXIES._entries(told))
    assert len(", ".join(entries)) < MAXIMUM_HEADER + 2 * len(entries)


@pytest.mark.parametrize("name", ["x_forwarded_for", "forwarded", "x_real_ip"])
def test_proxies_that_nobody_trusts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """A header of a proxy that is not trusted is pointed out, and once."""
    monkeypatch.setattr(client_address, "_warned", set())
    header = {name: "203.0.113.9"}
    ClientAddress().client(connection())
    ClientAddress().client(connection(None, **header))
    ClientAddress().client(connection(("10.0.0.1", 0), **header))  # uvicorn has read it
    ClientAddress(trusted=1).client(connection(**header))
    assert caplog.messages == []
    for _ in range(3):
        ClientAddress().client(connection(**header))
    [message] = caplog.messages
    assert name.replace("_", "-") in message


@pytest.mark.usefixtures("ada")
async def test_proxies_before_a_login(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, client: httpx.AsyncClient
) -> None:
    """A login without any limit of the application's own points it out as well."""
    monkeypatch.setattr(client_address, "_warned", set())
    client.headers["X-Forwarded-For"] = "203.0.113.9"
    assert (await log_in(client)).status_code == 200
    assert [text for text in caplog.messages if "no proxy is trusted" in text] != []
