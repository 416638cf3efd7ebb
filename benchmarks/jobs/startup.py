"""How long it takes to import each library, and to answer the first request."""

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.budget import Budget
from benchmarks.contenders import BY_NAME, WHOLE, Contender
from benchmarks.samples import as_json, figure, ratio
from benchmarks.servers import Server, get, prepared, started, wait_for

IMPORTS = {
    "Python alone": "",
    "fastapi": "import fastapi",
    # What `piccolo_conf.py` of every project imports.
    "fastapi and piccolo": "import fastapi, piccolo.apps.user.tables, piccolo.conf.apps",
    "here": "import piccolo_api_fastapi",
    "piccolo-api": (
        "import fastapi, piccolo_api.session_auth.endpoints, piccolo_api.session_auth.middleware,"
        " piccolo_api.jwt_auth.endpoints, piccolo_api.jwt_auth.middleware"
    ),
    "fastapi-users": (
        "import fastapi_users.authentication.strategy.db, fastapi_users_db_sqlalchemy,"
        " fastapi_users_db_sqlalchemy.access_token"
    ),
    "AuthX": "import authx",
}
PEERS = {
    "piccolo-api-session": "piccolo-api",
    "fastapi-users-session": "fastapi-users",
    "authx": "AuthX",
}
"""The server of each peer, and its name among the imports."""

SERVERS = ("bare", "no-routers", "all-routers", "session", *PEERS)

Sample = dict[str, float]


def run(contenders: Sequence[Contender], folder: Path, budget: Budget) -> dict[str, Any]:
    """Imports and starts, interleaved."""
    possible = {contender.name for contender in (*contenders, *WHOLE)}
    chosen = [BY_NAME[name] for name in SERVERS if name in possible]
    sources = {name: source for name, source in IMPORTS.items() if _is_possible(name, possible)}
    imports: dict[str, list[Sample]] = {name: [] for name in sources}
    starts: dict[str, list[Sample]] = {contender.name: [] for contender in chosen}
    with prepared("sqlite", [contender.module for contender in chosen], folder) as made:
        for number in budget.rounds():
            print(f"  imports and starts: round {number + 1}", flush=True)
            for name, source in sources.items():
                imports[name].append(_import(source))
            for contender in chosen:
                database = made[contender.module]
                with started("sqlite", contender, database, folder) as server:
                    starts[contender.name].append(_start(server))
    return {"import": _summary(imports), "start": _with_ratio(starts)}


def _is_possible(library: str, contenders: set[str]) -> bool:
    """Whether a library can be imported: all but the peers can."""
    return library not in PEERS.values() or any(
        name in contenders for name, peer in PEERS.items() if peer == library
    )


def _start(server: Server) -> Sample:
    """Until the first answer, and what the first look at the documentation takes after it."""
    wall = wait_for(server)
    pid = server.process.pid
    start = machine.cpu_seconds(pid)
    resident = machine.resident_kib(pid)
    get(f"{server.url}/openapi.json", {})
    return {
        "wall_ms": wall * 1e3,
        "cpu_ms": start * 1e3,
        "openapi_cpu_ms": (machine.cpu_seconds(pid) - start) * 1e3,
        "resident_mib": resident / 1024,
    }


def _import(source: str) -> Sample:
    wall, before = time.perf_counter(), _cpu_of_children()
    subprocess.run([sys.executable, "-W", "ignore", "-c", source], check=True)
    return {
        "wall_ms": (time.perf_counter() - wall) * 1e3,
        "cpu_ms": (_cpu_of_children() - before) * 1e3,
    }


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _summary(samples: dict[str, list[Sample]]) -> dict[str, Any]:
    return {
        name: {key: as_json(figure([sample[key] for sample in taken])) for key in taken[0]}
        for name, taken in samples.items()
    }


def _with_ratio(starts: dict[str, list[Sample]]) -> dict[str, Any]:
    """The summary, and the CPU of each start beside that of one without routers."""
    summary = _summary(starts)
    without = [sample["cpu_ms"] for sample in starts["no-routers"]]
    for name, taken in starts.items():
        times = ratio([sample["cpu_ms"] for sample in taken], without)
        summary[name]["of_no_routers"] = as_json(times)
    return summary
