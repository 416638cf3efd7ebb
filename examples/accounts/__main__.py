"""`python -m examples.accounts`: migrate and serve; mail is printed here."""

import asyncio
import os

# Before anything that asks Piccolo for the database.
os.environ.setdefault("PICCOLO_CONF", "examples.accounts.piccolo_conf")

import uvicorn
from piccolo.apps.migrations.commands.forwards import run_forwards

from examples.accounts.app import app


def main() -> None:
    """Serve the accounts."""
    asyncio.run(run_forwards(app_name="all"))
    print("\n  http://127.0.0.1:8000/docs: register, then look here for the mail.\n")
    uvicorn.run(app, host="127.0.0.1", port=8000)


if __name__ == "__main__":
    main()
