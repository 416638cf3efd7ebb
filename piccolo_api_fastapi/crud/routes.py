"""The routes of one row and of lists."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Body, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.access.in_use import ROWS_OF
from piccolo_api_fastapi.core.http.parsing import no_body
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.public_routes import marked
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import (
    AuthError,
    Conflict,
    InUse,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Unprocessable,
    ValueTaken,
)
from piccolo_api_fastapi.rate_limiting import RateLimit

from . import openapi
from .crud import Crud
from .names import plural, snake
from .permissions import Guards
from .responses import Responses


class Routes:
    """
    What the routes of a table have in common.

    Args:
        router: The router.
        crud: The table.
        guards: The guards of the operations.
        limit: A limit of all routes.
        require_match: Whether changes must name the version that they change.
    """

    def __init__(
        self,
        router: AuthRouter,
        crud: Crud,
        guards: Guards,
        limit: RateLimit | None,
        *,
        require_match: bool,
    ) -> None:
        self.crud = crud
        self.bodies = openapi.bodies_of(crud)
        self.responses = Responses(crud, require_match=require_match)
        self.require_match = require_match
        self.guards = guards
        self.one = snake(crud.name)
        self.many = plural(self.one)
        self._router = router
        self._limits = [] if limit is None else [Depends(limit)]

    def key(self) -> Any:
        """Return the parameter of a primary key in a path."""
        schema: Any = self.responses.key_kind.schema
        return Path(alias="id", json_schema_extra=schema, description="The primary key.")

    def add(  # noqa: PLR0913 - what a route is
        self,
        path: str,
        endpoint: Callable[..., Any],
        method: str,
        name: str,
        *,
        needs: Sequence[str],
        body: Any = None,
        parameters: Sequence[Mapping[str, Any]] = (),
        errors: Sequence[type[AuthError]] = (),
        documented: Mapping[int | str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        """
        Add a route, and with `GET` also that for `HEAD`.

        Args:
            path: The path.
            endpoint: The endpoint.
            method: The method.
            name: The name of the operation.
            needs: The operations whose permissions it needs.
            body: The model of its body.
            parameters: Parameters for OpenAPI that FastAPI does not read.
            errors: The errors of the endpoint.
            documented: Further documentation of responses.
            options: Further arguments of the route.
        """
        marked(ROWS_OF, self.crud.table)(endpoint)
        if body is not None:
            endpoint.__annotations__["body"] = Annotated[body, Body()]
        options["responses"] = {**shared_responses(*errors), **(documented or {})}
        options["openapi_extra"] = {"parameters": list(parameters)} if parameters else None
        options["dependencies"] = [*self._limits, *self.guards.beside(*needs)]
        self._router.add_api_route(path, endpoint, methods=[method], operation_id=name, **options)
        if method == "GET":
            options["include_in_schema"] = False
            head = f"head_{name}"
            self._router.add_api_route(
                path, endpoint, methods=["HEAD"], operation_id=head, **options
            )


def _add_list(routes: Routes) -> None:
    crud = routes.crud
    following = "offset" if "offset" in crud.grammars.list.parameters else "cursor"

    async def list_rows(
        request: Request, caller: Annotated[Any, routes.guards.caller("list")]
    ) -> Response:
        """List the rows that you may see, page by page."""
        page = await crud.list(caller, request.scope["query_string"])
        return routes.responses.page(request, page, following)

    routes.add(
        "",
        list_rows,
        "GET",
        f"list_{routes.many}",
        needs=["list"],
        summary=f"List {routes.many}",
        response_model=routes.bodies.page,
        parameters=openapi.query_of(crud.grammars.list),
        errors=[Unprocessable],
        documented={200: {"headers": {"Link": _LINK}}},
    )


_LINK = {"schema": {"type": "string"}, "description": "The next page, if there is one."}


def _add_options(routes: Routes) -> None:
    crud = routes.crud

    async def list_options(
        request: Request, caller: Annotated[Any, routes.guards.caller("options")]
    ) -> Response:
        """List rows by key and label, to choose from."""
        page = await crud.options(caller, request.scope["query_string"])
        return routes.responses.options(request, page)

    routes.add(
        "/_options",
        list_options,
        "GET",
        f"list_{routes.one}_options",
        needs=["options"],
        summary=f"List {routes.many} to choose from",
        response_model=routes.bodies.options,
        parameters=openapi.query_of(crud.labels.grammar),
        errors=[Unprocessable],
        documented={200: {"headers": {"Link": _LINK}}},
    )


def _add_read(routes: Routes) -> None:
    crud = routes.crud

    async def get_row(
        request: Request,
        caller: Annotated[Any, routes.guards.caller("read")],
        key: Annotated[str, routes.key()],
    ) -> Response:
        """Get one row. Without parameters, the response has an entity tag."""
        query = request.scope["query_string"]
        row = await crud.get(caller, routes.responses.key(key), query)
        return routes.responses.found(request, row)

    routes.add(
        "/{id}",
        get_row,
        "GET",
        f"get_{routes.one}",
        needs=["read"],
        summary=f"Get one of the {routes.many}",
        response_model=routes.bodies.row,
        parameters=[*openapi.query_of(crud.grammars.read), openapi.IF_NONE_MATCH],
        errors=[NotFound],
        documented={
            **openapi.with_etag(200, "The row."),
            304: {"description": "The client has it."},
        },
    )


def _add_create(routes: Routes) -> None:
    crud = routes.crud

    async def create_row(
        request: Request, caller: Annotated[Any, routes.guards.caller("create")], body: Any
    ) -> Response:
        """Create a row. It is yours."""
        return routes.responses.created(request, await crud.create(caller, body))

    routes.add(
        "",
        create_row,
        "POST",
        f"create_{routes.one}",
        needs=["create"],
        summary=f"Create one of the {routes.many}",
        body=crud.inputs["create"].model,
        status_code=201,
        response_model=crud.output.model,
        errors=[ValueTaken, Conflict],
        documented=openapi.with_etag(201, "The row.", Location="The path of the row."),
    )


def _add_change(routes: Routes, method: str, operation: str, summary: str, doc: str) -> None:
    crud = routes.crud
    change = crud.update if operation == "update" else crud.replace

    async def change_row(
        request: Request,
        caller: Annotated[Any, routes.guards.caller(operation)],
        key: Annotated[str, routes.key()],
        body: Any,
    ) -> Response:
        if_match = routes.responses.if_match(request)
        row = await change(caller, routes.responses.key(key), body, if_match=if_match)
        return routes.responses.row(row)

    needed = [PreconditionRequired] if routes.require_match else []
    routes.add(
        "/{id}",
        change_row,
        method,
        f"{operation}_{routes.one}",
        needs=[operation],
        summary=summary,
        description=doc,
        body=crud.inputs["update" if operation == "update" else "create"].model,
        response_model=crud.output.model,
        parameters=[openapi.if_match(is_required=routes.require_match)],
        errors=[NotFound, ValueTaken, Conflict, PreconditionFailed, *needed],
        documented=openapi.with_etag(200, "The row."),
    )


def _add_update(routes: Routes) -> None:
    doc = "Change what is sent of a row (RFC 7396): what is missing keeps its value."
    _add_change(routes, "PATCH", "update", f"Change one of the {routes.many}", doc)


def _add_replace(routes: Routes) -> None:
    doc = "Change all of a row: what is missing gets its default."
    _add_change(routes, "PUT", "replace", f"Replace one of the {routes.many}", doc)


def _add_delete(routes: Routes) -> None:
    crud = routes.crud

    async def delete_row(
        request: Request,
        caller: Annotated[Any, routes.guards.caller("delete")],
        key: Annotated[str, routes.key()],
        _: Annotated[None, Depends(no_body)],
    ) -> None:
        """Delete a row."""
        if_match = routes.responses.if_match(request)
        await crud.delete(caller, routes.responses.key(key), if_match=if_match)

    needed = [PreconditionRequired] if routes.require_match else []
    routes.add(
        "/{id}",
        delete_row,
        "DELETE",
        f"delete_{routes.one}",
        needs=["delete"],
        summary=f"Delete one of the {routes.many}",
        status_code=204,
        parameters=[openapi.if_match(is_required=routes.require_match)],
        errors=[NotFound, InUse, PreconditionFailed, *needed],
    )


ADD: dict[str, Callable[[Routes], None]] = {
    "list": _add_list,
    "options": _add_options,
    "read": _add_read,
    "create": _add_create,
    "update": _add_update,
    "replace": _add_replace,
    "delete": _add_delete,
}
"""Adds the route of each operation."""
