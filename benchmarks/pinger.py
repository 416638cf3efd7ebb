"""`python -m benchmarks.pinger PORT SECONDS RATE`: pings on schedule, as percentiles in JSON."""

import asyncio
import json
import sys
import time

from .samples import percentile

_REQUEST = b"GET /ping HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


async def ping(port: int, due: float) -> float:
    """Milliseconds from when it was due until it was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_REQUEST)
    answer = await reader.read()
    taken = time.perf_counter() - due
    writer.close()
    if b"200 OK" not in answer[:32]:
        raise RuntimeError(answer)
    return taken * 1e3


async def main(port: int, seconds: float, rate: float) -> None:
    """Open loop: a ping leaves when it is due, even if none has come back."""
    begin = time.perf_counter() + 0.05
    pings = []
    for number in range(int(seconds * rate)):
        due = begin + number / rate
        await asyncio.sleep(due - time.perf_counter())
        pings.append(asyncio.create_task(ping(port, due)))
    taken = await asyncio.gather(*pings)
    print(json.dumps({"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
