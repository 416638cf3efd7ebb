"""Growth: what a look-up costs among a thousand sessions and a million, and beside a sweep."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import databases, machine
from benchmarks.budget import Budget
from benchmarks.servers import environment, prepared

SIDES = {"session": "ours", "piccolo-api-session": "piccolo_api_"}

MOST = 0.6
"""The part of the time left that the next size may take; the sweeps need the rest."""

LEAST = 2.0
"""Seconds of a sweep."""

SWEEPS = {
    "postgres": {"sweep": "piccolo"},
    # The second puts the file into WAL mode, in which it stays.
    "sqlite": {"sweep_by_piccolo": "piccolo", "sweep": "kept"},
}


def run(
    kind: databases.Kind, folder: Path, budget: Budget, sizes: Sequence[int], seconds: float
) -> dict[str, Any]:
    """
    Fill both tables step by step, then sweep ours while looking up.

    Args:
        kind: Which database.
        folder: For its file.
        budget: The time. A size that would take too long is left out, and so are greater ones; a
            sweep is cut short.
        sizes: Sessions.
        seconds: Of look-ups at each size.
    """
    result: dict[str, Any] = {}
    with prepared(kind, list(SIDES.values()), folder) as made:
        for name, module in SIDES.items():
            probe = Probe(kind, made[module], folder, module)
            result[name] = _grown(probe, name, budget, sizes, seconds)
            if module == "ours" and str(sizes[1]) in result[name]:
                result[name]["memory"] = probe.run("hold")
        probe = Probe(kind, made["ours"], folder, "ours")
        result["access_tokens"] = probe.run("verify")
        size = max(int(size) for size in result["session"] if size != "memory")
        for number, (name, engine) in enumerate(SWEEPS[kind].items()):
            print(f"  {kind}, growth: {name}, {engine}", flush=True)
            patience = max(LEAST, budget.left / (len(SWEEPS[kind]) - number) - 2 * seconds)
            result[name] = _sweep(probe, seconds, size, patience, engine) | {"size": size}
    return result


def _grown(
    probe: "Probe", name: str, budget: Budget, sizes: Sequence[int], seconds: float
) -> dict[str, Any]:
    """What look-ups take at each size, as long as the next one can be expected to fit."""
    result: dict[str, Any] = {}
    filled, row = 0, 0.0
    for size in sizes:
        expected = row * (size - filled) + seconds
        if filled and expected > budget.left * MOST:
            budget.leave_out(f"{size:,} sessions of {name}")
            break
        print(f"  growth: {size} sessions of {name}", flush=True)
        size_of = probe.run("fill", filled, size)
        row = size_of.pop("seconds") / (size - filled)
        result[str(size)] = size_of | probe.run("look", seconds, size, "piccolo")
        filled = size
    return result


def _sweep(
    probe: "Probe", seconds: float, size: int, patience: float, engine: str
) -> dict[str, Any]:
    """Look-ups in peace, then beside the sweep until that ends."""
    calm = probe.run("look", seconds, size, engine)
    sweeping = probe.start(machine.cores()[1], "sweep", patience, engine)
    beside = []
    while sweeping.poll() is None:
        beside.append(probe.run("look", 1, size, engine))
    swept: dict[str, Any] = json.loads(sweeping.communicate()[0])
    return swept | {
        "calm_longest_ms": calm["longest_ms"],
        "calm_p999_ms": calm["p999_ms"],
        "longest_ms": max(sample["longest_ms"] for sample in beside),
        "longest_unseen_ms": max(sample["longest_unseen_ms"] for sample in beside),
        "p999_ms": max(sample["p999_ms"] for sample in beside),
        "look_ups": sum(sample["count"] for sample in beside),
    }


class Probe:
    """Runs steps of `growth_probe` on one database."""

    def __init__(self, kind: databases.Kind, database: str, folder: Path, module: str) -> None:
        self._environment = environment(kind, database, folder)
        self._module = module

    def start(self, cores: set[int], *step: object) -> "subprocess.Popen[bytes]":
        """Begin a step."""
        command = [
            *("taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m"),
            *("benchmarks.growth_probe", self._module, *map(str, step)),
        ]
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE)

    def run(self, *step: object) -> dict[str, float]:
        """What a step says."""
        process = self.start(machine.cores()[0], *step)
        output, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{step} failed")
        values: dict[str, float] = json.loads(output)
        return values
