"""`owned` and `owned_row`: dependencies that limit a query to the rows of the caller."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias, TypeVar

from fastapi.security import SecurityScopes
from piccolo.columns import Column, ForeignKey
from piccolo.columns.combination import WhereRaw
from piccolo.custom_types import Combinable
from piccolo.table import Table
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.outages import finding, store
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.public_routes import is_exempt
from piccolo_api_fastapi.errors import ConfigurationError, NotFound

from .guards import Guard, View, admit
from .identity import Identity, UserT
from .in_use import users_of
from .permissions import checked_permission, declare_permissions

RowT = TypeVar("RowT", bound=Table)

GetRow: TypeAlias = Callable[[Any], Awaitable[RowT]]
"""Returns the row with a primary key, or raises `NotFound`."""


class Owned(View[UserT]):
    """The dependency that `owned` returns."""

    def __init__(self, column: Column, guard: Guard[UserT], unless: str | None) -> None:
        super().__init__(guard)
        _refuse_other_tables(column, guard)
        if unless is not None:
            declare_permissions(guard, checked_permission(unless, "unless"))
        self.column = column
        self.unless = unless

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and _settings(self) == _settings(other)

    def __hash__(self) -> int:
        return hash((type(self), self._guard, _settings(self)))

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> Combinable:
        """Return the condition that the rows of the caller meet."""
        if is_exempt(connection, self):
            return WhereRaw("FALSE")  # nobody was asked for
        guard = self._guard
        return self.where(await admit(guard, connection, guard.identify(connection, scopes.scopes)))

    def where(self, identity: Identity[UserT]) -> Combinable:
        """
        Return the condition that the rows of a caller meet.

        Args:
            identity: The caller, as the guard found them.
        """
        if self.unless is not None and self.unless in identity.scopes:
            return WhereRaw("TRUE")
        key = _key_of(identity.user, self.column)
        if key is None:  # which would be compared by IS NULL
            return WhereRaw("FALSE")
        mine: Combinable = self.column == key
        return mine


class OwnedRow(View[UserT], Generic[UserT, RowT]):
    """The dependency that `owned_row` returns."""

    def __init__(self, table: type[RowT], guard: Guard[UserT], rows: Owned[UserT]) -> None:
        super().__init__(guard)
        self.documented_errors = (*self.documented_errors, NotFound)
        self._table = table
        self._rows = rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnedRow) and other._rows == self._rows

    def __hash__(self) -> int:
        return hash((type(self), self._rows))

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> GetRow[RowT]:
        """Return the function that looks up a row of the caller."""
        if is_exempt(connection, self):
            return _no_row  # nobody was asked for
        guard, table = self._guard, self._table
        identity = await admit(guard, connection, guard.identify(connection, scopes.scopes))
        where = self._rows.where(identity)

        async def get(key: Any) -> RowT:
            with finding():
                async with store():
                    query = table.objects().where(table._meta.primary_key == key, where)
                    row = await query.first()
            if row is None:
                raise NotFound
            return row

        return get


@configured
def owned(column: Column, guard: Guard[UserT], *, unless: str | None = None) -> Owned[UserT]:
    """
    Make a dependency that returns a Piccolo condition: the rows of the caller.

    ```python
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo.columns import ForeignKey, Varchar
    from piccolo.custom_types import Combinable
    from piccolo.table import Table
    from piccolo_api_fastapi import SessionAuth, User, owned

    class Film(Table):
        title = Varchar()
        owner = ForeignKey(User)

    app, current_user = FastAPI(), SessionAuth()
    mine = owned(Film.owner, current_user, unless="films:read-any")

    @app.get("/films")
    async def films(where: Annotated[Combinable, Depends(mine)]) -> list[str]:
        return await Film.select(Film.title).where(where).output(as_list=True)

    @app.delete("/films/{film_id}", status_code=204)
    async def delete_film(film_id: int, where: Annotated[Combinable, Depends(mine)]) -> None:
        await Film.delete().where(Film.id == film_id, where)
    ```

    Put it into the statement that reads or writes: then nothing can change between a check and
    the write.

    Args:
        column: The column with the owner: a foreign key to the user table, perhaps over others
            (`Song.album.owner`), or a column with the primary key of the user.
        guard: A scheme, an `AnyOf` or a `require(…)`, which finds the caller.
        unless: The permission of callers to whom every row belongs.

    Raises:
        ConfigurationError: The column leads to another table, or `unless` is not the name of a
            permission.
    """
    return Owned(column, guard, unless)


@configured
def owned_row(
    table: type[RowT],
    guard: Guard[UserT],
    *,
    owner: Column | None = None,
    unless: str | None = None,
) -> OwnedRow[UserT, RowT]:
    """
    Make a dependency that returns a function, which looks up a row of the caller.

    ```python
    from collections.abc import Awaitable, Callable
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo.columns import ForeignKey, Varchar
    from piccolo.table import Table
    from piccolo_api_fastapi import SessionAuth, User, owned_row

    class Song(Table):
        title = Varchar()
        owner = ForeignKey(User)

    app, my_song = FastAPI(), owned_row(Song, SessionAuth())

    @app.get("/songs/{song_id}")
    async def song(
        song_id: int, get: Annotated[Callable[[int], Awaitable[Song]], Depends(my_song)]
    ) -> str:
        return (await get(song_id)).title
    ```

    A row that does not exist, or belongs to another user, is a 404. Before a write use `owned`,
    whose condition stands in the statement that writes.

    Args:
        table: The table.
        guard: A scheme, an `AnyOf` or a `require(…)`, which finds the caller.
        owner: The column with the owner. Default: the foreign key to the user table.
        unless: The permission of callers to whom every row belongs.

    Raises:
        ConfigurationError: The table has no foreign key to the user table, or several; `owner`
            leads to another table; or `unless` is not the name of a permission.
    """
    column = _owner_of(table, guard) if owner is None else owner
    return OwnedRow(table, guard, Owned(column, guard, unless))


async def _no_row(_: Any) -> Any:
    """Find no row, whatever the key."""
    raise NotFound


def _refuse_other_tables(column: Column, guard: Guard[Any]) -> None:
    """Refuse a foreign key to another table, whose keys would be taken for those of users."""
    if not isinstance(column, ForeignKey):
        return
    users = users_of("owned", guard.schemes).table
    target = column._foreign_key_meta.resolved_references
    if target._meta.tablename != users._meta.tablename:
        raise ConfigurationError(
            f"{column._meta.name} leads to {target.__name__}, and the guard finds users of "
            f"{users.__name__}; name the column with the owner, such as Song.album.owner."
        )


def _settings(rows: Any) -> tuple[int, str | None]:
    return id(rows.column), rows.unless  # columns compare to a condition


def _key_of(user: Any, column: Column) -> Any:
    """The value that the column has in the rows of a user."""
    if not isinstance(column, ForeignKey):
        return primary_key(user)
    return getattr(user, column._foreign_key_meta.resolved_target_column._meta.name)


def _owner_of(table: type[Table], guard: Guard[Any]) -> Column:
    """The foreign key of a table to the users of a guard."""
    users = users_of("owned_row", guard.schemes).table
    found = [
        column
        for column in table._meta.foreign_key_columns
        if column._foreign_key_meta.resolved_references._meta.tablename == users._meta.tablename
    ]
    if len(found) != 1:
        raise ConfigurationError(
            f"{table.__name__} has {len(found)} foreign keys to {users.__name__}; say which column "
            f"names the owner, such as owner={table.__name__}.owner."
        )
    return found[0]
