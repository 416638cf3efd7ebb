"""Several writes in one transaction, all or none."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import AuthError, FieldError, Unprocessable

if TYPE_CHECKING:
    from .crud import Crud

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


async def each(
    crud: "Crud",
    member: str,
    items: Sequence[ItemT],
    write: Callable[[ItemT], Awaitable[ResultT]],
    lock: Callable[[], Awaitable[None]] | None = None,
) -> list[ResultT]:
    """
    Write several rows in one transaction.

    Args:
        crud: The table.
        member: The name of the list in the body.
        items: What to write.
        write: Writes one.
        lock: Locks the rows that are written, in one order, so that no two requests wait for each
            other.

    Raises:
        AuthError: One of them was refused, and nothing was written. The error says which.
    """
    if not 1 <= len(items) <= crud.max_bulk:
        raise Unprocessable(
            [FieldError(("body", member), f"Send 1 to {crud.max_bulk}.", "bulk_size")]
        )
    results = []
    async with store(), transaction(crud.table):
        if lock is not None:
            await lock()
        for number, item in enumerate(items):
            with _placed("body", member, number):
                results.append(await write(item))
    return results


@contextmanager
def _placed(*place: str | int) -> Iterator[None]:
    """Say in an error which row it is about."""
    try:
        yield
    except Unprocessable as error:
        errors = [replace(one, loc=(*place, *one.loc[1:])) for one in error.errors]
        raise Unprocessable(errors) from None
    except AuthError as error:
        error.place = place
        raise
