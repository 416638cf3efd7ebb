"""`python -m examples.production`: migrate, make a user, run workers behind nginx."""

import argparse
import asyncio
import os
import secrets
import tempfile
import time
from pathlib import Path

os.environ.setdefault("PG_DATABASE", "piccolo_api_fastapi_production")
os.environ.setdefault("JWT_SECRET", secrets.token_urlsafe(32))
# Before anything that asks Piccolo for the database.
os.environ.setdefault("PICCOLO_CONF", "examples.production.piccolo_conf")

from piccolo.apps.migrations.commands.forwards import run_forwards

from examples.production.stack import running
from piccolo_api_fastapi import Users
from piccolo_api_fastapi.errors import IdentityTaken

PASSWORD = "correct horse battery"


async def prepare() -> None:
    """Bring the database up to date and make a user."""
    await run_forwards(app_name="all")
    try:
        await Users().create("ada", PASSWORD, email="ada@example.com")
    except IdentityTaken:
        print("ada exists already.")


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.production", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pgbouncer", action="store_true", help="in transaction mode")
    parser.add_argument("--prepare-only", action="store_true", help="migrate and leave")
    arguments = parser.parse_args()
    asyncio.run(prepare())
    if arguments.prepare_only:
        return
    with tempfile.TemporaryDirectory() as folder:
        options = {"workers": arguments.workers, "pgbouncer": arguments.pgbouncer}
        with running(Path(folder), {}, **options) as stack:
            print(f"\n  {stack.url}/docs   ada   {PASSWORD}\n")
            print(f"  curl --cacert {stack.certificate} {stack.url}/me\n")
            try:
                while stack.workers.poll() is None:
                    time.sleep(1)
            except KeyboardInterrupt:
                print("Bye.")


if __name__ == "__main__":
    main()
