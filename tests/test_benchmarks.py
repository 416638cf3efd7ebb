"""What the documentation prints of a benchmark is what the run said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import load, needs, plan, report
from benchmarks.aims import AIMS, Aim
from benchmarks.budget import Budget
from benchmarks.contenders import BY_NAME, CONTENDERS, WHOLE, Contender
from benchmarks.jobs import protected, unguarded
from benchmarks.samples import figure, percentile, ratio

FOLDER = Path(report.__file__).parent
if not (FOLDER / "results.json").exists():
    pytest.skip("an sdist holds no results of benchmarks", allow_module_level=True)
RESULTS = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))

OUTPUT = """\
  Latency Distribution
     50%    6.51ms
     75%    9.00ms
     90%   11.10ms
     99%    1.20s
  4034 requests in 1.01s, 0.62MB read
Requests/sec:   3994.06
"""


def test_the_tables_are_of_the_results() -> None:
    """`results.md`, which the documentation includes, is made of `results.json`."""
    assert report.as_markdown(RESULTS) == (FOLDER / "results.md").read_text(encoding="utf-8")


def test_contenders() -> None:
    """Names are unique, and what was measured is still there."""
    assert len(BY_NAME) == len(CONTENDERS) + len(WHOLE)
    measured = {name for kind in ("postgres", "sqlite") for name in RESULTS["protected"][kind]}
    assert measured <= BY_NAME.keys()


FIGURE = {"median": 2.0, "spread": 0.0, "count": 1}


def measured(kind: str, contenders: Sequence[Contender]) -> dict[str, Any]:
    """What the job says of requests that all took as long, over all numbers of connections."""
    sample = dict.fromkeys(("requests_per_second", "cpu_us", "database_cpu_us"), 100.0)
    sample |= {"p50_ms": 1.0, "p99_ms": 2.0}
    names = [one.name for one in contenders if one.only in (None, kind)]
    samples = {name: {number: {"0": sample} for number in (1, 8, 32, 128)} for name in names}
    return protected.summary(samples, dict.fromkeys(names, 1024))


def a_run() -> dict[str, Any]:
    """Results with all that a job of requests says, and of other jobs those that aims need."""
    storm = {"session": {"p99_times": FIGURE, "of_bare_pool": FIGURE}}
    look = {"1000": {"hit_ms": 1}, "1000000": {"hit_ms": 1}}
    growth = {"session": look, "sweep": {"longest_ms": 1}, "sweep_by_piccolo": {"longest_ms": 1}}
    limit = {"times": FIGURE, "adds_us": FIGURE}
    names = ("here: RateLimit", "here: MemoryStore", "here: RedisStore")
    limits = dict.fromkeys((*names, "slowapi", "slowapi, with headers"), limit)
    tables = ("route", "memory_100", "memory_100000", "redis", "redis_64")
    start = {"all-routers": {"of_no_routers": FIGURE}}
    one = {"of_by_hand": FIGURE, "of_peer": FIGURE, "cpu_us": FIGURE}
    pages = {"first": {"wall_ms": FIGURE}, "deep": {"wall_ms": FIGURE, "of_first": FIGURE}}
    crud = {"here: crud_router": {"list": one, "detail": one}, "pages": pages}
    return {
        "protected": {kind: measured(kind, CONTENDERS) for kind in ("postgres", "sqlite")},
        "unguarded": {"sqlite": measured("sqlite", unguarded.CONTENDERS)},
        "storm": {"postgres": {"one_core": storm, "all_cores": storm}},
        "growth": {"postgres": growth, "sqlite": growth},
        "rate_limits": {"sqlite": {"keys": {"mib_at_cap": 1.0}} | dict.fromkeys(tables, limits)},
        "startup": {"sqlite": {"start": start}},
        "crud": {"postgres": crud, "sqlite": crud},
    }


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.text)
def test_aims(aim: Aim) -> None:
    """Each aim is computed from the results of its job, and is met on one side of its limit."""
    assert aim.measure(a_run()[aim.job]) in (1.0, 2.0)
    assert aim.is_met(aim.limit)
    assert aim.is_met(aim.limit + 1) is aim.at_least
    assert aim.is_met(aim.limit - 1) is not aim.at_least


def test_aims_without_results() -> None:
    """A run that left something out says nothing of the aims that need it."""
    run = a_run() | {"machine": {}}
    del run["protected"]["postgres"]["session-driver"]
    texts = "\n".join(report.aims({"protected": run["protected"]}))
    assert "session beside session by hand on Piccolo's engine, 32 connections, Postg" in texts
    assert "session beside session by hand on bare asyncpg" not in texts
    assert "Argon2id" not in texts


def test_tables_of_requests() -> None:
    """A row for each contender and number of connections, and what there was no time for."""
    machine = RESULTS["protected"]["machine"]
    ending = {"machine": machine, "left_out": ["a million rows"]}
    run = a_run()
    text = report.as_markdown({name: run[name] | ending for name in ("protected", "unguarded")})
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| here: session |")]
    assert [cells[1] for cells in rows] == ["100", "1", "8", "128"] * 2
    assert text.count("| here: install(app), all routers | 100.0 |") == 1
    assert text.count("Left out for want of time: a million rows.") == 2


def test_tables_of_tables() -> None:
    """A row for each way to serve a table, and what a page deep inside takes."""
    ending = {"machine": RESULTS["protected"]["machine"]}
    text = report.as_markdown({"crud": a_run()["crud"] | ending})
    assert text.count("| here: crud_router | ") == 4
    assert "PostgreSQL: the first page takes 2.0 ms, one deep inside 2.00 times that." in text


class Seconds:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_rounds_of_a_budget() -> None:
    """Rounds go on as long as another one fits; one is done in any case, or as many as wanted."""
    clock = Seconds()

    def rounds(seconds: float, least: int = 1) -> list[int]:
        done = []
        for number in Budget(seconds, clock).rounds(least):
            done.append(number)
            clock.now += 3
        return done

    assert rounds(10) == [0, 1, 2]
    assert rounds(9) == [0, 1, 2]
    assert rounds(1) == [0]
    assert rounds(1, least=2) == [0, 1]


def test_parts_of_a_budget() -> None:
    """A part is of what is left, and reports what it left out to the whole."""
    clock = Seconds()
    budget = Budget(100, clock)
    clock.now = 20
    part = budget.part(0.5)
    assert (part.left, budget.left, budget.used) == (40, 80, 20)
    part.leave_out("a million rows")
    assert budget.left_out == ["a million rows"]
    clock.now = 500
    assert (part.left, budget.left) == (0, 0)


def test_shares_of_the_jobs() -> None:
    """Every job has a part of the time, and a table or a line of its own in the report."""
    assert all(job.share > 0 for job in plan.JOBS.values())
    assert set(plan.JOBS) == set(report.RENDERERS)


def test_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lacking is said with its reason: programs, packages, databases and Redis."""
    monkeypatch.setattr(needs, "PATH", "/nowhere")
    assert needs.of_job("production", ["postgres"], ["postgres"]) == (
        "apt-get install wrk nginx pgbouncer"
    )
    assert not needs.of_job("startup", ["sqlite"], ["sqlite"])
    assert needs.of_job("startup", ["postgres"], ["sqlite"]) == "it needs sqlite"
    monkeypatch.setitem(needs.PACKAGES, "startup", ("no_such_package",))
    assert needs.of_job("startup", ["sqlite"], ["sqlite"]) == "not installed: no_such_package"
    monkeypatch.setitem(needs.PEERS, "authx_", ("no_such_package",))
    assert needs.of_contender(BY_NAME["authx"]) == "not installed: no_such_package"
    assert not needs.of_contender(BY_NAME["session"])
    monkeypatch.setattr(needs, "REDIS_URL", "redis://127.0.0.1:1")
    assert needs.of_redis() == "Redis does not answer at redis://127.0.0.1:1"


def test_figures() -> None:
    """Medians with half of the quartiles' distance; ratios are of the same round."""
    assert (figure([1, 2, 3]).median, figure([1, 2, 3]).spread) == (2.0, 0.25)
    assert figure([5]).spread == 0
    assert ratio([2, 8, 3], [1, 2, 1]).median == 3
    assert percentile(list(range(100)), 0.99) == 99


def test_wrk() -> None:
    """What `wrk` prints is understood, in whatever unit; anything else is an error."""
    assert load.Load(4034, 1.01, 6.51, 1200) == load.parse(OUTPUT)
    with pytest.raises(RuntimeError):
        load.parse("wrk: unable to connect")
