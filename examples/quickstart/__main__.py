"""`python -m examples.quickstart`: migrate, make two users, serve."""

import asyncio
import os

# Before anything that asks Piccolo for the database.
os.environ.setdefault("PICCOLO_CONF", "examples.quickstart.piccolo_conf")

import uvicorn
from piccolo.apps.migrations.commands.forwards import run_forwards

from examples.quickstart.app import HOST, PORT, app, users
from piccolo_api_fastapi.errors import IdentityTaken

PASSWORD = "correct horse battery"


async def prepare() -> None:
    """Bring the database up to date and make the users, unless they are there."""
    await run_forwards(app_name="all")
    for username, admin in (("ada", False), ("grace", True)):
        try:
            await users.create(username, PASSWORD, email=f"{username}@example.com", admin=admin)
        except IdentityTaken:  # noqa: PERF203 - two users
            print(f"{username} exists already.")


def main() -> None:
    """Serve the quickstart."""
    asyncio.run(prepare())
    print(f"\n  pages          http://{HOST}:{PORT}/account")
    print(f"  API            http://{HOST}:{PORT}/docs\n")
    print(f"  user           ada    {PASSWORD}   (ada@example.com)")
    print(f"  administrator  grace  {PASSWORD}   (grace@example.com)\n")
    uvicorn.run(app, host=HOST, port=PORT)


if __name__ == "__main__":
    main()
