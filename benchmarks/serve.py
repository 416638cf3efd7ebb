"""`python -m benchmarks.serve MODULE VARIANT PORT`: one contender, in a process of its own."""

import asyncio
import importlib
import sys
from typing import Any

import uvicorn


def main(module: str, variant: str, port: str) -> None:
    """Serve it, or with `prepare` for a port fill its database."""
    contender: Any = importlib.import_module(f"benchmarks.contenders.{module}")
    if port == "prepare":
        asyncio.run(contender.prepare())
        return
    uvicorn.run(
        contender.application(variant),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
