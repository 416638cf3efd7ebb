"""The queue of attempts that wait for others, which may be refunded."""

import asyncio
from collections import deque

LONGEST = 256
"""The length of the queue of one key. Further attempts are refused at once."""

PATIENCE = 10.0
"""Seconds until a waiting attempt is refused."""

RECENT = 2.0
"""Seconds after which a charge of another process counts as final: attempts are that short."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.25
"""Seconds before the store is asked again about other processes. Each pause is twice as long."""


class Turn:
    """
    The attempts in progress for one key, and the queue behind them.

    A correct password gets its attempt refunded. Twelve users behind one address who sign in at
    the same time are therefore served in turn; a limit of five would refuse seven of them.

    Attributes:
        asking: The number of attempts that ask the store now.
        held: The number of attempts that were admitted and have not ended.
        ended: The number of attempts that have ended.
        paused_since: When the first pause for other processes began, by the event loop's clock.
        line: The attempts that wait.
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
        """No attempt for this key is in progress."""
        return not self.asking and not self.held

    @property
    def is_alone(self) -> bool:
        """One attempt asks the store, and no other is in progress."""
        return self.asking == 1 and not self.held

    def ask(self) -> None:
        """Note that an attempt asks the store."""
        self.asking += 1

    def admit(self) -> None:
        """Note that the attempt was admitted."""
        self.asking -= 1
        self.held += 1
        self.paused_since = None

    def refuse(self) -> bool:
        """
        Note that the attempt was refused.

        Returns:
            Whether that is final, because no attempt is in progress. The queue is then called.
        """
        self.asking -= 1
        is_final = self.is_idle
        if is_final:
            self.call()
        return is_final

    def leave(self) -> None:
        """Note that an attempt has ended. It may have been refunded."""
        self.held -= 1
        self.ended += 1
        self.call()

    def call(self) -> None:
        """Let the first attempt of the queue ask again."""
        if self.line:
            self.asking += 1
            self.line.popleft().set_result(None)

    async def pause(self, patience: float) -> bool:
        """
        Pause for attempts of other processes. The attempt keeps asking afterwards.

        Args:
            patience: Seconds since the first pause after which no attempt pauses any more.

        Returns:
            Whether it paused.
        """
        now = asyncio.get_running_loop().time()
        if self.paused_since is None:
            self.paused_since = now
        passed = now - self.paused_since
        if passed >= patience:
            return False
        await asyncio.sleep(min(max(passed, SHORTEST_PAUSE), LONGEST_PAUSE))
        return True

    async def wait_after_refusal(self, ended: int, *, was_called: bool) -> bool:
        """
        Wait until the store may answer otherwise.

        Args:
            ended: How many attempts had ended when the store was asked.
            was_called: Whether the attempt was called from the queue before.

        Returns:
            Whether to ask again; a refusal is final otherwise.
        """
        is_final = self.refuse()
        if ended != self.ended:  # an attempt has ended meanwhile, and may have been refunded
            self.ask()
            return True
        return not is_final and await self._wait(was_called=was_called)

    async def _wait(self, *, was_called: bool) -> bool:
        """
        Wait in the queue.

        Args:
            was_called: Whether the attempt was called before. It then waits in front.

        Returns:
            Whether the attempt was called.
        """
        if len(self.line) >= LONGEST:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if was_called:
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
        """Whether a leaving attempt was called. Removes it from the queue otherwise."""
        if not future.done():
            self.line.remove(future)
        return future.done()
