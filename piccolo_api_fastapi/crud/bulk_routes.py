"""The routes that write several rows, all or none."""

from collections.abc import Collection
from typing import Annotated, Any

from starlette.responses import Response

from piccolo_api_fastapi.errors import Conflict, InUse, NotFound, ValueTaken

from .openapi import ID
from .routes import Routes


def add_bulk(routes: Routes, operations: Collection[str]) -> None:
    """
    Add the bulk routes of the operations that are wanted.

    Args:
        routes: What the routes have in common.
        operations: The names of the operations.
    """
    for name, add in (("create", _create), ("update", _update), ("delete", _delete)):
        if name in operations:
            add(routes)


def _create(routes: Routes) -> None:
    crud = routes.crud

    async def create_rows(
        caller: Annotated[Any, routes.guards.caller("create")],
        body: Any,
    ) -> Response:
        """Create several rows, all or none."""
        return routes.responses.rows(await crud.create_many(caller, body.items), 201)

    routes.add(
        "/_bulk",
        create_rows,
        "POST",
        f"create_{routes.many}",
        needs=["create", "bulk"],
        summary=f"Create several {routes.many}",
        body=routes.bodies.create_many,
        status_code=201,
        response_model=routes.bodies.many,
        errors=[ValueTaken, Conflict],
    )


def _update(routes: Routes) -> None:
    crud = routes.crud

    async def update_rows(
        caller: Annotated[Any, routes.guards.caller("update")],
        body: Any,
    ) -> Response:
        """Change several rows, all or none."""
        items = [(getattr(item, ID), item) for item in body.items]
        return routes.responses.rows(await crud.update_many(caller, items), 200)

    routes.add(
        "/_bulk",
        update_rows,
        "PATCH",
        f"update_{routes.many}",
        needs=["update", "bulk"],
        summary=f"Change several {routes.many}",
        body=routes.bodies.update_many,
        response_model=routes.bodies.many,
        errors=[NotFound, ValueTaken, Conflict],
    )


def _delete(routes: Routes) -> None:
    crud = routes.crud

    async def delete_rows(
        caller: Annotated[Any, routes.guards.caller("delete")],
        body: Any,
    ) -> Response:
        """Delete several rows, all or none."""
        await crud.delete_many(caller, body.ids)
        return routes.responses.keys(body.ids)

    routes.add(
        "/_bulk/delete",
        delete_rows,
        "POST",
        f"delete_{routes.many}",
        needs=["delete", "bulk"],
        summary=f"Delete several {routes.many}",
        body=routes.bodies.delete_many,
        response_model=routes.bodies.delete_many,
        errors=[NotFound, InUse],
    )
