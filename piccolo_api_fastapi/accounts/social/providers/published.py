"""`Published`: a document of a provider, kept for an hour, and its keys."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from .faults import Down, Refused
from .id_tokens import Header, choose_key

FRESH = timedelta(hours=1)
"""How long a document is used without asking again."""

KEPT = timedelta(hours=24)
"""How long a document is used while the provider does not answer."""

PAUSE = timedelta(minutes=1)
"""How long a provider that did not answer is left alone, where an older document will do."""

REFETCHES = 2
"""How often a minute keys are fetched for the sake of unknown ones (RFC 8725 section 3.10)."""

ValueT = TypeVar("ValueT")

Fetch = Callable[[], Awaitable[ValueT]]


class Published(Generic[ValueT]):
    """A document that is fetched by one caller at a time, and kept."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._value: ValueT | None = None
        self._fetched_at: datetime | None = None
        self._next: datetime | None = None

    async def get(self, fetch: Fetch[ValueT], now: datetime) -> ValueT:
        """
        Return the document, fetched now if it is an hour old.

        If the provider does not answer, the document of the last 24 hours is returned.

        Args:
            fetch: Fetches it.
            now: The present time.

        Raises:
            Down: There is none.
        """
        if (known := self._known(now, self._next)) is not None:
            return known
        async with self._turn:
            if (known := self._known(now, self._next)) is not None:
                return known  # another caller has fetched it meanwhile
            try:
                return await self.fetch(fetch, now)
            except Down:
                kept_until = None if self._fetched_at is None else self._fetched_at + KEPT
                if (known := self._known(now, kept_until)) is None:
                    raise
                self._next = now + PAUSE
                return known

    async def fetch(self, fetch: Fetch[ValueT], now: datetime) -> ValueT:
        """Fetch the document, and keep it."""
        value = await fetch()
        self._value, self._fetched_at, self._next = value, now, now + FRESH
        return value

    def _known(self, now: datetime, until: datetime | None) -> ValueT | None:
        return self._value if until is not None and now < until else None


Keys = Sequence[Mapping[str, Any]]


class PublishedKeys(Published[Keys]):
    """The keys of a provider (RFC 7517)."""

    def __init__(self) -> None:
        super().__init__()
        self._refetched: deque[datetime] = deque(maxlen=REFETCHES)

    async def find(self, header: Header, fetch: Fetch[Keys], now: datetime) -> Mapping[str, Any]:
        """
        Return the key of a token. For an unknown one, the keys are fetched again, twice a minute.

        Args:
            header: The header of the token.
            fetch: Fetches the keys.
            now: The present time.

        Raises:
            Refused: There is no such key.
            Down: There are no keys.
        """
        keys = await self.get(fetch, now)
        if (key := choose_key(keys, header)) is not None:
            return key
        async with self._turn:
            if self._value is keys and self._may_refetch(now):
                self._refetched.append(now)
                await self.fetch(fetch, now)
            key = choose_key(self._value or (), header)
        if key is None:
            raise Refused("unknown-key")
        return key

    def _may_refetch(self, now: datetime) -> bool:
        is_rested = len(self._refetched) < REFETCHES
        return is_rested or now - self._refetched[0] >= timedelta(minutes=1)


def keys_in(body: Mapping[str, Any]) -> Keys:
    """
    Return the keys of a JWK Set.

    Raises:
        Down: It has no list of keys.
    """
    keys = body.get("keys")
    if not isinstance(keys, list):
        raise Down("no-keys")
    return [key for key in keys if isinstance(key, dict)]
