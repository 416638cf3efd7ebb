"""The default store of limits, and whether limits are in force."""

from collections.abc import Iterator
from contextlib import contextmanager

from piccolo_api_fastapi.core.configuration import configured

from .memory_store import MemoryStore
from .store import Store

LOCAL = MemoryStore()
"""The store of this process: the default, and the fallback while another does not answer."""


class _Defaults:
    store: Store = LOCAL
    are_on = True


@configured
def use_store(store: Store | None) -> None:
    """
    Set the store of every `RateLimit` that has none of its own. Call it at start-up.

    ```python
    from piccolo_api_fastapi import RedisStore, use_store

    use_store(RedisStore("redis://localhost:6379"))
    ```

    Args:
        store: The store, or `None` to use the memory of the process again.
    """
    _Defaults.store = LOCAL if store is None else store


def default_store() -> Store:
    """The store of limits that have none of their own."""
    return _Defaults.store


def are_on() -> bool:
    """Whether limits are in force."""
    return _Defaults.are_on


@contextmanager
def no_rate_limits() -> Iterator[None]:
    """
    Turn all limits off, for tests: nothing is limited or counted inside the block.

    ```python
    from piccolo_api_fastapi.testing import no_rate_limits

    with no_rate_limits():
        ...
    ```
    """
    before, _Defaults.are_on = _Defaults.are_on, False
    try:
        yield
    finally:
        _Defaults.are_on = before
