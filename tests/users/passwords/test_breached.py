"""Asking about leaked passwords."""

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import AuthEvent, ConfigurationError, PasswordPolicy, subscribe
from piccolo_api_fastapi.errors import WeakPassword
from piccolo_api_fastapi.users.passwords.breached import BreachedPasswords

PASSWORD = "zq8vw2kx"
DIGEST = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[httpx.Request]]:
    """Answers for the network; gives the requests that went out."""

    def answer_with(answer: Any) -> list[httpx.Request]:
        requests: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(200 if isinstance(answer, str) else answer, text=str(answer))

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
async def test_fails_open(network: Callable[[Any], list[httpx.Request]], answer: Any) -> None:
    """When nobody answers, the password passes and an event tells."""
    network(answer)
    events: list[AuthEvent] = []
    end = subscribe(events.append)
    await PasswordPolicy(breach_check=BreachedPasswords()).check(PASSWORD)
    end()
    assert [event.name for event in events] == ["sys_breach_check_unavailable"]
    assert PASSWORD not in repr(events)


async def test_in_a_policy(network: Callable[[Any], list[httpx.Request]]) -> None:
    """A leaked password is refused."""
    network(f"{DIGEST[5:]}:1")
    with pytest.raises(WeakPassword) as caught:
        await PasswordPolicy(breach_check=BreachedPasswords()).check(PASSWORD)
    assert caught.value.codes == ("password_breached",)


def test_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error names it."""
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)
    with pytest.raises(ConfigurationError, match="http"):
        BreachedPasswords()
