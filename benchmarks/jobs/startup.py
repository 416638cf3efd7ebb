"""How long it takes to import each library, and to answer the first request."""

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.contenders import BY_NAME
from benchmarks.samples import as_json, figure
from benchmarks.servers import prepared, started, wait_for

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
SERVERS = ("bare", "session", "piccolo-api-session", "fastapi-users-session", "authx")

Sample = dict[str, float]


def run(folder: Path, rounds: int) -> dict[str, Any]:
    """Imports and starts, interleaved."""
    imports: dict[str, list[Sample]] = {name: [] for name in IMPORTS}
    starts: dict[str, list[Sample]] = {name: [] for name in SERVERS}
    contenders = [BY_NAME[name] for name in SERVERS]
    with prepared("sqlite", [contender.module for contender in contenders], folder) as made:
        for number in range(rounds):
            print(f"  imports and starts: round {number + 1} of {rounds}", flush=True)
            for name, source in IMPORTS.items():
                imports[name].append(_import(source))
            for contender in contenders:
                database = made[contender.module]
                with started("sqlite", contender, database, folder) as server:
                    starts[contender.name].append({"wall_ms": wait_for(server) * 1e3})
    return {"import": _summary(imports), "start": _summary(starts)}


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
