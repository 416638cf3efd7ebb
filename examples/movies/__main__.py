"""`python -m examples.movies`: migrate, make users, roles and a few movies, serve."""

import asyncio
import os
from datetime import datetime, timezone

# Before anything that asks Piccolo for the database.
os.environ.setdefault("PICCOLO_CONF", "examples.movies.piccolo_conf")

import uvicorn
from piccolo.apps.migrations.commands.forwards import run_forwards

from examples.movies.app import app, roles, users
from examples.movies.tables import Movie, Person
from piccolo_api_fastapi.errors import IdentityTaken

PASSWORD = "correct horse battery"

CLASSICS = {
    "Agnès Varda": (1928, ("Cléo from 5 to 7", 1962)),
    "Akira Kurosawa": (1910, ("Seven Samurai", 1954)),
    "Ida Lupino": (1918, ("The Hitch-Hiker", 1953)),
}


async def prepare() -> None:
    """Bring the database up to date and fill it, unless that was done before."""
    await run_forwards(app_name="all")
    await roles.sync()
    try:
        ada = await users.create("ada", PASSWORD, email="ada@example.com")
        for username, role in (("ed", "editor"), ("grace", "administrator")):
            user = await users.create(username, PASSWORD, email=f"{username}@example.com")
            await roles.grant(user, role)
    except IdentityTaken:
        return
    now = datetime.now(timezone.utc)
    for name, (born, (title, year)) in CLASSICS.items():
        director = Person(name=name, born=born)
        await director.save()
        await Movie(title=title, year=year, director=director, added_by=ada, added_at=now).save()


def main() -> None:
    """Serve the movie club."""
    asyncio.run(prepare())
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    print(f"\n  http://{host}:{port}/      the front page")
    print(f"  http://{host}:{port}/docs  the API\n")
    print(f"  user           ada    {PASSWORD}")
    print(f"  editor         ed     {PASSWORD}")
    print(f"  administrator  grace  {PASSWORD}\n")
    uvicorn.run(app, host=host, port=port)


if __name__ == "__main__":
    main()
