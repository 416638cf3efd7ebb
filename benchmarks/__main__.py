"""
`make bench`: what it costs to know who asks, here and elsewhere.

Contenders run in rounds, one after the other, so that all of them suffer alike from whatever
else the machine does. Figures compare contenders of one run and nothing else.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from . import databases, load, machine, report
from .contenders import CONTENDERS
from .jobs import growth, production, protected, rate_limits, refresh, startup, storm

FOLDER = Path(__file__).parent
DOCS = FOLDER.parent / "docs"
RESULTS, TABLES, PLOT = "results.json", "results.md", "benchmark"

ONLY = {"startup": ("sqlite",), "production": ("postgres",), "storm": ("postgres",)}
"""Jobs that one kind of database is enough for; logins wait for hashes, not for it."""

PROGRAMS = {"production": ("nginx", "pgbouncer")}
"""Programs that a job runs, beside `wrk`."""

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"

REHEARSAL = 10
"""Minutes, below which figures mean nothing."""

Job: TypeAlias = Callable[[databases.Kind, Path], dict[str, Any]]


def quick_jobs() -> dict[str, Job]:
    """Two minutes: enough to see whether a change helps."""
    contenders = [contender for contender in CONTENDERS if contender.quick]
    return {"protected": lambda kind, folder: protected.run(kind, contenders, folder, 2, [32])}


def full_jobs(minutes: float) -> dict[str, Job]:
    """
    All that is published.

    Args:
        minutes: About how long it may take on a machine with nothing else to do. Rounds become
            fewer with it, and below ten minutes the greatest tables are left out: that is no
            more than a rehearsal.
    """

    def rounds(in_an_hour: int, least: int) -> int:
        return max(least, round(in_an_hour * minutes / 60))

    is_rehearsal = minutes < REHEARSAL
    sizes = (1_000, 20_000) if is_rehearsal else (1_000, 100_000, 1_000_000)
    patience = minutes * 2.5
    return {
        "protected": lambda kind, folder: protected.run(
            kind, CONTENDERS, folder, rounds(18, 1), [1, 32]
        ),
        "storm": lambda kind, folder: storm.run(
            kind, folder, rounds(5, 1), 2 if is_rehearsal else 4
        ),
        "refresh": lambda kind, folder: refresh.run(kind, folder, rounds(8, 1), 2),
        "growth": lambda kind, folder: growth.run(
            kind, folder, sizes, 1 if is_rehearsal else 4, patience
        ),
        "rate_limits": lambda kind, folder: rate_limits.run(kind, folder, rounds(70, 2)),
        "startup": lambda _, folder: startup.run(folder, rounds(8, 1)),
        "production": lambda kind, folder: production.run(kind, folder, rounds(8, 1), 3),
    }


def main() -> None:
    """Run the jobs that are asked for, on each database there is; print, and keep what is full."""
    arguments = _arguments()
    load.require_wrk()
    kinds: list[Any] = arguments.kinds or ["postgres", "sqlite"]
    if databases.postgres_version() is None and "postgres" in kinds:
        print("PostgreSQL does not answer at PG_HOST:PG_PORT; it is left out.")
        kinds.remove("postgres")
    jobs = quick_jobs() if arguments.quick else full_jobs(arguments.minutes)
    folder: Path | None = None if arguments.quick else arguments.results
    results: dict[str, Any] = {}
    if arguments.jobs and folder and (folder / RESULTS).exists():
        results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    wanted = [name for name in arguments.jobs or jobs if not _lacks(name)]
    for name in wanted:
        results[name] = results.get(name, {}) | _run(jobs[name], name, kinds)
        if folder:
            _keep(results, folder)
    print(report.as_markdown(results))


def _lacks(job: str) -> bool:
    """Whether programs that a job needs are not installed. Says so before anything is measured."""
    lacking = [name for name in PROGRAMS.get(job, ()) if shutil.which(name, path=PATH) is None]
    if lacking:
        names = " ".join(lacking)
        print(f"The job {job} is left out: apt-get install {names}", flush=True)
    return bool(lacking)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few contenders, in two minutes")
    parser.add_argument("--minutes", type=float, default=60, help="about how long it may take")
    parser.add_argument("--jobs", nargs="*", help="these jobs; the results of others are kept")
    parser.add_argument("--kinds", nargs="*", help="of the databases: postgres, sqlite")
    parser.add_argument(
        "--results", type=Path, default=FOLDER, help="where results.json and the rest go"
    )
    return parser.parse_args()


def _keep(results: dict[str, Any], folder: Path) -> None:
    """What there is so far: a run takes an hour."""
    (folder / RESULTS).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / TABLES).write_text(report.as_markdown(results), encoding="utf-8")
    if "protected" in results:
        from . import plot

        plot.draw(results["protected"], (DOCS if folder == FOLDER else folder) / PLOT)


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
