"""`in_person`: no machine reaches the routes that manage credentials."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.openapi.models import HTTPBearer
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    Identity,
    JWTAuth,
    SessionAuth,
    User,
    Users,
    in_person,
    install,
    jwt_router,
    optional,
    require,
    session_router,
)
from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.errors import InvalidToken, Unauthenticated
from piccolo_api_fastapi.testing import acting_as
from tests.conftest import bearer, get_tokens, log_in, new_client, reaches_no_sql
from tests.documents import expanded


class Machine(Scheme[User]):
    """A scheme whose credential is the name of a user, with `machine_` before it."""

    transport = "header"
    challenge = "Bearer"
    documented_errors = (Unauthenticated, InvalidToken)
    manages_credentials = False
    scheme_name = "Machine"
    model = HTTPBearer()

    def __init__(self, users: Users[User]) -> None:
        self.users = users
        super().__init__()

    async def authenticate(self, connection: HTTPConnection) -> Identity[User] | None:
        """The user who is named."""
        token = bearer_token(connection) or ""
        if not token.startswith("machine_"):
            return None
        if (user := await self.users.find(token[8:])) is None:
            raise InvalidToken
        return Identity(user, "Machine", UUID(int=0), frozenset(), self.users.clock())


@pytest.fixture
def machine(users: Users[User]) -> Machine:
    """A scheme for machines."""
    return Machine(users)


@pytest.fixture
def guarded(session: SessionAuth[User], jwt: JWTAuth[User], machine: Machine) -> FastAPI:
    """Routes for anybody, for people, and for people by a scheme that knows no machines."""
    app = FastAPI()
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(jwt_router(jwt), prefix="/auth")
    anybody: Any = AnyOf(session, jwt, machine)
    person = in_person(anybody)
    guards = {
        "/anybody": anybody,
        "/person": person,
        "/session": in_person(session, machine),
        "/optional": optional(person),
        "/identity": person.identity,
        "/scoped": in_person(require(anybody, scopes=["a"])),
        "/narrower": require(person, scopes=["a"]),
    }
    for path, guard in guards.items():

        async def route(found: Annotated[Any, Depends(guard)]) -> str | None:
            return getattr(found, "user", found) and "in"

        app.get(path)(route)
    app.state.person, app.state.machine = person, machine
    return app


@pytest.fixture
async def caller(guarded: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with new_client(guarded) as client:
        yield client


@pytest.mark.security(62)
async def test_machines(caller: httpx.AsyncClient, ada: User) -> None:
    """A good credential of a machine is 403, whatever the guard is made of; a bad one 401."""
    good, bad = bearer("machine_ada"), bearer("machine_nobody")
    assert (await caller.get("/anybody", headers=good)).status_code == 200
    for path in ("/person", "/session", "/optional", "/identity", "/scoped", "/narrower"):
        answer = await caller.get(path, headers=good)
        assert (answer.status_code, answer.json()["code"]) == (403, "credential_not_allowed")
        assert (await caller.get(path, headers=bad)).status_code == 401
        # A cookie beside it rescues nothing.
        await log_in(caller)
        assert (await caller.get(path, headers=good)).status_code == 403
        caller.cookies.clear()


async def test_people(
    caller: httpx.AsyncClient, ada: User, users: Users[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """People pass, by cookie and by JWT; scopes count as ever; nobody is a 401."""
    monkeypatch.setattr(users, "_scopes_of", lambda _: ["a"])
    paths = ("/anybody", "/person", "/optional", "/identity", "/scoped", "/narrower")
    headers = bearer((await get_tokens(caller))["access_token"])
    for path in paths:
        expected = 200 if path == "/optional" else 401
        assert (await caller.get(path)).status_code == expected
        assert (await caller.get(path, headers=headers)).json() == "in"
    await log_in(caller)
    for path in (*paths, "/session"):
        assert (await caller.get(path)).json() == "in"
    monkeypatch.undo()
    assert (await caller.get("/scoped")).json()["code"] == "insufficient_scope"
    assert (await caller.get("/narrower")).json()["code"] == "insufficient_scope"


@reaches_no_sql
async def test_acting_as(guarded: FastAPI, caller: httpx.AsyncClient, ada: User) -> None:
    """Who a test acts as is a person, unless it acts as a machine."""
    with acting_as(guarded.state.person._guard, ada):
        assert (await caller.get("/person")).json() == "in"
    with acting_as(guarded.state.machine, ada):
        assert (await caller.get("/person")).status_code == 403


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_openapi(guarded: FastAPI) -> None:
    """Only the schemes of people are listed, and the 403 is documented."""
    entry = expanded(guarded.openapi())["paths"]["/person"]["get"]
    assert entry["security"] == [{"Session": ["account"]}, {"JWT": ["account"]}]
    examples = entry["responses"]["403"]["content"]["application/problem+json"]["examples"]
    assert "credential_not_allowed" in examples


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nobody_left(machine: Machine) -> None:
    """A guard that only machines pass can't be for people."""
    for guard in (machine, AnyOf(machine)):
        with pytest.raises(ConfigurationError):
            in_person(guard)
