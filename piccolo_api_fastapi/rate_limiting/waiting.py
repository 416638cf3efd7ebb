"""A line before attempts that may yet be given back."""

import asyncio
from collections import deque

LONGEST = 256
"""How many wait for one key; who comes then is refused at once."""

PATIENCE = 10.0
"""Seconds until somebody who waits is refused."""


class Turn:
    """
    What is under way for one key, and who waits for it.

    A correct password gives its attempt back. Twelve people behind one address who log in at
    once are therefore served in turn, where a limit of five would refuse seven of them.
    """

    __slots__ = ("asking", "ended", "held", "line")

    def __init__(self) -> None:
        self.asking = 0
        self.held = 0
        self.ended = 0
        self.line: deque[asyncio.Future[None]] = deque()

    @property
    def is_idle(self) -> bool:
        """Nothing is under way that may be given back. Who is being asked about may be admitted."""
        return not self.asking and not self.held

    def ask(self) -> None:
        """An attempt asks the store."""
        self.asking += 1

    def admit(self) -> None:
        """It was admitted."""
        self.asking -= 1
        self.held += 1

    def refuse(self) -> bool:
        """
        It was refused.

        Returns:
            Whether that is final, since nothing is under way. Those who wait then hear it in turn.
        """
        self.asking -= 1
        is_final = self.is_idle
        if is_final:
            self.call()
        return is_final

    def leave(self) -> None:
        """An attempt has ended, and may have been given back."""
        self.held -= 1
        self.ended += 1
        self.call()

    def call(self) -> None:
        """Let the first of the line ask again: from now on it is asking."""
        if self.line:
            self.asking += 1
            self.line.popleft().set_result(None)

    async def wait(self, *, again: bool) -> bool:
        """
        Stand in line after a refusal.

        Args:
            again: It was called already, and so stands in front.

        Returns:
            Whether it was called.
        """
        if len(self.line) >= LONGEST:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if again:
            self.line.appendleft(future)
        else:
            self.line.append(future)
        try:
            await asyncio.wait([future], timeout=PATIENCE)
        except asyncio.CancelledError:
            if self._was_called(future):
                self.refuse()
            raise
        return self._was_called(future)

    def _was_called(self, future: "asyncio.Future[None]") -> bool:
        """Whether one who goes away was called; otherwise there is one less in the line."""
        if not future.done():
            self.line.remove(future)
        return future.done()
