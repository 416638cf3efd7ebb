"""Asking about leaked passwords."""

import asyncio
import gzip
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from httpx._transports import default

from piccolo_api_fastapi import AuthEvent, ConfigurationError, PasswordPolicy, subscribe
from piccolo_api_fastapi.errors import WeakPassword
from piccolo_api_fastapi.users.passwords.breached import MAXIMUM_ANSWER, BreachedPasswords

PASSWORD = "zq8vw2kx"
DIGEST = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest().upper()


async def in_one_piece(text: str) -> AsyncIterator[bytes]:
    """The body of a response that has not been read yet."""
    yield text.encode()


@pytest.fixture
def events() -> Iterator[list[AuthEvent]]:
    """What was emitted."""
    found: list[AuthEvent] = []
    stop = subscribe(found.append)
    yield found
    stop()


@asynccontextmanager
async def serving(body: bytes, *, drips: bool = False) -> AsyncIterator[str]:
    """The URL of a server that begins a response with these bytes, and may never end it."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + body)
            await writer.drain()
            while drips and not writer.is_closing():
                writer.write(b"0")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/range/"
    server.close()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[httpx.Request]]:
    """Answers for the network; gives the requests that went out."""

    def answer_with(answer: Any) -> list[httpx.Request]:
        requests: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            if isinstance(answer, Exception):
                raise answer
            status = 200 if isinstance(answer, str) else answer
            return httpx.Response(status, content=in_one_piece(str(answer)))

        real = httpx.AsyncClient

        def client(**options: Any) -> httpx.AsyncClient:
            return real(transport=httpx.MockTransport(handle), **options)

        monkeypatch.setattr(httpx, "AsyncClient", client)
        return requests

    return answer_with


@pytest.mark.parametrize(
    ("answer", "breached"),
    [
        (f"{DIGEST[5:]}:3\r\n{'0' * 35}:1", True),
        (f"{DIGEST[5:]}:0", False),
        (f"{'0' * 35}:7", False),
        ("", False),
        ("nonsense", False),
    ],
)
async def test_answers(
    network: Callable[[Any], list[httpx.Request]],
    answer: str,
    breached: bool,  # noqa: FBT001
) -> None:
    """Five hex digits leave; the rest is compared here."""
    requests = network(answer)
    assert breached is await BreachedPasswords()(PASSWORD)
    [request] = requests
    assert str(request.url) == f"https://api.pwnedpasswords.com/range/{DIGEST[:5]}"
    assert request.headers["Add-Padding"] == "true"
    assert request.content == b""


@pytest.mark.parametrize("answer", [503, 404, httpx.ConnectTimeout("x"), httpx.ConnectError("x")])
async def test_fails_open(
    network: Callable[[Any], list[httpx.Request]], events: list[AuthEvent], answer: Any
) -> None:
    """When nobody answers, the password passes and an event tells."""
    network(answer)
    await PasswordPolicy(breach_check=BreachedPasswords()).check(PASSWORD)
    assert [event.name for event in events] == ["sys_breach_check_unavailable"]
    assert PASSWORD not in repr(events)


async def test_in_a_policy(network: Callable[[Any], list[httpx.Request]]) -> None:
    """A leaked password is refused."""
    network(f"{DIGEST[5:]}:1")
    with pytest.raises(WeakPassword) as caught:
        await PasswordPolicy(breach_check=BreachedPasswords()).check(PASSWORD)
    assert caught.value.codes == ("password_breached",)


@pytest.mark.parametrize(
    ("body", "drips", "error"),
    [
        (b"", True, "TimeoutError"),
        (b"0" * MAXIMUM_ANSWER, True, "TooLong"),
        (gzip.compress(b"nonsense"), False, "UnicodeDecodeError"),
    ],
    ids=["drips", "too long", "compressed"],
)
async def test_bad_servers(
    events: list[AuthEvent], body: bytes, error: str, *, drips: bool
) -> None:
    """A server that drips, answers too much or compresses is unavailable, and soon so."""
    async with serving(body, drips=drips) as url:
        check = BreachedPasswords(url=url, timeout=0.5 if error == "TimeoutError" else 30)
        assert not await asyncio.wait_for(check(PASSWORD), 30)
    assert [event.data["error"] for event in events] == [error]


async def test_real_server() -> None:
    """The answer of a real server is read to its end."""
    async with serving(f"{'0' * 35}:1\r\n{DIGEST[5:]}:3".encode()) as url:
        assert await BreachedPasswords(url=url)(PASSWORD)


async def test_malformed_url(events: list[AuthEvent]) -> None:
    """A URL that is none keeps nobody from choosing a password; the event names the problem."""
    assert not await BreachedPasswords(url="http://[::1/range/")(PASSWORD)
    assert [event.data["error"] for event in events] == ["InvalidURL"]


async def test_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read once, as that takes 20 ms in which the loop does nothing else."""
    given: list[Any] = []

    def note(*_: Any, verify: Any, **__: Any) -> Any:
        given.append(verify)
        return verify

    monkeypatch.setattr(default, "create_ssl_context", note)  # as the clients of httpx call it
    async with serving(b"") as url:
        check = BreachedPasswords(url=url)
        for _ in range(2):
            assert not await check(PASSWORD)
    assert isinstance(given[0], ssl.SSLContext)
    assert {id(context) for context in given} == {id(given[0])}


def test_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error names it."""
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)
    with pytest.raises(ConfigurationError, match="http"):
        BreachedPasswords()
