"""Redis servers of our own, which can be stopped, frozen and joined into a cluster."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")
"""Also `valkey-server`."""

NEEDS_REDIS = pytest.mark.skipif(
    not shutil.which(REDIS_SERVER) and not os.environ.get("CI"),
    reason="There is no redis-server on this machine",
)


class RedisServer:
    """
    A server that keeps nothing.

    Args:
        folder: Where it runs.
        options: Further ones of the command line.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.folder = folder
        self.options = options
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [REDIS_SERVER, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--dir", str(self.folder), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while self.cli("PING") != "PONG":
            assert time.monotonic() < deadline, "redis-server does not start"
            time.sleep(0.02)

    def cli(self, *command: str) -> str:
        """What `redis-cli` prints."""
        ran = subprocess.run(
            ["redis-cli", "-p", str(self.port), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.stdout.strip()

    def stop(self) -> None:
        """Stop it as a crash would."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Let it accept connections and say nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it speak again."""
        self.process.send_signal(signal.SIGCONT)
