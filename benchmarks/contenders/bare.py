"""FastAPI without authentication: what the route itself costs."""

from fastapi import FastAPI

from .vocabulary import USERNAME, Me, add_ping


async def prepare() -> None:
    """There is no database."""


def application(_: str) -> FastAPI:
    """The route that all the others serve."""
    app = FastAPI()
    add_ping(app)

    @app.get("/me")
    async def me() -> Me:
        return Me(username=USERNAME)

    return app


def login(_: str) -> None:
    """Nobody logs in."""
