"""`python -m examples.site`: migrate and serve; mail is printed here."""

import asyncio
import os

# Before anything that asks Piccolo for the database.
os.environ.setdefault("PICCOLO_CONF", "examples.site.piccolo_conf")

import uvicorn
from piccolo.apps.migrations.commands.forwards import run_forwards

from examples.site.app import ADDRESS, HOST, PORT, app


def main() -> None:
    """Serve the site."""
    asyncio.run(run_forwards(app_name="all"))
    print(f"\n  {ADDRESS}: register, then look here for the mail.")
    print(f"  Passkeys need this address; http://{HOST}:{PORT} has none.\n")
    uvicorn.run(app, host=HOST, port=PORT)


if __name__ == "__main__":
    main()
