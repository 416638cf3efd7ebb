"""A line before attempts that may yet be given back."""

import asyncio
from collections import deque
from typing import TypeAlias

LONGEST = 256
"""How many wait for one key; who comes then is refused at once."""

PATIENCE = 10.0
"""Seconds until somebody who waits is refused."""

Name: TypeAlias = tuple[str, str]
"""The id of a budget, and a key."""


class WaitingLines:
    """
    Lets those who are refused wait while attempts are under way that may turn out well.

    A correct password gives its attempt back. Twelve people behind one address who log in
    at once are thus served in turn, where a limit of five would refuse seven of them.
    """

    def __init__(self) -> None:
        self._held: dict[Name, int] = {}
        self._waiting: dict[Name, deque[asyncio.Future[None]]] = {}

    def enter(self, name: Name) -> None:
        """An attempt has begun."""
        self._held[name] = self._held.get(name, 0) + 1

    def leave(self, name: Name) -> None:
        """It has ended: the next may try, and all of them once nothing can come back."""
        self._held[name] -= 1
        line = self._waiting.get(name, deque())
        last = not self._held[name]
        if last:
            del self._held[name]
        while line:
            future = line.popleft()
            if not future.done():
                future.set_result(None)
                if not last:
                    return

    async def wait(self, name: Name) -> bool:
        """
        Wait for an attempt to end.

        Returns:
            Whether there is a reason to try again.
        """
        line = self._waiting.setdefault(name, deque())
        if name not in self._held or len(line) >= LONGEST:
            self._leave_line(name)
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(future)
        try:
            done, _ = await asyncio.wait([future], timeout=PATIENCE)
        finally:
            self._leave_line(name, future)
        return bool(done)

    def _leave_line(self, name: Name, future: "asyncio.Future[None] | None" = None) -> None:
        line = self._waiting.get(name)
        if line is not None:
            if future is not None and future in line:
                line.remove(future)
            if not line:
                del self._waiting[name]
