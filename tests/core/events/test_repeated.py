"""Events that strangers can repeat are one a second, with their number."""

import asyncio

import pytest

from piccolo_api_fastapi import AuthEvent, ClientInfo, subscribe
from piccolo_api_fastapi.core.events import repeated
from piccolo_api_fastapi.core.events.repeated import emit_counted, forget_repeated, tell_counted
from piccolo_api_fastapi.core.http.client import serving
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import end_second


async def test_numbers(events: list[AuthEvent], clock: FrozenClock) -> None:
    """The first event at once, the others of the second together, and none after silence."""
    for path in ("/a", "/b", "/b", "/b"):
        await emit_counted(AuthEvent("authz_fail", clock(), data={"route": path, "of": 1}), "x")
    assert [event.data for event in events] == [{"route": "/a", "of": 1, "refused": 1}]
    end_second()
    assert events[1].data == {"route": "/b", "of": 1, "refused": 3}
    end_second()
    end_second()
    assert len(events) == 2
    tell_counted(AuthEvent("authz_fail", clock(), data={"route": "/c"}), "x")
    assert events[2].data == {"route": "/c", "refused": 1}


async def test_what_differs(events: list[AuthEvent], clock: FrozenClock) -> None:
    """What the counted events have in common is told, the rest is None."""
    for ip, agent in (("192.0.2.9", "x"), ("192.0.2.1", "curl"), ("192.0.2.2", "curl")):
        with serving(ClientInfo(ip, agent)):
            await emit_counted(AuthEvent("authz_fail", clock(), data={}), "x", "times")
    end_second()
    assert events[0].data == {"ip": "192.0.2.9", "user_agent": "x", "times": 1}
    assert events[1].data == {"ip": None, "user_agent": "curl", "times": 2}


async def test_kinds(
    events: list[AuthEvent], clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, users and kinds are counted apart, as long as there are not too many of them."""
    monkeypatch.setattr(repeated, "MAXIMUM_KINDS", 4)
    for _ in range(2):
        await emit_counted(AuthEvent("authz_fail", clock()), "x")
        await emit_counted(AuthEvent("authz_fail", clock()), "y")
        await emit_counted(AuthEvent("authz_fail", clock(), 1), "x")
        await emit_counted(AuthEvent("authn_captcha_fail", clock()), "x")
    assert len(events) == 4
    for user in range(2, 50):
        await emit_counted(AuthEvent("authz_fail", clock(), user), "x")
    assert len(events) == 5
    end_second()
    assert sum(event.data["refused"] for event in events) == 8 + 48


async def test_time(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is told without a further event, outside the request that was the first."""
    monkeypatch.setattr(repeated, "REPORT_EVERY", 0.01)
    told: asyncio.Queue[AuthEvent] = asyncio.Queue()

    async def listen(event: AuthEvent) -> None:
        told.put_nowait(event)

    stop = subscribe(listen, when="before_commit")
    with serving(ClientInfo("192.0.2.1")):
        await emit_counted(AuthEvent("authz_fail", clock()), "x")
    await emit_counted(AuthEvent("authz_fail", clock()), "x")
    await emit_counted(AuthEvent("authz_fail", clock()), "x")
    heard = [await told.get()]
    assert heard[0].data["ip"] == "192.0.2.1"
    while sum(event.data["refused"] for event in heard) < 3:
        heard.append(await asyncio.wait_for(told.get(), 60))
        assert "ip" not in heard[-1].data
    stop()


async def test_forgotten(events: list[AuthEvent], clock: FrozenClock) -> None:
    """What was forgotten is not told later."""
    for _ in range(2):
        await emit_counted(AuthEvent("authz_fail", clock()), "x")
    forget_repeated()
    end_second()
    await emit_counted(AuthEvent("authz_fail", clock()), "x")
    assert [event.data for event in events] == [{"refused": 1}] * 2
