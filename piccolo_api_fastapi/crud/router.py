"""`crud_router`: the routes of a table."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypedDict

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from piccolo.columns import Column
from piccolo.table import Table
from pydantic import BaseModel
from typing_extensions import Unpack

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.optional_user import Optional
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.rate_limiting import RateLimit

from .bulk_routes import add_bulk
from .crud import Crud
from .hooks import CrudHooks
from .names import plural, snake
from .permissions import Guards, Permission
from .route import CrudRoute
from .routes import ADD, Routes
from .settings import check_replace, user_table_of

Operation = Literal["list", "read", "create", "update", "replace", "delete", "bulk", "options"]


class CrudOptions(TypedDict, total=False):
    """The arguments of `Crud` that `crud_router` passes on."""

    read: Sequence[Column] | type[BaseModel] | None
    write: Sequence[Column] | type[BaseModel]
    create: Sequence[Column] | type[BaseModel] | None
    update: Sequence[Column] | type[BaseModel] | None
    owner: Column | None
    sees_all: str | None
    public_read: bool
    related: Sequence[Crud]
    filters: Sequence[Column]
    sort: Sequence[Column]
    search: Sequence[Column]
    include: Sequence[Column]
    version: Column | None
    page_size: int
    max_page_size: int
    max_bulk: int
    paging: Literal["cursor", "offset"]
    hooks: CrudHooks | None
    name: str | None


@configured
def crud_router(  # noqa: PLR0913 - configuration, all of it optional
    table: type[Table] | Crud,
    guard: Guard[Any] | Optional[Any] | None = None,
    *,
    permissions: Mapping[str, Permission] | None = None,
    operations: Sequence[Operation] | None = None,
    require_match: bool = False,
    limit: RateLimit | None = None,
    tags: Sequence[str] | None = None,
    **options: Unpack[CrudOptions],
) -> APIRouter:
    """
    Make the routes of a table. Without `write=`, they only read.

    ```python
    from fastapi import FastAPI
    from piccolo.columns import ForeignKey, Integer, Varchar
    from piccolo.table import Table
    from piccolo_api_fastapi import SessionAuth, User, crud_router

    class Film(Table):
        owner = ForeignKey(User)
        title = Varchar()
        rating = Integer()

    app = FastAPI()
    films = crud_router(
        Film,
        SessionAuth(),
        write=[Film.title, Film.rating],
        owner=Film.owner,
        filters=[Film.title, Film.rating],
        sort=[Film.rating],
    )
    app.include_router(films, prefix="/films")
    ```

    Callers see and change their own rows only. Another user's row is the same 404 as a missing
    one, in each operation.

    Args:
        table: The table; or a `Crud`, which has the guard and the other options.
        guard: The guard of all routes; or `optional(guard)`, which guards what is written.
        permissions: What operations need beside the guard: a scope, or another guard, for `list`,
            `read`, `create`, `update`, `delete` and `bulk`. What `read` needs `list` needs too,
            and the other way round, unless both are named. Bulk requests need the permission of
            their operation as well.
        operations: The operations: `list`, `read`, `create`, `update`, `replace` (PUT), `delete`,
            `bulk` and `options`. Default: `list` and `read`, and with `write=` also `create`,
            `update` and `delete`.
        require_match: Whether changes and deletions need the header `If-Match`, which bulk
            requests can't have.
        limit: A `RateLimit` of all routes.
        tags: The tags in OpenAPI. Default: the plural of the name of the table.
        options: The arguments of `Crud`, such as `write=` and `owner=`.

    Raises:
        ConfigurationError: As `Crud`; or an operation is unknown, or has no columns to write.
        TypeError: There is no guard.
    """
    crud = _crud_of(table, guard, options)
    word = snake(crud.name)
    router = AuthRouter(users=user_table_of(crud.guard), route_class=CrudRoute)
    router.tags = [*([plural(word)] if tags is None else tags)]
    guards = Guards(crud.guard, permissions or {})
    routes = Routes(router, crud, guards, limit, require_match=require_match)
    wanted = _operations(crud, operations)
    if require_match and "bulk" in wanted and wanted & {"update", "delete"}:
        raise ConfigurationError("require_match and the operation bulk exclude each other.")
    # Before the routes with a key in their path.
    if "options" in wanted:
        ADD["options"](routes)
    if "bulk" in wanted:
        add_bulk(routes, wanted)
    for name in ("list", "read", "create", "update", "replace", "delete"):
        if name in wanted:
            ADD[name](routes)
    router.lifespan_context = _checking(router.lifespan_context)
    return router


def _crud_of(
    table: type[Table] | Crud, guard: Guard[Any] | Optional[Any] | None, options: CrudOptions
) -> Crud:
    if isinstance(table, Crud):
        if guard is not None or options:
            raise ConfigurationError("A Crud has its guard and options already; give them to it.")
        return table
    if guard is None:
        raise TypeError("crud_router() needs a guard, such as SessionAuth().")
    return Crud(table, guard, **options)


def _operations(crud: Crud, given: Sequence[str] | None) -> set[str]:
    writes = {name for name in ("create", "update") if crud.inputs[name].fields}
    if given is None:
        return {"list", "read", *writes} | ({"delete"} if len(writes) > 1 else set())
    wanted = set(given)
    needs = {"create": "create", "update": "update", "replace": "create"}
    for name, columns in needs.items():
        if name in wanted and columns not in writes:
            raise ConfigurationError(f"The operation {name} needs {columns}= or write=.")
    if "replace" in wanted:
        check_replace(crud)
    if wanted == {"bulk"} or ("bulk" in wanted and not wanted & {"create", "update", "delete"}):
        raise ConfigurationError("The operation bulk needs create, update or delete.")
    return wanted


def _checking(lifespan: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Refuse to start an application that has two routers of one name."""

    @asynccontextmanager
    async def checked(app: Any) -> AsyncIterator[Any]:
        _refuse_twice(app)
        async with lifespan(app) as state:
            yield state

    return checked


def _refuse_twice(app: Any) -> None:
    seen: set[str] = set()
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, CrudRoute) and route.include_in_schema:
            if route.operation in seen:
                raise ConfigurationError(
                    f"Two routers have the operation {route.operation}; give one of them name=."
                )
            seen.add(route.operation)
