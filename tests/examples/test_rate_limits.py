"""Two workers and one Redis: plans and connections are counted together."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi.testclient import TestClient
from redis.asyncio import Redis
from starlette.testclient import WebSocketDenialResponse

from examples.rate_limits.app import STORE, app
from tests.conftest import REDIS_URL, need_redis, new_client


@pytest.fixture(autouse=True)
async def redis(monkeypatch: pytest.MonkeyPatch, database_name: str) -> AsyncIterator[None]:
    """Keys of this test's own."""
    need_redis()
    monkeypatch.setattr(STORE, "_prefix", f"example-{database_name}")
    client = Redis.from_url(REDIS_URL)
    for name in [name async for name in client.scan_iter(f"example-{database_name}:*")]:
        await client.delete(name)
    await client.aclose()
    yield
    await STORE.close()


@pytest.mark.parametrize(("key", "expected"), [("key-of-ada", 6), ("key-of-grace", 9), ("x", 3)])
async def test_plans(key: str, expected: int) -> None:
    """Each has what was paid for, whichever client asks."""
    statuses = []
    for _ in range(9):
        async with new_client(app) as client:
            answer = await client.get("/weather", headers={"X-API-Key": key})
            statuses.append(answer.status_code)
    assert statuses == [200] * expected + [429] * (9 - expected)


async def test_documented() -> None:
    """OpenAPI names the 429 of the route."""
    async with new_client(app) as client:
        document = (await client.get("/openapi.json")).json()
    assert "429" in document["paths"]["/weather"]["get"]["responses"]


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A client that speaks WebSocket, with an address."""
    with TestClient(app, client=("203.0.113.7", 1)) as client:
        yield client


def test_sockets(client: TestClient) -> None:
    """Messages beyond the limit are answered so, connections beyond it refused."""
    for number in range(5):
        with client.websocket_connect("/echo") as socket:
            if number == 0:
                for _ in range(5):
                    socket.send_text("hello")
                answers = [socket.receive_text() for _ in range(5)]
                assert answers[:3] == ["hello"] * 3
                assert "Not so fast." in answers
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/echo"):
        pass
    assert refused.value.status_code == 429
