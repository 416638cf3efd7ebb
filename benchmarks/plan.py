"""The jobs of a run, and which part of the time each of them has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .budget import Budget
from .contenders import Contender
from .databases import Kind
from .jobs import production, protected, refresh, startup, storm, unguarded

REHEARSAL = 10
"""Minutes, below which figures mean nothing: fewer contenders and smaller tables."""


@dataclass(frozen=True, slots=True)
class Run:
    """
    What the jobs of a run have in common.

    Args:
        contenders: Those that can be measured.
        minutes: How long the run may take; if it has some jobs only, how long one with all of
            them would take with as much time for each.
    """

    contenders: Sequence[Contender]
    minutes: float

    @property
    def is_rehearsal(self) -> bool:
        """Whether it only shows that everything works."""
        return self.minutes < REHEARSAL


@dataclass(frozen=True, slots=True)
class Job:
    """
    One job.

    Args:
        share: Its part of the time, beside the parts of the others.
        run: What it does on a database with a folder of its own, within a budget.
        parts: The databases that it works on, and which part of its time each of them has beside
            the others.
    """

    share: float
    run: Callable[[Run, Kind, Path, Budget], dict[str, Any]]
    parts: Mapping[Kind, float]


def _quick(run: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    chosen = [one for one in run.contenders if one.only in (None, kind)]
    heat = protected.Heat(chosen, (protected.MAIN,))
    return protected.run_heats(kind, [heat], folder, budget)


def _protected(run: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    chosen = [one for one in run.contenders if one.main or not run.is_rehearsal]
    return protected.run(kind, chosen, folder, budget)


def _storm(run: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    return storm.run(kind, run.contenders, folder, budget, 2 if run.is_rehearsal else 4)


def _growth(run: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    from .jobs import growth

    sizes = (1_000, 20_000) if run.is_rehearsal else (1_000, 100_000, 1_000_000)
    return growth.run(kind, folder, budget, sizes, 1 if run.is_rehearsal else 4)


def _rate_limits(_: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    from .jobs import rate_limits  # imports the peers

    return rate_limits.run(kind, folder, budget)


def _crud(run: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    from .jobs import crud  # imports the peer

    return crud.run(kind, folder, budget, 20_000 if run.is_rehearsal else crud.ROWS)


def _unguarded(_: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    return unguarded.run(kind, folder, budget)


def _startup(run: Run, _: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    return startup.run(run.contenders, folder, budget)


def _refresh(_: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    return refresh.run(kind, folder, budget, 2)


def _production(_: Run, kind: Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    return production.run(kind, folder, budget, 3)


ALIKE: Mapping[Kind, float] = {"postgres": 1, "sqlite": 1}
POSTGRES: Mapping[Kind, float] = {"postgres": 1}
SQLITE: Mapping[Kind, float] = {"sqlite": 1}

QUICK = {"protected": Job(1, _quick, ALIKE)}
"""Two minutes: enough to see whether a change helps."""

JOBS = {
    "protected": Job(9.4, _protected, {"postgres": 3, "sqlite": 2}),
    "storm": Job(3.2, _storm, POSTGRES),  # logins wait for hashes, not for the database
    "unguarded": Job(0.7, _unguarded, SQLITE),
    "startup": Job(0.7, _startup, SQLITE),
    "refresh": Job(0.4, _refresh, ALIKE),
    "rate_limits": Job(0.8, _rate_limits, ALIKE),
    "crud": Job(1.0, _crud, ALIKE),
    "production": Job(0.6, _production, POSTGRES),
    "growth": Job(3.2, _growth, ALIKE),
}
"""
All that is published. What a job does not use goes to those after it; what it uses beyond its part
is theirs, too, so that the whole keeps to its minutes.
"""
