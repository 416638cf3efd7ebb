"""
`make bench`: what it costs to know who asks, here and elsewhere.

Contenders run in rounds, one after the other, so that all of them suffer alike from whatever
else the machine does. Figures compare contenders of one run and nothing else.
"""

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import databases, machine, needs, report
from .budget import Budget
from .contenders import CONTENDERS, Contender
from .plan import JOBS, QUICK, Job, Run

FOLDER = Path(__file__).parent
DOCS = FOLDER.parent / "docs"
KINDS = ("postgres", "sqlite")
RESULTS, TABLES, PLOT = "results.json", "results.md", "benchmark"


def main() -> None:
    """Run the jobs that are asked for, on each database there is; print, and keep what is full."""
    arguments = _arguments()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each start would compile all sources
    deadline = Budget(60 * (2 if arguments.quick else arguments.minutes))
    kinds = _kinds(arguments.kinds)
    jobs = _possible(arguments.jobs, QUICK if arguments.quick else JOBS, kinds)
    if not jobs:
        sys.exit("Nothing is left to measure.")
    of_all = sum(job.share for job in JOBS.values()) / sum(job.share for job in jobs.values())
    run = Run(_contenders(quick=arguments.quick), arguments.minutes * of_all)
    folder: Path | None = None if arguments.quick else arguments.results
    results: dict[str, Any] = {}
    if arguments.jobs and folder and (folder / RESULTS).exists():
        results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    failed = list(_run_all(jobs, kinds, run, deadline, results, folder))
    print(report.as_markdown(results))
    print(f"{deadline.used / 60:.1f} minutes.")
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


def _run_all(
    jobs: dict[str, Job],
    kinds: Sequence[databases.Kind],
    run: Run,
    deadline: Budget,
    results: dict[str, Any],
    folder: Path | None,
) -> Iterator[str]:
    """Put the results of each job with the others, and yield the names of those that failed."""
    for number, (name, job) in enumerate(jobs.items()):
        if not (deadline.left or run.is_rehearsal):
            print(f"Left out: the job {name}: no time is left.", flush=True)
            continue
        rest = list(jobs.values())[number:]
        budget = deadline.part(job.share / sum(one.share for one in rest))
        budget.left_out = []
        try:
            results[name] = results.get(name, {}) | _run(name, job, kinds, run, budget)
        except Exception:  # noqa: BLE001 - the figures of the other jobs are good
            traceback.print_exc()
            yield name
        if folder:
            _keep(results, folder)


def _kinds(wanted: list[databases.Kind] | None) -> list[databases.Kind]:
    kinds: list[databases.Kind] = wanted or ["postgres", "sqlite"]
    lacking = needs.of_databases(kinds)
    for kind, reason in lacking.items():
        print(f"Left out: {kind}. {reason}.", flush=True)
    return [kind for kind in kinds if kind not in lacking]


def _contenders(*, quick: bool) -> list[Contender]:
    """Those whose packages are there; the others are named before anything is measured."""
    chosen = []
    for contender in CONTENDERS:
        if contender.quick or not quick:
            if reason := needs.of_contender(contender):
                print(f"Left out: {contender.title}, {reason}.", flush=True)
            else:
                chosen.append(contender)
    return chosen


def _possible(
    wanted: Sequence[str] | None, jobs: dict[str, Job], kinds: Sequence[databases.Kind]
) -> dict[str, Job]:
    """The jobs that can run; why the others can't is said before anything is measured."""
    possible = {}
    for name, job in jobs.items():
        if wanted and name not in wanted:
            continue
        if reason := needs.of_job(name, kinds, list(job.parts)):
            print(f"Left out: the job {name}: {reason}.", flush=True)
        else:
            possible[name] = job
    if possible.keys() & {"rate_limits", "production"} and (reason := needs.of_redis()):
        print(f"Left out: limits in Redis, and the job production: {reason}.", flush=True)
        possible.pop("production", None)
    return possible


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few contenders, in two minutes")
    parser.add_argument("--minutes", type=float, default=20, help="how long it may take")
    parser.add_argument(
        "--jobs", nargs="*", choices=JOBS, help="these jobs; the results of others are kept"
    )
    parser.add_argument("--kinds", nargs="*", choices=KINDS, help="these databases only")
    parser.add_argument(
        "--results", type=Path, default=FOLDER, help="where results.json and the rest go"
    )
    return parser.parse_args()


def _keep(results: dict[str, Any], folder: Path) -> None:
    """Write what there is so far."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULTS).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / TABLES).write_text(report.as_markdown(results), encoding="utf-8")
    if "protected" in results:
        try:
            from . import plot
        except ImportError as error:
            print(f"Left out: the plot: {error}.", flush=True)
        else:
            plot.draw(results["protected"], (DOCS if folder == FOLDER else folder) / PLOT)


def _run(
    name: str, job: Job, kinds: Sequence[databases.Kind], run: Run, budget: Budget
) -> dict[str, Any]:
    """What a job says on each database, and of the machine meanwhile."""
    print(f"{name}: {budget.left / 60:.1f} minutes", flush=True)
    before, busy = machine.stolen_and_total(), machine.load_average()
    result: dict[str, Any] = {}
    mine: list[databases.Kind] = [kind for kind in kinds if kind in job.parts]
    for number, kind in enumerate(mine):
        own = budget.part(job.parts[kind] / sum(job.parts[rest] for rest in mine[number:]))
        with tempfile.TemporaryDirectory() as folder:
            result[kind] = job.run(run, kind, Path(folder), own)
    stolen, total = (b - a for a, b in zip(before, machine.stolen_and_total(), strict=True))
    result["machine"] = machine.description() | {
        "stolen": round(stolen / total, 4),
        "load_average_before": busy,
    }
    return result | {"left_out": budget.left_out}


if __name__ == "__main__":
    main()
