"""Guards of applications and routers, and permissions: all of them add up."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute

from piccolo_api_fastapi import (
    ConfigurationError,
    Crud,
    Identity,
    SessionAuth,
    User,
    crud_router,
    optional,
    require,
)
from tests.conftest import new_client
from tests.crud.conftest import make_app, signed_in
from tests.crud.tables import Director

ALL: Any = ["list", "read", "create", "update", "replace", "delete", "bulk", "options"]

Add = Callable[[Any, APIRouter, Dependency], Any]


def _including(app: FastAPI, router: APIRouter, needed: Dependency) -> None:
    app.include_router(router, prefix="/directors", dependencies=[needed])


def _nested(app: FastAPI, router: APIRouter, needed: Dependency) -> None:
    outer = APIRouter(dependencies=[needed])
    outer.include_router(router, prefix="/directors")
    app.include_router(outer)


def _everywhere(app: FastAPI, router: APIRouter, needed: Dependency) -> None:
    app.router.dependencies.append(needed)
    app.include_router(router, prefix="/directors")


async def _refused(app: FastAPI, directors: APIRouter, name: str | None) -> set[int]:
    """The statuses of all operations of directors."""
    found = set()
    async with signed_in(app, name) if name else new_client(app) as client:
        for route in directors.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods or ():
                body: Any = None if method in {"GET", "DELETE"} else {}
                path = f"/directors{route.path}".replace("{id}", "1")
                answer = await client.request(method, path, json=body)
                found.add(answer.status_code)
    return found


@pytest.mark.security(101)
@pytest.mark.parametrize("add", [_including, _nested, _everywhere])
@pytest.mark.parametrize("form", ["guard", "scopes"])
async def test_guards_around_a_router(
    session: SessionAuth[User], people: dict[str, User], add: Add, form: str
) -> None:
    """A guard of the application, of a router or of its inclusion covers each operation."""
    needed = {
        "guard": Depends(require(session, admin=True)),
        "scopes": Security(session, scopes=["admin"]),
    }
    app = make_app(session)
    guard = optional(session)
    directors = crud_router(Director, guard, write=[Director.name], operations=ALL)
    add(app, directors, needed[form])
    assert await _refused(app, directors, None) == {401}
    assert await _refused(app, directors, "ada") == {403}
    assert not {401, 403} & await _refused(app, directors, "grace")


@pytest.mark.security(101)
async def test_dependencies_around_a_router(
    session: SessionAuth[User], people: dict[str, User]
) -> None:
    """A dependency of the application that asks for the user gets them."""
    seen = []

    async def note(
        user: Annotated[User, Depends(session)],
        caller: Annotated[Identity[User], Depends(session.identity)],
    ) -> None:
        seen.append((user.username, caller.user.username))

    app = make_app(session)
    router = crud_router(Director, session, write=[Director.name])
    app.include_router(router, prefix="/directors", dependencies=[Depends(note)])
    async with signed_in(app, "ada") as client:
        assert (await client.get("/directors")).status_code == 200
    assert seen == [("ada", "ada")]


@pytest.mark.security(101)
@pytest.mark.parametrize("operation", ["list", "create", "update", "delete", "bulk"])
async def test_a_permission_stands_beside_the_guard(
    session: SessionAuth[User], people: dict[str, User], operation: str
) -> None:
    """Who passes the guard of an operation, and not that of all, is refused."""
    staff = require(session, admin=True)
    router = crud_router(
        Director,
        staff,
        write=[Director.name],
        operations=ALL,
        permissions={operation: require(session, check=lambda user: user.username == "ada")},
    )
    app = make_app(session, directors=router)
    assert await _refused(app, router, "ada") == {403}
    assert 403 in await _refused(app, router, "grace")


async def test_an_optional_permission(session: SessionAuth[User]) -> None:
    """A guard that refuses nobody is no permission."""
    given: Any = {"create": optional(session)}
    directors = Crud(Director, session, write=[Director.name])
    with pytest.raises(
        ConfigurationError, match="str or Guard or None, not a dict of str to Optional"
    ):
        crud_router(directors, permissions=given)
