"""Growth: what a look-up costs among a thousand sessions and a million, and beside a sweep."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import databases, machine
from benchmarks.servers import environment, prepared

SIDES = {"session": "ours", "piccolo-api-session": "piccolo_api_"}

SWEEPS = {
    "postgres": {"sweep": "piccolo"},
    # The second puts the file into WAL mode, in which it stays.
    "sqlite": {"sweep_by_piccolo": "piccolo", "sweep": "kept"},
}


def run(
    kind: databases.Kind, folder: Path, sizes: Sequence[int], seconds: float, patience: float
) -> dict[str, Any]:
    """
    Fill both tables step by step, then sweep ours while looking up.

    Args:
        kind: Which database.
        folder: For its file.
        sizes: Sessions.
        seconds: Of look-ups at each size.
        patience: Seconds that a sweep may take; it is cut short then.
    """
    result: dict[str, Any] = {}
    with prepared(kind, list(SIDES.values()), folder) as made:
        for name, module in SIDES.items():
            result[name] = {}
            filled = 0
            probe = Probe(kind, made[module], folder, module)
            for size in sizes:
                print(f"  {kind}, growth: {size} sessions of {name}", flush=True)
                size_of = probe.run("fill", filled, size)
                seen = probe.run("look", seconds, size, "piccolo")
                result[name][str(size)] = size_of | seen
                filled = size
            if module == "ours":
                result[name]["memory"] = probe.run("hold")
        probe = Probe(kind, made["ours"], folder, "ours")
        result["access_tokens"] = probe.run("verify")
        for name, engine in SWEEPS[kind].items():
            print(f"  {kind}, growth: {name}, {engine}", flush=True)
            result[name] = _sweep(probe, seconds, sizes[-1], patience, engine)
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
