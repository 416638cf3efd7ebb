"""The results as tables of Markdown, for the terminal and the documentation."""

from collections.abc import Callable, Iterator
from typing import Any

from .aims import AIMS
from .contenders import BY_NAME
from .tables import TITLES, protected, table, unguarded

Results = dict[str, Any]


def as_markdown(results: Results) -> str:
    """All there is."""
    lines: list[str] = []
    if any(aim.job in results for aim in AIMS):
        lines += ["### Aims", "", *aims(results), ""]
    for name, render in RENDERERS.items():
        if name in results:
            lines += [*render(results[name]), *_left_out(results[name])]
            lines += [_machine(results[name]["machine"]), ""]
    return "\n".join(lines)


def _left_out(results: Results) -> Iterator[str]:
    if left_out := results.get("left_out"):
        yield from (f"Left out for want of time: {'; '.join(left_out)}.", "")


def aims(results: Results) -> Iterator[str]:
    """The aims that the results decide, each with its figure."""
    rows = []
    for aim in AIMS:
        try:
            measured = aim.measure(results[aim.job])
        except KeyError:
            continue
        sign = "≥" if aim.at_least else "≤"
        verdict = "met" if aim.is_met(measured) else "**not met**"
        rows.append((aim.text, f"{sign} {aim.limit:g}", f"{measured:.2f}", verdict))
    yield from table(("", "aim", "measured", ""), rows)


def _storm(results: Results) -> Iterator[str]:
    modes = {"one_core": "server on one core", "all_cores": "all cores shared"}
    head = ("", "logins/s", "of a bare pool", "CPU ms", "ping p50 ms", "p99 ms", "p99 in peace")
    for kind, title in TITLES.items():
        for mode, where in modes.items():
            if mode in results.get(kind, {}):
                yield from (f"### Eight clients log in, {title}, {where}", "")
                yield from table(head, map(_storm_row, results[kind][mode].items()))
                yield ""


def _storm_row(item: tuple[str, Results]) -> tuple[object, ...]:
    name, result = item
    rate = f"{result['logins_per_second']['median']:.1f}"
    if name == "argon2id":
        return ("bare Argon2id pool, no server", rate, "1.00", "", "", "", "")
    return (
        BY_NAME[name].title,
        rate,
        f"{result['of_bare_pool']['median']:.2f}",
        f"{result['cpu_ms']['median']:.1f}",
        f"{result['ping_p50_ms']['median']:.1f}",
        f"{result['ping_p99_ms']['median']:.1f}",
        f"{result['calm_p99_ms']['median']:.1f}",
    )


def _refresh(results: Results) -> Iterator[str]:
    head = ("", "database", "CPU µs", "±", "database µs")
    rows = [
        (
            BY_NAME[name].title,
            title,
            f"{result['cpu_us']['median']:.0f}",
            f"{result['cpu_us']['spread']:.0%}",
            f"{result['database_cpu_us']['median']:.0f}",
        )
        for kind, title in TITLES.items()
        for name, result in results.get(kind, {}).items()
    ]
    yield from ("### Refresh", "", *table(head, rows), "")


def _growth(results: Results) -> Iterator[str]:
    head = ("", "sessions", "hit ms", "miss ms", "unseen ms", "bytes a row, indexes included")
    for kind, title in TITLES.items():
        if kind not in results:
            continue
        rows = [
            (
                BY_NAME[name].title,
                f"{int(size):,}",
                f"{result['hit_ms']:.2f}",
                f"{result['miss_ms']:.2f}",
                f"{result['unseen_ms']:.2f}" if "unseen_ms" in result else "",
                f"{result['bytes_per_row']:.0f}",
            )
            for name in ("session", "piccolo-api-session")
            for size, result in results[kind][name].items()
            if size != "memory"
        ]
        yield from (f"### Growth, {title}", "", *table(head, rows), "")
        for sweep, engine in SWEPT.items():
            if sweep in results[kind]:
                yield from (_sweep(results[kind][sweep], engine.get(kind, "")), "")
        if "memory" in results[kind]["session"]:
            yield from (_memory(results[kind]), "")


SWEPT: dict[str, dict[str, str]] = {
    "sweep_by_piccolo": {"sqlite": "By Piccolo's own engine: "},
    "sweep": {"sqlite": "By PersistentSQLiteEngine, in WAL mode: "},
}


def _sweep(swept: Results, engine: str) -> str:
    unseen = (
        f" The longest that had to write waited {swept['longest_unseen_ms']:.1f} ms."
        if "longest_unseen_ms" in swept
        else ""
    )
    return (
        f"{engine}The sweep deleted {swept['rows']:,} of {swept.get('size', 1_000_000):,} rows in "
        f"{swept['seconds']:.1f} s. Of {swept['look_ups']:,} look-ups beside it the longest took "
        f"{swept['longest_ms']:.1f} ms, "
        f"the slowest in a thousand {swept['p999_ms']:.1f} ms (in peace: "
        f"{swept['calm_longest_ms']:.1f} and {swept['calm_p999_ms']:.1f} ms).{unseen}"
    )


def _memory(result: Results) -> str:
    tokens = result["access_tokens"]
    return (
        f"In the memory of the server a session that was looked up leaves "
        f"{max(0, result['session']['memory']['bytes_each']):.0f} bytes, a verified access token "
        f"{tokens['bytes_each']:.0f}, and beyond the bound of the cache "
        f"{max(0, tokens['bytes_each_beyond']):.0f}."
    )


LIMITED = {
    "memory_100": "A limit in memory, 100 live keys",
    "memory_100000": "A limit in memory, 100,000 live keys",
    "route": "A request of a limited route, in memory, in process",
    "redis": "A limit in Redis, one call after another",
    "redis_64": "A limit in Redis, 64 calls at once",
    "database": "A limit in a table",
}


def _keys(keys: Results) -> str:
    return (
        f"A key of a limit in memory takes {keys['bytes_each']:.0f} bytes; a store of 100,000 that "
        f"was asked for 400,000 has grown by {keys['mib_at_cap']:.1f} MiB."
    )


def _rate_limits(results: Results) -> Iterator[str]:
    head = ("", "µs", "±", "times the first", "adds µs")
    for kind, where in TITLES.items():
        for name, limited in results.get(kind, {}).items():
            if name == "keys":
                yield from (_keys(limited), "")
                continue
            rows = [
                (
                    contender,
                    f"{figures['us']['median']:.2f}",
                    f"{figures['us']['spread']:.0%}",
                    f"{figures['times']['median']:.2f}",
                    f"{figures['adds_us']['median']:.1f}",
                )
                for contender, figures in limited.items()
            ]
            title = f"{LIMITED[name]}, {where}" if name == "database" else LIMITED[name]
            yield from (f"### {title}", "", *table(head, rows), "")


def _startup(results: Results) -> Iterator[str]:
    result = results["sqlite"]
    imports = [
        (name, f"{figures['cpu_ms']['median']:.0f}", f"{figures['wall_ms']['median']:.0f}")
        for name, figures in result["import"].items()
    ]
    starts = [
        (BY_NAME[name].title, *(_median(figures, key) for key in _START_HEAD))
        for name, figures in result["start"].items()
    ]
    yield from ("### Import", "", *table(("", "CPU ms", "wall ms"), imports), "")
    yield from ("### From the start of the process to its first answer", "")
    yield from (*table(("", *_START_HEAD.values()), starts), "")


_START_HEAD = {
    "wall_ms": "wall ms",
    "cpu_ms": "CPU ms",
    "openapi_cpu_ms": "CPU ms of the first look at OpenAPI",
    "resident_mib": "MiB of the worker",
}


def _median(figures: Results, key: str) -> str:
    return f"{figures[key]['median']:.0f}" if key in figures else ""


def _production(results: Results) -> Iterator[str]:
    head = (
        *("", "requests/s", "±", "p50 / p99 ms"),
        *("workers µs a request", "nginx µs", "PostgreSQL µs"),
    )
    rows = [
        (
            name,
            f"{figures['requests_per_second']['median']:.0f}",
            f"{figures['requests_per_second']['spread']:.0%}",
            f"{figures['p50_ms']['median']:.1f} / {figures['p99_ms']['median']:.0f}",
            f"{figures['workers_cpu_us']['median']:.0f}",
            f"{figures['nginx_cpu_us']['median']:.0f}",
            f"{figures['database_cpu_us']['median']:.0f}",
        )
        for name, figures in results.get("postgres", {}).items()
    ]
    yield from ("### Behind nginx with TLS, 32 connections", "", *table(head, rows), "")


def _machine(machine: Results) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['date']}, `{machine['command']}`, commit {machine['commit']}: {machine['cpu']}, "
        f"{machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}, "
        f"PostgreSQL {machine['postgres']}, SQLite {machine['sqlite']}; {versions}. "
        f"Before it began {machine['load_average_before']} processes wanted a core; the hypervisor "
        f"took {machine['stolen']:.1%} of the CPU."
    )


def _crud(results: Results) -> Iterator[str]:
    head = ("", "CPU µs", "±", "times by hand", "of PiccoloCRUD, times less")
    for kind, title in TITLES.items():
        if kind not in results:
            continue
        for what, called in (("list", "A list of 20 rows"), ("detail", "One row")):
            yield from (f"### {called} of a table, {title}", "")
            rows = [
                (
                    name,
                    f"{taken[what]['cpu_us']['median']:.0f}",
                    f"{taken[what]['cpu_us']['spread']:.0%}",
                    f"{taken[what]['of_by_hand']['median']:.2f}",
                    f"{taken[what]['of_peer']['median']:.2f}",
                )
                for name, taken in results[kind].items()
                if name != "pages"
            ]
            yield from table(head, rows)
            yield ""
        pages = results[kind]["pages"]
        deep = pages["deep"]["of_first"]["median"]
        first = pages["first"]["wall_ms"]["median"]
        yield from (
            f"{title}: the first page takes {first:.1f} ms, one deep inside {deep:.2f} times that.",
            "",
        )


RENDERERS: dict[str, Callable[[Results], Iterator[str]]] = {
    "protected": protected,
    "storm": _storm,
    "refresh": _refresh,
    "growth": _growth,
    "rate_limits": _rate_limits,
    "crud": _crud,
    "startup": _startup,
    "production": _production,
    "unguarded": unguarded,
}
