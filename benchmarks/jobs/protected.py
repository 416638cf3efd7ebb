"""The protected request: what it costs to know who asks, over 32 connections and over one."""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import databases, load, machine
from benchmarks.contenders import Contender
from benchmarks.samples import as_json, figure, ratio
from benchmarks.servers import Server, find_backends, serving

Sample = dict[str, float]
Samples = dict[str, dict[int, list[Sample]]]

RARELY = 3
"""One round in so many asks by all numbers of connections, the others by the greatest only."""

SETTLE = 0.03
"""Seconds until what was under way when `wrk` hung up has been answered too."""


def run(
    kind: databases.Kind,
    contenders: Sequence[Contender],
    folder: Path,
    rounds: int,
    connections: Sequence[int],
) -> dict[str, Any]:
    """Load each contender in each round, in an order of its own, and compare."""
    contenders = [contender for contender in contenders if contender.only in (None, kind)]
    samples: Samples = {c.name: {number: [] for number in connections} for c in contenders}
    shuffle = random.Random(6).shuffle
    with serving(kind, contenders, folder) as servers:
        _round(servers, connections[:1], samples)
        if kind == "postgres":
            find_backends(servers)
        for by_connections in samples.values():
            by_connections[connections[0]].clear()
        for number in range(rounds):
            print(f"  {kind}: round {number + 1} of {rounds}", flush=True)
            shuffle(servers)
            _round(servers, connections[-1:] if number % RARELY else connections, samples)
        resident = {s.contender.name: machine.resident_kib(s.process.pid) for s in servers}
    return _summary(samples, resident)


def _round(servers: Sequence[Server], connections: Sequence[int], samples: Samples) -> None:
    for server in servers:
        for number in connections:
            samples[server.contender.name][number].append(_sample(server, number))


def _sample(server: Server, connections: int) -> Sample:
    """A second of load. Each connection has one more request under way when it ends."""
    before = machine.cpu_seconds(server.process.pid), machine.cpu_of_all(server.backends)
    seen = load.run(f"{server.url}/me", server.credentials, connections=connections, seconds=1)
    time.sleep(SETTLE)
    after = machine.cpu_seconds(server.process.pid), machine.cpu_of_all(server.backends)
    requests = seen.requests + connections
    return {
        "requests_per_second": seen.requests / seen.seconds,
        "cpu_us": (after[0] - before[0]) / requests * 1e6,
        "database_cpu_us": (after[1] - before[1]) / requests * 1e6,
        "p50_ms": seen.p50,
        "p99_ms": seen.p99,
    }


def _summary(samples: Samples, resident: dict[str, int]) -> dict[str, Any]:
    """Each quantity, by contender and number of connections, and its CPU beside the first's."""
    first = next(iter(samples))
    result: dict[str, Any] = {}
    for name, by_connections in samples.items():
        result[name] = {"resident_mib": round(resident[name] / 1024, 1)}
        for number, taken in by_connections.items():
            figures = {key: as_json(figure([s[key] for s in taken])) for key in taken[0]}
            bare = [s["cpu_us"] for s in samples[first][number]]
            figures["of_bare"] = as_json(ratio([s["cpu_us"] for s in taken], bare))
            result[name][str(number)] = figures
        result[name]["cpu_us_by_round"] = [round(s["cpu_us"], 1) for s in _main(by_connections)]
    return result


def _main(by_connections: dict[int, list[Sample]]) -> list[Sample]:
    return by_connections[max(by_connections)]
