"""Tables of Markdown, and those of the requests that `wrk` makes."""

from collections.abc import Iterable, Iterator
from typing import Any

from .contenders import BY_NAME

Results = dict[str, Any]

TITLES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The lines of a table."""
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|---|{'---:|' * (len(names) - 1)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def protected(results: Results) -> Iterator[str]:
    """Two tables for each database: over 32 connections, and over other numbers of them."""
    for kind, title in TITLES.items():
        if kind in results:
            yield from (f"### Protected request, {title}, 32 connections", "")
            yield from table(_PROTECTED_HEAD, map(_protected_row, results[kind].items()))
            yield ""
            if rows := list(_by_connections(results[kind])):
                yield from (f"### Protected request by the number of connections, {title}", "")
                yield from (*table(_CONNECTIONS_HEAD, rows), "")


_PROTECTED_HEAD = (
    *("", "CPU µs a request", "±", "times bare", "times by hand", "database µs", "requests/s"),
    *("p50 / p99 ms", "MiB of the worker"),
)


def _protected_row(item: tuple[str, Results]) -> tuple[object, ...]:
    name, result = item
    loaded = result["32"]
    return (
        BY_NAME[name].title,
        f"{loaded['cpu_us']['median']:.0f}",
        f"{loaded['cpu_us']['spread']:.0%}",
        f"{loaded['of_bare']['median']:.2f}",
        _times(loaded),
        f"{loaded['database_cpu_us']['median']:.0f}" if BY_NAME[name].asks else "",
        f"{loaded['requests_per_second']['median']:.0f}",
        f"{loaded['p50_ms']['median']:.1f} / {loaded['p99_ms']['median']:.0f}",
        f"{result['resident_mib']:.0f}",
    )


def _times(figures: Results) -> str:
    return f"{figures['of_by_hand']['median']:.2f}" if "of_by_hand" in figures else ""


_CONNECTIONS_HEAD = (
    *("", "connections", "CPU µs a request", "±", "times by hand", "requests/s"),
    "p50 / p99 ms",
)


def _by_connections(results: Results) -> Iterator[tuple[object, ...]]:
    """A row for each number but that of the main table."""
    for name, result in results.items():
        for connections in ("1", "8", "128"):
            if figures := result.get(connections):
                yield (
                    BY_NAME[name].title,
                    connections,
                    f"{figures['cpu_us']['median']:.0f}",
                    f"{figures['cpu_us']['spread']:.0%}",
                    _times(figures),
                    f"{figures['requests_per_second']['median']:.0f}",
                    f"{figures['p50_ms']['median']:.2f} / {figures['p99_ms']['median']:.1f}",
                )


def unguarded(results: Results) -> Iterator[str]:
    """Routes that nobody guards."""
    head = ("", "CPU µs a request", "±", "times bare", "±", "MiB of the worker")
    rows = [
        (
            BY_NAME[name].title,
            f"{figures['32']['cpu_us']['median']:.1f}",
            f"{figures['32']['cpu_us']['spread']:.1%}",
            f"{figures['32']['of_bare']['median']:.3f}",
            f"{figures['32']['of_bare']['spread']:.1%}",
            f"{figures['resident_mib']:.0f}",
        )
        for name, figures in results["sqlite"].items()
    ]
    yield from ("### A route without a guard, 32 connections", "", *table(head, rows), "")
