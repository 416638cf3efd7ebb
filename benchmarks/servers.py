"""Contenders as processes: started, checked, measured and stopped."""

import importlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import databases, load, machine
from .contenders import Contender
from .contenders.vocabulary import ME, Post

REFUSALS = (400, 401, 403, 422)
"""piccolo-api answers a missing session with 400, AuthX a bad signature with 422."""

PATIENCE = 300.0

CREDENTIALS = 64
"""The number of logins of each contender, whose credentials are sent in turn."""

_PORTS = iter(range(15_000 + os.getpid() % 500 * 30, 32_000))


@dataclass(slots=True)
class Server:
    """One contender that serves."""

    contender: Contender
    process: "subprocess.Popen[bytes]"
    port: int
    database: str
    headers: dict[str, str] = field(default_factory=dict)
    credentials: list[dict[str, str]] = field(default_factory=list)
    backends: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where."""
        return f"http://127.0.0.1:{self.port}"


def environment(kind: databases.Kind, database: str, folder: Path) -> dict[str, str]:
    """What a server or a preparation is told."""
    return os.environ | {
        "BENCH_KIND": kind,
        "BENCH_DATABASE": database,
        "BENCH_FOLDER": str(folder),
        "PYTHONWARNINGS": "ignore",
    }


@contextmanager
def prepared(
    kind: databases.Kind, modules: Sequence[str], folder: Path
) -> Iterator[dict[str, str]]:
    """A filled database for each module, by its name."""
    made: dict[str, str] = {}
    try:
        for module in dict.fromkeys(modules):
            made[module] = databases.create(kind, module.strip("_"), folder)
            subprocess.run(
                [sys.executable, "-m", "benchmarks.serve", module, "", "prepare"],
                env=environment(kind, made[module], folder),
                check=True,
            )
        yield made
    finally:
        for database in made.values():
            databases.drop(kind, database)


@contextmanager
def serving(
    kind: databases.Kind,
    contenders: Sequence[Contender],
    folder: Path,
    on: set[int] | None = None,
    credentials: int = CREDENTIALS,
) -> Iterator[list[Server]]:
    """
    Servers of all contenders, signed in, checked, and loaded for a second to warm them up.

    Args:
        kind: Which database.
        contenders: Which.
        folder: For SQLite files and keys.
        on: The cores of the servers; by default the one that the load leaves alone.
        credentials: The number of different credentials of each.
    """
    modules = [contender.module for contender in contenders]
    with prepared(kind, modules, folder) as made, ExitStack() as stack:
        servers = [
            stack.enter_context(started(kind, contender, made[contender.module], folder))
            for contender in contenders
        ]
        if on is not None:
            # Before they start threads: a thread keeps the cores that it was started on.
            machine.pin([server.process.pid for server in servers], on)
        with ThreadPoolExecutor(2 * len(os.sched_getaffinity(0))) as threads:
            list(threads.map(lambda server: _make_ready(server, credentials), servers))
        for server in servers:
            machine.pin([server.process.pid], on or machine.cores()[0])
        yield servers


def _make_ready(server: Server, credentials: int) -> None:
    wait_for(server)
    sign_in(server, credentials)
    check(server)
    if credentials == CREDENTIALS:
        load.run(f"{server.url}/me", server.credentials, connections=16, seconds=1)


@contextmanager
def started(
    kind: databases.Kind,
    contender: Contender,
    database: str,
    folder: Path,
) -> Iterator[Server]:
    """A server that has just been started, and is stopped in the end."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serve", contender.module, contender.variant, str(port)],
        env=environment(kind, database, folder),
    )
    try:
        yield Server(contender, process, port, database)
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    """
    A port that nobody listens on, and that is given once.

    It lies below those that the system gives to clients, which would take it before the server has
    started. Then another contender would answer.
    """
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("There is no port.")


def wait_for(server: Server) -> float:
    """Wait until it answers; the seconds that it took from now."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < PATIENCE:
        if server.process.poll() is not None:
            raise RuntimeError(f"{server.contender.name} ended: {server.process.returncode}")
        try:
            get(f"{server.url}/ping", {})
        except OSError:
            time.sleep(0.02)
        else:
            return time.perf_counter() - begin
    raise RuntimeError(f"{server.contender.name} does not answer")


def sign_in(server: Server, number: int = CREDENTIALS) -> None:
    """
    Get credentials by the contender's own login, so that no two connections send the same one.

    Otherwise a contender that keeps or shares what it has looked up would look too good.

    Raises:
        RuntimeError: Two of the credentials are the same.
    """
    module, variant = _client_side(server.contender), server.contender.variant
    if (login := module.login(variant)) is None:
        return

    def credential_of(one: Post) -> dict[str, str]:
        headers, body = post(f"{server.url}{one.path}", one.content_type, one.body)
        return dict(module.credential(headers, body, variant))

    server.headers = credential_of(login)
    server.credentials = [server.headers]
    further = getattr(module, "further", lambda *_: None)
    issue = getattr(module, "issue", lambda _: None)(variant) or login
    for count in range(1, number):
        another = further(server.headers, count, variant) or credential_of(issue)
        server.credentials.append(another)
    if len({str(one) for one in server.credentials}) < number:
        raise RuntimeError(f"{server.contender.name} gives the same credential twice")


def login_of(contender: Contender) -> Post:
    """How to log in."""
    login: Post = _client_side(contender).login(contender.variant)
    return login


def _client_side(contender: Contender) -> Any:
    """The module of a contender; what it knows of a database does not matter here."""
    os.environ.setdefault("BENCH_KIND", "sqlite")
    os.environ.setdefault("BENCH_DATABASE", ":memory:")
    return importlib.import_module(f"benchmarks.contenders.{contender.module}")


class _Stay(urllib.request.HTTPRedirectHandler):
    """piccolo-api answers a login with a redirect; the cookie is in that very answer."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def post(url: str, content_type: str, body: bytes) -> tuple[Any, bytes]:
    """The headers and the body of the answer to a POST."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type})  # noqa: S310 - ours
    try:
        with urllib.request.build_opener(_Stay).open(request) as answer:
            return answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        if error.code != 303:
            raise
        return error.headers, error.read()


def check(server: Server) -> None:
    """
    Make sure that it answers the right user, and refuses nobody and a bad credential.

    Raises:
        RuntimeError: It does not; its figures would mean nothing.
    """
    name = server.contender.name
    status, body = get(f"{server.url}/me", server.headers)
    if (status, json.loads(body or b"null")) != (200, ME):
        raise RuntimeError(f"{name} answers {status} {body!r}")
    for headers in ({}, *bad_credentials(server.headers)):
        if server.headers and get(f"{server.url}/me", headers)[0] not in REFUSALS:
            raise RuntimeError(f"{name} lets a bad credential pass")


def bad_credentials(good: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The credential with one character in its middle, and one near its end, replaced."""
    for name, value in good.items():
        for place in (len(value) * 3 // 4, len(value) - 4):
            other = "A" if value[place] != "A" else "B"
            yield {name: value[:place] + other + value[place + 1 :]}


def get(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - the same
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def find_backends(servers: Sequence[Server]) -> None:
    """Learn which PostgreSQL processes serve each database, and keep them off the servers' core."""
    for server in servers:
        server.backends = databases.backends_of(server.database)
        machine.pin(server.backends, machine.cores()[1])
