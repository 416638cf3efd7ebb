"""The protected request: what it costs to know who asks, over one connection and over many."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks import databases, load, machine
from benchmarks.budget import Budget
from benchmarks.contenders import BY_NAME, Contender
from benchmarks.samples import as_json, figure, paired
from benchmarks.servers import Server, find_backends, serving

Sample: TypeAlias = dict[str, float]
Samples: TypeAlias = dict[str, dict[int, dict[str, Sample]]]
"""By contender, connections and round."""

MAIN = 32
"""The number of connections that every contender is asked over."""

CYCLE = (MAIN, 1, 128, MAIN, 8, MAIN)
"""The numbers of connections of the rounds."""

REFERENCES = ("bare", "session-piccolo", "session", "jwt", "token")
"""The main contenders that run beside the others too, to compare them with."""

MOST = 0.75
"""The part of the time that the main contenders have."""

AMPLE = 900.0
"""Seconds for one database, from which on the others are asked over all numbers of connections."""

SETTLE = 0.03
"""Seconds until what was under way when `wrk` hung up has been answered too."""

SECONDS_EACH = 1.15
"""How long a sample takes, `wrk` included."""

BY_HAND = "session-piccolo"
"""What tables compare with: one raw query through Piccolo's engine, the least that asks it."""


def run(
    kind: databases.Kind, contenders: Sequence[Contender], folder: Path, budget: Budget
) -> dict[str, Any]:
    """
    The main contenders first, then the others beside some of them.

    All at once would need more connections than PostgreSQL allows by default.

    Args:
        kind: Which database.
        contenders: Who takes part.
        folder: For files.
        budget: The time.
    """
    possible = [contender for contender in contenders if contender.only in (None, kind)]
    main = [contender for contender in possible if contender.main]
    others = [one for one in possible if not one.main or one.name in REFERENCES]
    if len(others) == len([one for one in main if one.name in REFERENCES]):
        return run_heats(kind, [Heat(main, CYCLE)], folder, budget)
    is_short = budget.left < AMPLE
    if is_short:
        names = ", ".join(one.name for one in others if not one.main)
        budget.leave_out(f"over other numbers of connections than {MAIN}: {names}")
    second = Heat(others, (MAIN,) if is_short else CYCLE)
    return run_heats(kind, [Heat(main, CYCLE, MOST), second], folder, budget)


@dataclass(frozen=True, slots=True)
class Heat:
    """
    Contenders that run in the same rounds.

    Args:
        contenders: Who.
        connections: The numbers of connections of the rounds, over and over.
        part: The part that it has of the time left.
    """

    contenders: Sequence[Contender]
    connections: Sequence[int]
    part: float = 1.0


def run_heats(
    kind: databases.Kind, heats: Sequence[Heat], folder: Path, budget: Budget
) -> dict[str, Any]:
    """
    Load each contender of a heat in turn, in an order that changes, until its time is used up.

    Args:
        kind: Which database.
        heats: One after the other; the first contender of all is the measure.
        folder: For files.
        budget: The time. Each number of connections has one round at least.
    """
    samples: Samples = {}
    resident: dict[str, int] = {}
    shuffle = random.Random(6).shuffle
    for name, heat in zip("ab", heats, strict=False):
        own = budget.part(heat.part)
        with serving(kind, heat.contenders, folder) as servers:
            if kind == "postgres":
                find_backends(servers)
            for number, connections in _rounds(heat, own):
                print(f"  {kind}: round {name}{number + 1}, {connections} connections", flush=True)
                shuffle(servers)
                for server in servers:
                    taken = samples.setdefault(server.contender.name, defaultdict(dict))
                    taken[connections][f"{name}{number}"] = _sample(server, connections)
            resident |= {s.contender.name: machine.resident_kib(s.process.pid) for s in servers}
    in_order = [name for name in BY_NAME if name in samples]
    return summary({name: samples[name] for name in in_order}, resident)


def _rounds(heat: Heat, budget: Budget) -> Iterator[tuple[int, int]]:
    """The number of a round and its connections, as long as there is time."""
    for number, connections in enumerate(cycle(heat.connections)):
        if number >= len(heat.connections) and budget.left < len(heat.contenders) * SECONDS_EACH:
            return
        yield number, connections


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
