"""Refresh: each client exchanges its refresh token for the next, over and over."""

import http.client
import json
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks import databases, machine
from benchmarks.budget import Budget
from benchmarks.contenders import BY_NAME
from benchmarks.samples import as_json, figure
from benchmarks.servers import Server, find_backends, login_of, post, serving

CONTENDERS = ("authx", "jwt")
CLIENTS = 4

Exchange: TypeAlias = Callable[[http.client.HTTPConnection, str], str]


def run(kind: databases.Kind, folder: Path, budget: Budget, seconds: float) -> dict[str, Any]:
    """The CPU of an exchange; AuthX stores nothing, so its tokens are good until they expire."""
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    chosen = [BY_NAME[name] for name in CONTENDERS]
    with serving(kind, chosen, folder, credentials=1) as servers:
        for number in budget.rounds():
            print(f"  {kind}, refresh: round {number + 1}", flush=True)
            for server in servers:
                if kind == "postgres":
                    find_backends([server])
                samples[server.contender.name].append(_sample(server, seconds))
    return {
        name: {key: as_json(figure([sample[key] for sample in taken])) for key in taken[0]}
        for name, taken in samples.items()
    }


def _sample(server: Server, seconds: float) -> dict[str, float]:
    tokens = [_refresh_token(server) for _ in range(CLIENTS)]
    exchange = {"jwt": _exchange_here, "authx": _exchange_at_authx}[server.contender.name]
    before = machine.cpu_seconds(server.process.pid), machine.cpu_of_all(server.backends)
    until = time.perf_counter() + seconds
    with ThreadPoolExecutor(CLIENTS) as threads:
        counts = list(threads.map(lambda token: _chain(server, exchange, token, until), tokens))
    after = machine.cpu_seconds(server.process.pid), machine.cpu_of_all(server.backends)
    requests = sum(counts)
    return {
        "requests_per_second": requests / seconds,
        "cpu_us": (after[0] - before[0]) / requests * 1e6,
        "database_cpu_us": (after[1] - before[1]) / requests * 1e6,
    }


def _refresh_token(server: Server) -> str:
    login = login_of(server.contender)
    _, body = post(f"{server.url}{login.path}", login.content_type, login.body)
    token: str = json.loads(body)["refresh_token"]
    return token


def _chain(server: Server, exchange: Exchange, token: str, until: float) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    count = 0
    while time.perf_counter() < until:
        token = exchange(connection, token)
        count += 1
    connection.close()
    return count


def _exchange_here(connection: http.client.HTTPConnection, token: str) -> str:
    form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": token})
    content_type = "application/x-www-form-urlencoded"
    connection.request("POST", "/auth/token", form, {"Content-Type": content_type})
    following: str = _answer(connection)["refresh_token"]
    return following


def _exchange_at_authx(connection: http.client.HTTPConnection, token: str) -> str:
    connection.request("POST", "/refresh", headers={"Authorization": f"Bearer {token}"})
    _answer(connection)
    return token


def _answer(connection: http.client.HTTPConnection) -> dict[str, str]:
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(body)
    values: dict[str, str] = json.loads(body)
    return values
