"""`python -m examples.front_end`: migrate, make two users and serve; mail is printed here."""

import asyncio
import os

# Before anything that asks Piccolo for the database.
os.environ.setdefault("PICCOLO_CONF", "examples.front_end.piccolo_conf")

import uvicorn
from piccolo.apps.migrations.commands.forwards import run_forwards

from examples.front_end.app import app, users
from piccolo_api_fastapi.errors import IdentityTaken

PASSWORD = "correct horse battery"


async def prepare() -> None:
    """Bring the database up to date and make the users, unless they are there."""
    await run_forwards(app_name="all")
    try:
        await users.create("ada", PASSWORD, email="ada@example.com")
        await users.create("grace", PASSWORD, email="grace@example.com", admin=True)
    except IdentityTaken:
        print("The users exist already.")


def main() -> None:
    """Serve the page and its API."""
    asyncio.run(prepare())
    print("\n  http://localhost:8000\n")
    print(f"  user           ada    {PASSWORD}")
    print(f"  administrator  grace  {PASSWORD}, who must set up a second factor\n")
    uvicorn.run(app, host="127.0.0.1", port=8000)


if __name__ == "__main__":
    main()
