"""PostgreSQL servers of our own, which can be stopped, frozen and reconfigured."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; with CI=true there has to be one."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin")]
    if config := shutil.which("pg_config"):
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True)
        folders.insert(0, Path(told.stdout.strip()))
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    if os.environ.get("CI"):
        raise RuntimeError("There is no initdb on this machine.")
    return None


PROGRAMS = postgres_programs()

NEEDS_PROGRAMS = pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed")


class Cluster:
    """A PostgreSQL server of our own, which refuses to run as root."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.account: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self.account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), f"--pgdata={self.folder / 'data'}", *arguments]
        # Not a pipe, which the server would hold open for ever.
        with (self.folder / "output").open("a") as output:
            subprocess.run(
                command, cwd=self.folder, stdout=output, stderr=output, check=True, **self.account
            )

    def begin(self) -> None:
        """Stop the server as a crash would."""
        self.stop("immediate")

    def stop(self, mode: str) -> None:
        """Stop the server: `fast` ends its sessions, `immediate` crashes."""
        self._run("pg_ctl", "stop", f"--mode={mode}", "--wait")

    def end(self) -> None:
        """Start the server, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._run("pg_ctl", "start", "--wait", "--log=log", "--options", options)

    def freeze(self) -> None:
        """Let the server accept connections and say nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server speak again."""
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        """Send a signal to the postmaster, and then to its children."""
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, number)
        for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), number)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A running server; not in pytest's own folder, into which only its owner may look."""
    assert PROGRAMS is not None
    with tempfile.TemporaryDirectory(prefix="cluster") as folder:
        cluster = Cluster(Path(folder), PROGRAMS)
        cluster.end()
        try:
            yield cluster
        finally:
            cluster.begin()
