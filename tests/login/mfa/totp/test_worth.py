"""What a factor is worth: the first of a login, the second, both, or nothing."""

from datetime import timedelta
from typing import Annotated, Any

import httpx
import jwt as pyjwt
import pytest
from fastapi import Depends, FastAPI, Request, Response
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    JWTAuth,
    Login,
    Proof,
    SecondFactor,
    SessionAuth,
    User,
    Users,
)
from piccolo_api_fastapi.access.step_up import declare_factor
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import bearer, reaches_no_sql

COUNTS = ["password", "badge", "pager", "pin_key"]
WORTH = {
    "password": ("single_factor", ["pwd"]),
    "badge": ("single_factor", ["sc"]),
    "pager": ("mfa", ["otp", "mfa"]),
    "pin_key": ("mfa", ["hwk", "mfa"]),
    "mail_link": ("single_factor", []),
    "TOTP": ("single_factor", []),
    "totp ": ("single_factor", []),
    "mfa": ("single_factor", []),
    "": ("single_factor", []),
}


@pytest.fixture
def declared(undeclared: None) -> None:
    """A factor of each kind."""
    declare_factor("badge", amr=["sc"], worth="first")
    declare_factor("pager", amr=["otp"], worth="second")
    declare_factor("pin_key", amr=["hwk"], worth="both")


@pytest.fixture
def door(
    app: FastAPI, session: SessionAuth[User], jwt: JWTAuth[User], users: Users[User]
) -> FastAPI:
    """The application, which lets in whom it has seen present a factor, and records others."""

    @app.post("/door/{name}")
    async def enter(name: str, request: Request, response: Response) -> str:
        ada = await users.find("ada")
        assert ada is not None
        proof = Proof(ada, factors={name.strip("_"): users.clock()})
        await session.sign_in(request, response, proof)
        return (await jwt.issue(proof, request)).access_token

    guard = AnyOf(session, jwt)

    @app.post("/again/{name}")
    async def again(
        name: str,
        identity: Annotated[Any, Depends(guard.identity)],
        request: Request,
        response: Response,
    ) -> float:
        await guard.step_up(identity, name.strip("_"), request, response)
        return float(identity.authenticated_at.timestamp())

    return app


async def opens(client: httpx.AsyncClient, path: str, headers: Any) -> bool:
    """Whether a route lets somebody in; the answer to others asks for step-up."""
    answer = await client.get(path, headers=headers)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


@pytest.mark.security(83)
@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize("name", WORTH)
async def test_presented_at_login(
    client: httpx.AsyncClient, door: FastAPI, ada: User, name: str
) -> None:
    """`acr`, `amr`, `mfa=True` and `within=` count a factor for what it is declared to be."""
    token = (await client.post(f"/door/{name or '_'}")).json()
    level, methods = WORTH[name]
    claims = pyjwt.decode(token, options={"verify_signature": False})
    assert (claims["acr"], claims.get("amr", [])) == (level, methods)
    for headers in (None, bearer(token)):
        assert await opens(client, "/me", headers)
        assert await opens(client, "/mfa", headers) is (level == "mfa")
        assert await opens(client, "/recent", headers) is (name in COUNTS)
        client.cookies.clear()


@pytest.mark.security(82)
@pytest.mark.security(83)
@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize("name", WORTH)
async def test_presented_again(
    client: httpx.AsyncClient, door: FastAPI, ada: User, clock: FrozenClock, name: str
) -> None:
    """What is recorded later counts alike, and moves the time of authentication if it counts."""
    token = (await client.post("/door/password")).json()
    began = clock.now
    clock.advance(timedelta(minutes=10))
    for headers in (None, bearer(token)):
        await client.post(f"/again/{name or '_'}", headers=headers)
        answer = await client.post(f"/again/{name or '_'}", headers=headers)
        assert answer.status_code == 200
        assert answer.json() == (clock.now if name in COUNTS else began).timestamp()
        assert await opens(client, "/mfa", headers) is (WORTH[name][0] == "mfa")
        assert await opens(client, "/recent", headers) is (name in COUNTS)
        client.cookies.clear()


class FirstOnly(SecondFactor):
    """What its class calls a second factor, and its declaration a first one."""

    def __init__(self, users: Users[Any]) -> None:
        self.users = users

    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has it."""
        raise NotImplementedError

    def accepts(self, code: str) -> bool:
        """Whether this is a code."""
        raise NotImplementedError

    async def verify(self, user: BaseUser, code: str) -> None:
        """Check a code."""
        raise NotImplementedError


@reaches_no_sql
@pytest.mark.parametrize("name", ["badge", "mail_link", "password", "unheard_of"])
@pytest.mark.usefixtures("declared")
def test_not_worth_a_second(users: Users[User], name: str) -> None:
    """A login takes no first factor for a second one, nor what nobody declared."""
    factor = FirstOnly(users)
    factor.name = name  # type: ignore[misc]
    with pytest.raises(ConfigurationError, match="must have worth='second'"):
        Login(users, factors=[factor])
