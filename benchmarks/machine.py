"""The machine: its cores, what its processes cost, and what else it was doing."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import databases

PACKAGES = (
    "fastapi",
    "starlette",
    "pydantic",
    "uvicorn",
    "uvloop",
    "httptools",
    "piccolo",
    "asyncpg",
    "aiosqlite",
    "pyjwt",
    "cryptography",
    "pynacl",
    "piccolo-api",
    "fastapi-users",
    "sqlalchemy",
    "authx",
    "limits",
    "slowapi",
    "fastapi-limiter",
    "pyrate-limiter",
    "throttled-py",
    "redis",
)


def cores() -> tuple[set[int], set[int]]:
    """The core for servers, and those for everything else; the same one if there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return {available[0]}, set(available[1:]) or {available[0]}


def cpu_seconds(pid: int) -> float:
    """
    The CPU time of a process, with all of its threads, those that have ended included.

    It is the sum that `/proc/<pid>/stat` shows in hundredths of a second, in nanoseconds:
    `clock_getcpuclockid(3)`. A process that has ended counts for nothing.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def cpu_of_all(pids: Iterable[int]) -> float:
    """The CPU time of several processes."""
    return sum(cpu_seconds(pid) for pid in pids)


def resident_kib(pid: int) -> int:
    """The memory of a process that is in RAM."""
    return _status(pid, "VmRSS")


def private_kib(pid: int) -> int:
    """The memory of a process that nobody shares (`Private_*` of `smaps_rollup`)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def pin(pids: Iterable[int], to: set[int]) -> None:
    """Keep processes on some cores, where this user may."""
    for pid in pids:
        with suppress(PermissionError, ProcessLookupError):
            os.sched_setaffinity(pid, to)


def stolen_and_total() -> tuple[float, float]:
    """Seconds of CPU that the hypervisor took, and in all, since the machine began."""
    first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    ticks = [int(word) / os.sysconf("SC_CLK_TCK") for word in first.split()[1:9]]
    return ticks[7], sum(ticks)


def load_average() -> float:
    """How many processes wanted a core in the last minute."""
    return round(os.getloadavg()[0], 1)


def description() -> dict[str, Any]:
    """What a reader needs to know to judge the figures."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgres": databases.postgres_version(),
        "sqlite": databases.sqlite_version(),
        "packages": dict(_versions()),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0
