"""An application guarded as a whole lets strangers to what is public, and nowhere else."""

from typing import Any

import pytest

from examples.protected_app.app import app, current_user
from tests.conftest import PASSWORD, log_in, new_client, reaches_no_sql

PUBLIC = {"/", "/health"}


@pytest.fixture
async def ada(database: Any) -> None:
    """An ordinary user."""
    await current_user.users.create("ada", PASSWORD)


@reaches_no_sql
@pytest.mark.parametrize("path", sorted(PUBLIC))
async def test_public(database: Any, path: str) -> None:
    """What is public asks nobody, whatever cookie or header is sent."""
    async with new_client(app) as client:
        for headers in ({}, {"Cookie": "__Host-session=nonsense"}, {"Authorization": "Bearer x"}):
            assert (await client.get(path, headers=headers)).status_code == 200


async def test_the_rest(ada: None) -> None:
    """Every other route of the application refuses strangers and serves the user."""
    paths = {path for path in app.openapi()["paths"] if not path.startswith("/auth/")}
    assert {"/me", "/reports"} == paths - PUBLIC
    async with new_client(app) as client:
        for path in paths - PUBLIC:
            assert (await client.get(path)).status_code == 401
        assert (await log_in(client)).status_code == 200
        for path in paths - PUBLIC:
            assert (await client.get(path)).status_code == 200


async def test_auth_routes(ada: None) -> None:
    """The routes of the library are public where they have to be, and ask where they have to."""
    async with new_client(app) as client:
        assert (await log_in(client, password="wrong")).status_code == 401
        assert (await client.get("/auth/sessions")).status_code == 401
        assert (await client.post("/auth/logout")).status_code == 204
        assert (await log_in(client)).status_code == 200
        assert len((await client.get("/auth/sessions")).json()) == 1
