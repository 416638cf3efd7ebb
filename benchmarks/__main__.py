"""
`make bench`: what it costs to know who asks, here and elsewhere.

Contenders run in rounds, one after the other, so that all of them suffer alike from whatever
else the machine does. Figures compare contenders of one run and nothing else.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from . import databases, load, machine, report
from .contenders import CONTENDERS
from .jobs import growth, production, protected, refresh, startup, storm

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
TABLES = FOLDER / "results.md"
PLOT = FOLDER.parent / "docs" / "benchmark"

ONLY = {"startup": ("sqlite",), "production": ("postgres",)}
"""Jobs that one kind of database is enough for."""

Job: TypeAlias = Callable[[databases.Kind, Path], dict[str, Any]]


def quick_jobs() -> dict[str, Job]:
    """Two minutes: enough to see whether a change helps."""
    contenders = [contender for contender in CONTENDERS if contender.quick]
    return {"protected": lambda kind, folder: protected.run(kind, contenders, folder, 2, [32])}


def full_jobs(rounds: int) -> dict[str, Job]:
    """All that is published."""
    sizes = (1_000, 100_000, 1_000_000)
    return {
        "protected": lambda kind, folder: protected.run(kind, CONTENDERS, folder, rounds, [1, 32]),
        "storm": lambda kind, folder: storm.run(kind, folder, 3, 8),
        "refresh": lambda kind, folder: refresh.run(kind, folder, 5, 2),
        "growth": lambda kind, folder: growth.run(kind, folder, sizes, 4),
        "startup": lambda _, folder: startup.run(folder, 7),
        "production": lambda kind, folder: production.run(kind, folder, 5, 3),
    }


def main() -> None:
    """Run the jobs that are asked for, on each database there is; print, and keep what is full."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few contenders, in two minutes")
    parser.add_argument("--jobs", nargs="*", help="these jobs; the results of others are kept")
    parser.add_argument("--kinds", nargs="*", help="of the databases: postgres, sqlite")
    parser.add_argument("--rounds", type=int, default=10, help="of the protected request")
    arguments = parser.parse_args()
    load.require_wrk()
    kinds: list[Any] = arguments.kinds or ["postgres", "sqlite"]
    if databases.postgres_version() is None and "postgres" in kinds:
        print("PostgreSQL does not answer at PG_HOST:PG_PORT; it is left out.")
        kinds.remove("postgres")
    jobs = quick_jobs() if arguments.quick else full_jobs(arguments.rounds)
    results: dict[str, Any] = {}
    if arguments.jobs and RESULTS.exists() and not arguments.quick:
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name in arguments.jobs or jobs:
        results[name] = results.get(name, {}) | _run(jobs[name], name, kinds)
        if not arguments.quick:
            _keep(results)
    print(report.as_markdown(results))


def _keep(results: dict[str, Any]) -> None:
    """What there is so far: a run takes an hour."""
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    TABLES.write_text(report.as_markdown(results), encoding="utf-8")
    if "protected" in results:
        from . import plot  # noqa: PLC0415 - takes a second, and not every job needs it

        plot.draw(results["protected"], PLOT)


def _run(job: Job, name: str, kinds: list[databases.Kind]) -> dict[str, Any]:
    """What a job says on each database, and of the machine meanwhile."""
    print(f"{name}", flush=True)
    before, busy = machine.stolen_and_total(), machine.load_average()
    result: dict[str, Any] = {}
    for kind in kinds:
        if kind not in ONLY.get(name, kinds):
            continue
        with tempfile.TemporaryDirectory() as folder:
            result[kind] = job(kind, Path(folder))
    stolen, total = (b - a for a, b in zip(before, machine.stolen_and_total(), strict=True))
    result["machine"] = machine.description() | {
        "stolen": round(stolen / total, 4),
        "load_average_before": busy,
    }
    return result


if __name__ == "__main__":
    main()
