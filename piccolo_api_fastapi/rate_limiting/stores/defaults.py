"""The store of limits that were given none, and whether there are limits at all."""

from collections.abc import Iterator
from contextlib import contextmanager

from .memory_store import MemoryStore
from .store import Store

LOCAL = MemoryStore()
"""The store of this process: where nothing else is set, and while that does not answer."""


class _Defaults:
    store: Store = LOCAL
    are_on = True


def use_store(store: Store | None) -> None:
    """
    Let every `RateLimit` without a store of its own use this one. Call it at start-up.

    Args:
        store: The store; `None` for a `MemoryStore` again.
    """
    _Defaults.store = LOCAL if store is None else store


def default_store() -> Store:
    """The store of limits that were given none."""
    return _Defaults.store


def are_on() -> bool:
    """Whether limits are in force."""
    return _Defaults.are_on


@contextmanager
def no_rate_limits() -> Iterator[None]:
    """Within it nothing is limited or counted."""
    before, _Defaults.are_on = _Defaults.are_on, False
    try:
        yield
    finally:
        _Defaults.are_on = before
