"""The login storm: eight people log in without pause, while somebody else asks for `/ping`."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import databases, load, machine
from benchmarks.budget import Budget
from benchmarks.contenders import BY_NAME, Contender
from benchmarks.contenders.vocabulary import USERNAME, Post
from benchmarks.samples import as_json, figure, ratio
from benchmarks.servers import Server, login_of, serving

CONTENDERS = (
    "session-piccolo",
    "piccolo-api-session",
    "piccolo-api-jwt",
    "fastapi-users-jwt",
    "fastapi-users-session",
    "session",
    "jwt",
)
ALIKE = {"piccolo-api-jwt", "fastapi-users-session"}
"""Logins that differ little from those of another contender; left out if time is short."""
AMPLE = 600.0
"""Seconds, from which on there is time for all."""
CLIENTS = 8
PINGS_PER_SECOND = 50

Sample = dict[str, float]


def run(
    kind: databases.Kind,
    contenders: Sequence[Contender],
    folder: Path,
    budget: Budget,
    seconds: int,
) -> dict[str, Any]:
    """With the server on one core, and with all cores shared with the clients."""
    one, other = machine.cores()
    short = ALIKE if budget.left < AMPLE else set()
    if short:
        budget.leave_out(f"logins of {', '.join(sorted(short))}")
    possible = {contender.name for contender in contenders} - short
    names = [name for name in CONTENDERS if name in possible]
    result = {}
    for title, cores, part in (("one_core", one, 0.5), ("all_cores", one | other, 1.0)):
        own = budget.part(part)
        chosen = [BY_NAME[name] for name in names]
        with serving(kind, chosen, folder, cores, credentials=1) as servers:
            samples: dict[str, list[Sample]] = {name: [] for name in ("argon2id", *names)}
            for number in own.rounds():
                print(f"  {kind}, logins, {title}: round {number + 1}", flush=True)
                samples["argon2id"].append(_bare_pool(cores, seconds))
                for server in servers:
                    samples[server.contender.name].append(_sample(server, folder, seconds))
        result[title] = _summary(samples)
    return result


def _sample(server: Server, folder: Path, seconds: int) -> Sample:
    """Pings in peace, then pings beside the logins."""
    calm = _ping(server, max(1, seconds // 2))
    script = folder / "login.lua"
    login = login_of(server.contender)
    script.write_text(_lua(login), encoding="utf-8")
    before = machine.cpu_seconds(server.process.pid)
    with ThreadPoolExecutor() as threads:
        pings = threads.submit(_ping, server, seconds)
        logins = load.run(
            f"{server.url}{login.path}", [], connections=CLIENTS, seconds=seconds, script=script
        )
        stormy = pings.result()
    cpu = machine.cpu_seconds(server.process.pid) - before
    return {
        "logins_per_second": logins.requests / logins.seconds,
        "cpu_ms": cpu / (logins.requests + CLIENTS) * 1e3,
        "ping_p50_ms": stormy["p50"],
        "ping_p99_ms": stormy["p99"],
        "calm_p99_ms": calm["p99"],
        "p99_times": stormy["p99"] / calm["p99"],
    }


def _lua(login: Post) -> str:
    """Each client in turn is another user: `ada`, `ada1` …"""
    return (
        f'wrk.method = "POST"\nlocal body = {json.dumps(login.body.decode())}\n'
        f'wrk.headers["Content-Type"] = "{login.content_type}"\n'
        "local turn = 0\n"
        "request = function()\n"
        f"  turn = (turn + 1) % {CLIENTS}\n"
        f'  local name = "{USERNAME}" .. (turn == 0 and "" or turn)\n'
        f'  return wrk.format(nil, nil, nil, (body:gsub("{USERNAME}", name, 1)))\n'
        "end\n"
    )


def _ping(server: Server, seconds: int) -> Mapping[str, float]:
    """Latencies from the moment a ping was due, whatever became of those before it."""
    command = [
        *("taskset", "-c", ",".join(map(str, machine.cores()[1])), sys.executable, "-m"),
        *("benchmarks.pinger", str(server.port), str(seconds), str(PINGS_PER_SECOND)),
    ]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    latencies: dict[str, float] = json.loads(output)
    return latencies


def _bare_pool(cores: set[int], seconds: int) -> Sample:
    """Hashes per second of as many threads, with nothing round them."""
    command = [
        *("taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m"),
        *("benchmarks.hashing", str(seconds)),
    ]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    return {"logins_per_second": float(output)}


def _summary(samples: Mapping[str, list[Sample]]) -> dict[str, Any]:
    pool = [sample["logins_per_second"] for sample in samples["argon2id"]]
    result: dict[str, Any] = {}
    for name, taken in samples.items():
        figures = {key: as_json(figure([sample[key] for sample in taken])) for key in taken[0]}
        rates = [sample["logins_per_second"] for sample in taken]
        result[name] = figures | {"of_bare_pool": as_json(ratio(rates, pool))}
    return result
