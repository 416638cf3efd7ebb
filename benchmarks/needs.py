"""What a run lacks: programs, servers and peers. All of it is reported before anything starts."""

import asyncio
import importlib.util
import os
import shutil
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from . import databases
from .contenders import Contender

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"

PROGRAMS = {
    "protected": ("wrk",),
    "unguarded": ("wrk",),
    "storm": ("wrk",),
    "production": ("wrk", "nginx", "pgbouncer"),
}
"""The programs that a job runs."""

PACKAGES = {
    "rate_limits": ("limits", "slowapi", "fastapi_limiter", "pyrate_limiter", "throttled"),
    "growth": ("piccolo_api",),
    "refresh": ("authx",),
}
"""The peers without which a job says nothing; elsewhere a contender is left out."""

PEERS = {
    "piccolo_api_": ("piccolo_api",),
    "fastapi_users_": ("fastapi_users", "sqlalchemy"),
    "authx_": ("authx",),
}
"""The packages of contenders, by their module."""

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")


def of_job(name: str, kinds: Sequence[databases.Kind], wanted: Sequence[databases.Kind]) -> str:
    """
    The reason why a job can't run, or "".

    Args:
        name: The job.
        kinds: The databases of this run.
        wanted: The databases that the job works on.
    """
    programs = [p for p in PROGRAMS.get(name, ()) if shutil.which(p, path=PATH) is None]
    if programs:
        return f"apt-get install {' '.join(programs)}"
    packages = [p for p in PACKAGES.get(name, ()) if not _is_installed(p)]
    if packages:
        return f"not installed: {', '.join(packages)}"
    if not set(kinds) & set(wanted):
        return f"it needs {' or '.join(wanted)}"
    return ""


def of_contender(contender: Contender) -> str:
    """The reason why a contender can't run, or ""."""
    packages = [p for p in PEERS.get(contender.module, ()) if not _is_installed(p)]
    return f"not installed: {', '.join(packages)}" if packages else ""


def of_databases(kinds: Sequence[databases.Kind]) -> dict[databases.Kind, str]:
    """Which of the databases can't be used, and why."""
    if "postgres" in kinds and databases.postgres_version() is None:
        return {"postgres": "PostgreSQL does not answer at PG_HOST:PG_PORT"}
    return {}


def of_redis() -> str:
    """The reason why limits in Redis can't be measured, or ""."""
    return "" if asyncio.run(_redis_answers()) else f"Redis does not answer at {REDIS_URL}"


async def _redis_answers() -> bool:
    client = Redis.from_url(REDIS_URL, socket_connect_timeout=2)
    try:
        return bool(await client.ping())
    except (OSError, RedisError):
        return False
    finally:
        await client.aclose()


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
