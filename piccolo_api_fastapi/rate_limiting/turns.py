"""A line before attempts that may yet be given back."""

import asyncio
from collections import deque

LONGEST = 256
"""How many wait for one key; who comes then is refused at once."""

PATIENCE = 10.0
"""Seconds until somebody who waits is refused."""

RECENT = 2.0
"""Seconds in which what was charged elsewhere may yet be given back: attempts are that short."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.25
"""Seconds before the store is asked again about attempts elsewhere; each time twice as many."""


class Turn:
    """
    What is under way for one key, and who waits for it.

    A correct password gives its attempt back. Twelve people behind one address who log in at
    once are therefore served in turn, where a limit of five would refuse seven of them.
    """

    __slots__ = ("asking", "ended", "held", "line", "paused_since")

    def __init__(self) -> None:
        self.asking = 0
        self.held = 0
        self.ended = 0
        self.paused_since: float | None = None
        self.line: deque[asyncio.Future[None]] = deque()

    @property
    def is_idle(self) -> bool:
        """Nothing is under way that may be given back. Who is being asked about may be admitted."""
        return not self.asking and not self.held

    @property
    def is_alone(self) -> bool:
        """Nothing is under way but one who asks."""
        return self.asking == 1 and not self.held

    def ask(self) -> None:
        """An attempt asks the store."""
        self.asking += 1

    def admit(self) -> None:
        """It was admitted."""
        self.asking -= 1
        self.held += 1
        self.paused_since = None

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

    async def pause(self, patience: float) -> bool:
        """
        Let a moment pass for attempts elsewhere; who does so goes on asking.

        Args:
            patience: Seconds in which nobody was admitted here, after which there is no hope.

        Returns:
            Whether it did.
        """
        now = asyncio.get_running_loop().time()
        if self.paused_since is None:
            self.paused_since = now
        passed = now - self.paused_since
        if passed >= patience:
            return False
        await asyncio.sleep(min(max(passed, SHORTEST_PAUSE), LONGEST_PAUSE))
        return True

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
