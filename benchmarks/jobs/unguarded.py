"""Routes that nobody guards: what `install(app)` costs those who need no authentication."""

from pathlib import Path
from typing import Any

from benchmarks import databases
from benchmarks.budget import Budget
from benchmarks.contenders import BARE, WHOLE
from benchmarks.jobs import protected

CONTENDERS = (BARE, *WHOLE)


def run(kind: databases.Kind, folder: Path, budget: Budget) -> dict[str, Any]:
    """The three in turn, over 32 connections, in as many rounds as fit."""
    heat = protected.Heat(CONTENDERS, (protected.MAIN,))
    return protected.run_heats(kind, [heat], folder, budget)
