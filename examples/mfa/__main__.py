"""`python -m examples.mfa`: migrate, make a user, serve."""

import asyncio
import os

# Before anything that asks Piccolo for the database.
os.environ.setdefault("PICCOLO_CONF", "examples.mfa.piccolo_conf")

import uvicorn
from piccolo.apps.migrations.commands.forwards import run_forwards

from examples.mfa.app import app, users
from piccolo_api_fastapi.errors import IdentityTaken

PASSWORD = "correct horse battery"


async def prepare() -> None:
    """Bring the database up to date and make the user, unless it is there."""
    await run_forwards(app_name="all")
    try:
        await users.create("ada", PASSWORD, email="ada@example.com")
    except IdentityTaken:
        print("ada exists already.")


def main() -> None:
    """Serve the example."""
    asyncio.run(prepare())
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    print(f"\n  http://{host}:{port}\n\n  user  ada  {PASSWORD}\n")
    uvicorn.run(app, host=host, port=port)


if __name__ == "__main__":
    main()
