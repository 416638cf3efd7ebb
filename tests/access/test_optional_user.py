"""`optional`: somebody or nobody."""

from typing import Annotated

import httpx
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import Identity, JWTAuth, SessionAuth, User, optional, require
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import log_in, new_client
from tests.guarded import served


async def test_optional(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Nobody is `None`, a dead session too; somebody is the user (D-S6)."""
    assert (await client.get("/optional")).json() == {"username": None}
    await log_in(client)
    assert (await client.get("/optional")).json() == {"username": "ada"}
    await User.update({User.active: False}).where(User.id == ada.id)
    assert (await client.get("/optional")).json() == {"username": None}
    imitated = {"Cookie": "__Host-session=a; __host-session=b"}
    assert (await client.get("/optional", headers=imitated)).status_code == 401


async def test_optional_identity(session: SessionAuth[User], jwt: JWTAuth[User], ada: User) -> None:
    """The identity or `None`; scopes are checked of those who are somebody."""
    maybe = optional(require(session, scopes=["a"]))

    def add(app: FastAPI) -> None:
        @app.get("/identity")
        async def route(
            identity: Annotated[Identity[User] | None, Depends(optional(session).identity)],
        ) -> str | None:
            return identity.scheme if identity else None

        @app.get("/scoped")
        async def scoped(user: Annotated[User | None, Depends(maybe)]) -> None:
            return None

    async with new_client(served(session, jwt, add)) as client:
        assert (await client.get("/identity")).json() is None
        assert (await client.get("/scoped")).status_code == 200
        await log_in(client)
        assert (await client.get("/identity")).json() == "Session"
        assert (await client.get("/scoped")).status_code == 403
