"""How far a long job is, for commands that show it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_report: ContextVar[Callable[[int], None] | None] = ContextVar("report", default=None)


def advance(done: int) -> None:
    """
    Report how many rows a job has handled, if a command shows it.

    Args:
        done: The number of rows so far.
    """
    report = _report.get()
    if report is not None:
        report(done)


@contextmanager
def shown(what: str) -> Iterator[None]:
    """
    Show the progress of the jobs in the block on the terminal, if there is one.

    Args:
        what: The thing that is counted, such as `"rows deleted"`.
    """
    if not sys.stderr.isatty():
        yield
        return

    def show(done: int) -> None:
        print(f"\r{done} {what} …", end="", file=sys.stderr, flush=True)  # noqa: T201 - a command

    token = _report.set(show)
    try:
        yield
    finally:
        _report.reset(token)
        print(file=sys.stderr)  # noqa: T201 - ends the line
