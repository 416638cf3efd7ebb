"""The protected request: what it costs to know who asks, over one connection and over many."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks import databases, load, machine
from benchmarks.budget import Budget
from benchmarks.contenders import Contender
from benchmarks.samples import as_json, figure, paired
from benchmarks.servers import Server, find_backends, serving

Sample: TypeAlias = dict[str, float]
Samples: TypeAlias = dict[str, dict[int, dict[str, Sample]]]
"""By contender, connections and round."""

MAIN = 32
"""The number of connections that every contender is asked over."""

CYCLE = ((MAIN, True), (1, False), (MAIN, False), (128, False), (MAIN, False), (8, False))
"""The rounds: connections, and whether all contenders take part or the main ones only."""

AMPLE = 900.0
"""Seconds for one database, from which on all contenders take part in every round."""

SETTLE = 0.03
"""Seconds until what was under way when `wrk` hung up has been answered too."""

SECONDS_EACH = 1.15
"""How long a sample takes, `wrk` included."""

BY_HAND = "session-piccolo"
"""What tables compare with: one raw query through Piccolo's engine, the least that asks it."""


def run(
    kind: databases.Kind,
    contenders: Sequence[Contender],
    folder: Path,
    budget: Budget,
    steps: Sequence[tuple[int, bool]] = CYCLE,
) -> dict[str, Any]:
    """
    Load each contender in turn, in rounds with an order of their own, until the time is used up.

    Args:
        kind: Which database.
        contenders: Who takes part; the first is the measure.
        folder: For files.
        budget: The time. Each step is done once at least.
        steps: The numbers of connections of the rounds, and whether all take part.
    """
    contenders = [contender for contender in contenders if contender.only in (None, kind)]
    samples: Samples = {contender.name: defaultdict(dict) for contender in contenders}
    shuffle = random.Random(6).shuffle
    with serving(kind, contenders, folder) as servers:
        if kind == "postgres":
            find_backends(servers)
        for number, connections, takes_part in _rounds(contenders, budget, steps):
            print(f"  {kind}: round {number + 1}, {connections} connections", flush=True)
            shuffle(servers)
            for server in servers:
                if server.contender.name in takes_part:
                    taken = samples[server.contender.name][connections]
                    taken[str(number)] = _sample(server, connections)
        resident = {s.contender.name: machine.resident_kib(s.process.pid) for s in servers}
    return summary(samples, resident)


def _rounds(
    contenders: Sequence[Contender], budget: Budget, steps: Sequence[tuple[int, bool]]
) -> Iterator[tuple[int, int, set[str]]]:
    """The number of a round, its connections, and who takes part, as long as there is time."""
    everyone = {contender.name for contender in contenders}
    main = everyone if budget.left > AMPLE else {c.name for c in contenders if c.main}
    if main < everyone:
        names = ", ".join(sorted(everyone - main))
        budget.leave_out(f"all but one round in {len(steps)} of: {names}")
    for number, (connections, takes_all) in enumerate(cycle(steps)):
        takes_part = everyone if takes_all else main
        if number >= len(steps) and budget.left < len(takes_part) * SECONDS_EACH:
            return
        yield number, connections, takes_part


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


def summary(samples: Samples, resident: dict[str, int]) -> dict[str, Any]:
    """Each quantity, by contender and connections, and its CPU beside that of two others."""
    first = next(iter(samples))
    result: dict[str, Any] = {}
    for name, by_connections in samples.items():
        result[name] = {"resident_mib": round(resident[name] / 1024, 1)}
        for connections, taken in sorted(by_connections.items()):
            keys = next(iter(taken.values()))
            figures: dict[str, Any] = {
                key: as_json(figure([sample[key] for sample in taken.values()])) for key in keys
            }
            for title, other in {"of_bare": first, "of_by_hand": BY_HAND}.items():
                if other in samples:
                    beside = samples[other][connections]
                    figures[title] = as_json(paired(_cpu(taken), _cpu(beside)))
            figures["cpu_us_by_round"] = _cpu(taken)
            figures["p99_ms_by_round"] = {n: sample["p99_ms"] for n, sample in taken.items()}
            result[name][str(connections)] = figures
    return result


def _cpu(taken: dict[str, Sample]) -> dict[str, float]:
    return {number: round(sample["cpu_us"], 1) for number, sample in taken.items()}
