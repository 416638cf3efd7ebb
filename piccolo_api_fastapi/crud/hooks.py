"""`CrudHooks`: functions of an application that run around a write."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from piccolo.table import Table

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.transactions import engine_of

logger = logging.getLogger("piccolo_api_fastapi")

Row: TypeAlias = dict[str, Any]
"""The values of a row, by the names of its columns."""

Values: TypeAlias = Mapping[str, Any]

_Changed: TypeAlias = Values | None
BeforeCreate: TypeAlias = Callable[[Identity[Any], Row], _Changed | Awaitable[_Changed]]
BeforeUpdate: TypeAlias = Callable[[Identity[Any], Row, Row], _Changed | Awaitable[_Changed]]
WithRow: TypeAlias = Callable[[Identity[Any], Row], Awaitable[None] | None]


@configured
@dataclass(frozen=True)
class CrudHooks:
    """
    Functions that run around the writes of a `Crud`, sync or async.

    ```python
    from piccolo.columns import Varchar
    from piccolo.table import Table
    from piccolo_api_fastapi import AuthError, Crud, CrudHooks, SessionAuth

    class Genre(Table):
        name = Varchar()

    def refuse_spam(caller, values):
        if "casino" in values.get("name", ""):
            raise AuthError("We do not list casinos.")

    hooks = CrudHooks(before_create=refuse_spam)
    genres = Crud(Genre, SessionAuth(), write=[Genre.name], hooks=hooks)
    ```

    Functions that run before a write are called inside its transaction, and so are their own
    queries. They refuse by raising, or return the values to write; `None` keeps those of the
    request. Such values are not checked, and may be of columns that clients can't write. Functions
    that run after a write are called after the commit: if one raises, that is logged, as the row is
    stored. Each is called once for each row of a bulk request.

    Args:
        before_create: Takes the caller and the values.
        before_update: Takes the caller, the row and the values that change.
        before_delete: Takes the caller and the row.
        after_create: Takes the caller and the new row.
        after_update: Takes the caller and the changed row.
        after_delete: Takes the caller and the deleted row.
    """

    before_create: BeforeCreate | None = None
    before_update: BeforeUpdate | None = None
    before_delete: WithRow | None = None
    after_create: WithRow | None = None
    after_update: WithRow | None = None
    after_delete: WithRow | None = None


async def changed(hook: Callable[..., Any] | None, values: Values, *given: Any) -> Values:
    """
    Call a hook that may change values.

    Args:
        hook: The hook, if there is one.
        values: The values to write.
        given: The arguments before them.
    """
    if hook is None:
        return values
    result = hook(*given, dict(values))
    if inspect.isawaitable(result):
        result = await result
    return values if result is None else result


async def call(hook: Callable[..., Any] | None, *given: Any) -> None:
    """Call a hook whose result is not used."""
    if hook is not None and inspect.isawaitable(result := hook(*given)):
        await result


async def called_after(table: type[Table], hook: Callable[..., Any], *given: Any) -> None:
    """
    Call a hook after the commit. Its failure is logged, since it undoes nothing.

    In a transaction that the application opened with Piccolo, whose commit is still to come, it is
    raised.
    """
    try:
        await call(hook, *given)
    except Exception:
        if engine_of(table).current_transaction.get() is not None:
            raise
        logger.exception("A hook failed after the row was written.")
