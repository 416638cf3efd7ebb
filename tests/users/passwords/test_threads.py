"""The line before the hashing threads: short, and shared."""

import asyncio
import threading

import pytest

from piccolo_api_fastapi.core.http.client import ClientInfo, serving
from piccolo_api_fastapi.errors import HasherBusy
from piccolo_api_fastapi.testing import race
from piccolo_api_fastapi.users.passwords.threads import HashingThreads


@pytest.mark.security(10)
async def test_one_client_leaves_room_for_others() -> None:
    """Of one client so many wait; another one still finds a place, and so does nobody's work."""
    threads = HashingThreads(threads=1, waiting=8, share=2)
    release = threading.Event()
    with serving(ClientInfo(network="192.0.2.1")):
        greedy = race(lambda: threads.run(release.wait), 8)

    async def modest() -> list[object]:
        with serving(ClientInfo(network="192.0.2.2")):
            others = await race(lambda: threads.run(release.wait), 2)
        return [*others, *await race(lambda: threads.run(release.wait), 1)]

    async def let_go() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        release.set()

    with serving(ClientInfo(network="192.0.2.1")):
        first, second, _ = await asyncio.gather(greedy, modest(), let_go())
    assert sum(isinstance(result, HasherBusy) for result in first) == 5
    assert second == [True] * 3
    assert await threads.run(lambda: "free again") == "free again"
