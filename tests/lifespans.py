"""Starting applications as a server does."""

from typing import Any

from fastapi import FastAPI


async def start_and_stop(app: FastAPI) -> None:
    """Start and stop an application; raises what keeps it from starting."""
    received = iter(("startup", "shutdown"))

    async def receive() -> dict[str, str]:
        return {"type": f"lifespan.{next(received)}"}

    async def send(_: Any) -> None:
        return None

    await app({"type": "lifespan"}, receive, send)
