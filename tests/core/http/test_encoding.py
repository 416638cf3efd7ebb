"""An endpoint that returns a row of a user gives no secret column away."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, Response

from piccolo_api_fastapi import Identity, SessionAuth, User, Users, install
from tests.conftest import PASSWORD, new_client
from tests.models import Customer

SECRETS = ("password", "pbkdf2", "$argon2", "digest", "_changed", "_exists_in_db", "for staff")


@pytest.mark.parametrize("interop", [False, True])
@pytest.mark.parametrize("table", [User, Customer])
async def test_returned_users(database: Any, table: Any, interop: Any) -> None:
    """Users, identities and rows of this library are written by their public columns."""
    users = Users(table, interop=interop)
    await users.create("ada", PASSWORD, email="ada@example.com")
    session = SessionAuth(users)
    app = FastAPI()
    install(app)

    @app.post("/enter")
    async def enter(request: Request, response: Response) -> None:
        found = await users.find("ada")
        await session.sign_in(request, response, found)

    @app.get("/user")
    async def user(user: Annotated[Any, Depends(session)]):  # type: ignore[no-untyped-def] # noqa: ANN202
        return user

    @app.get("/nested")
    async def nested(user: Annotated[Any, Depends(session)]):  # type: ignore[no-untyped-def] # noqa: ANN202
        return {"users": [user]}

    @app.get("/identity")
    async def identity(caller: Annotated[Identity[Any], Depends(session.identity)]):  # type: ignore[no-untyped-def] # noqa: ANN202
        return caller

    @app.get("/rows")
    async def rows(user: Annotated[Any, Depends(session)]):  # type: ignore[no-untyped-def] # noqa: ANN202
        return await session.table.objects()

    async with new_client(app) as client:
        await client.post("/enter")
        for path in ("/user", "/nested", "/identity", "/rows"):
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            assert not [secret for secret in SECRETS if secret in answer.text], answer.text
        assert (await client.get("/user")).json()["username"] == "ada"
        assert (await client.get("/identity")).json()["user"]["email"] == "ada@example.com"
