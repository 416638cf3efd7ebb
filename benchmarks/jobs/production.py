"""The example in production: workers behind nginx with TLS, with and without PgBouncer."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from benchmarks import databases, load, machine
from benchmarks.budget import Budget
from benchmarks.contenders.vocabulary import PASSWORD, SECRET, USERNAME
from benchmarks.samples import as_json, figure
from examples.production.stack import Stack, running

MODES = {
    "1 worker": {"workers": 1, "pgbouncer": False},
    "2 workers": {"workers": 2, "pgbouncer": False},
    "2 workers, PgBouncer": {"workers": 2, "pgbouncer": True},
}
CONNECTIONS = 32
PAUSE = 0.2
"""Seconds after which nginx, which limits logins, lets the next one through."""


def run(kind: databases.Kind, folder: Path, budget: Budget, seconds: int) -> dict[str, Any]:
    """A protected request by cookie, through all of it; nothing is kept on a core of its own."""
    database = databases.create(kind, "production", folder)
    environment = {
        **{f"PG_{name.upper()}": str(value) for name, value in databases.PG.items()},
        "PG_DATABASE": database,
        "JWT_SECRET": SECRET,
        "PICCOLO_CONF": "examples.production.piccolo_conf",
        "REDIS_PREFIX": f"bench-{uuid4()}",  # or logins of an earlier run would count
    }
    try:
        subprocess.run(
            [sys.executable, "-m", "examples.production", "--prepare-only"],
            env=os.environ | environment,
            check=True,
            capture_output=True,
        )
        return {
            name: _measure(
                name, environment, folder, mode, budget.part(1 / (len(MODES) - number)), seconds
            )
            for number, (name, mode) in enumerate(MODES.items())
        }
    finally:
        databases.drop(kind, database)


def _measure(
    name: str,
    environment: dict[str, str],
    folder: Path,
    mode: dict[str, Any],
    budget: Budget,
    seconds: int,
) -> dict[str, Any]:
    print(f"  {name}", flush=True)
    own = folder / name.replace(" ", "-").replace(",", "")
    own.mkdir()
    folder.chmod(0o755)
    with running(own, environment, **mode) as stack:
        cookies = [_sign_in(stack) for _ in range(CONNECTIONS)]
        samples = [
            _sample(stack, cookies, environment["PG_DATABASE"], seconds)
            for _ in budget.rounds(least=2)  # the first is to warm up
        ]
    return {key: as_json(figure([s[key] for s in samples[1:]])) for key in samples[0]}


def _sign_in(stack: Stack) -> dict[str, str]:
    with httpx.Client(base_url=stack.url, verify=str(stack.certificate)) as client:
        body = {"username": USERNAME, "password": PASSWORD}
        while (answer := client.post("/auth/login", json=body)).status_code == 429:
            time.sleep(float(answer.headers.get("Retry-After", PAUSE)))
        answer.raise_for_status()
        return {"Cookie": f"__Host-session={client.cookies['__Host-session']}"}


def _sample(
    stack: Stack, cookies: list[dict[str, str]], database: str, seconds: int
) -> dict[str, float]:
    parts = {
        "workers": list(_family(stack.workers.pid)),
        "nginx": list(_family(stack.nginx.pid)),
        "database": databases.backends_of(database),
    }
    before = {name: machine.cpu_of_all(pids) for name, pids in parts.items()}
    seen = load.run(f"{stack.url}/me", cookies, connections=CONNECTIONS, seconds=seconds)
    time.sleep(0.05)
    count = seen.requests + CONNECTIONS
    cpu = {
        f"{name}_cpu_us": (machine.cpu_of_all(pids) - before[name]) / count * 1e6
        for name, pids in parts.items()
    }
    return cpu | {
        "requests_per_second": seen.requests / seen.seconds,
        "p50_ms": seen.p50,
        "p99_ms": seen.p99,
    }


def _family(pid: int) -> Iterator[int]:
    """A process and its children."""
    yield pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for child in children.read_text(encoding="ascii").split():
        yield from _family(int(child))
