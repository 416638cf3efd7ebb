"""`python -m examples.social`: migrate and serve, with the toy provider."""

import asyncio
import os

# Before anything that asks Piccolo for the database.
os.environ.setdefault("PICCOLO_CONF", "examples.social.piccolo_conf")

import uvicorn
from piccolo.apps.migrations.commands.forwards import run_forwards

from examples.social import provider
from examples.social.app import BASE_URL, app


def main() -> None:
    """Serve the guest book."""
    asyncio.run(run_forwards(app_name="all"))
    print(f"\n  {BASE_URL}: sign in with the toy provider.\n  {provider.WARNING}\n")
    uvicorn.run(app, host="localhost", port=8000)


if __name__ == "__main__":
    main()
