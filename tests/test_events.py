"""Events and their listeners."""

import logging

import pytest

from piccolo_api_fastapi import AuthEvent, subscribe
from piccolo_api_fastapi.events import emit
from piccolo_api_fastapi.testing import FrozenClock


async def test_listeners(caplog: pytest.LogCaptureFixture, clock: FrozenClock) -> None:
    """Sync and async listeners are told until they leave; one that fails disturbs nobody."""
    told: list[str] = []

    def fails(_: AuthEvent) -> None:
        raise RuntimeError

    async def listens(event: AuthEvent) -> None:
        told.append(event.name)

    endings = [subscribe(fails), subscribe(listens), subscribe(lambda _: told.append("too"))]
    with caplog.at_level(logging.INFO, "piccolo_api_fastapi"):
        await emit(AuthEvent("authn_login_success", clock(), user=1))
    for end in endings:
        end()
    await emit(AuthEvent("authn_login_fail", clock()))
    assert told == ["authn_login_success", "too"]
    assert "authn_login_success user=1" in caplog.text
    assert "A listener failed on authn_login_success" in caplog.text
