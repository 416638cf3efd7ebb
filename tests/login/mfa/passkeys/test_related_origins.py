"""A passkey on another domain that the configuration names."""

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import JWTAuth, Login, Passkeys, SessionAuth, User, Users
from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.conftest import log_in, new_client

from .conftest import ORIGIN, SITE, add, application, enter

RELATED = "https://testserver.example.co.uk"


@pytest.fixture
def app(users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], ada: User) -> FastAPI:
    """An application on two domains."""
    passkeys = Passkeys(users, **SITE, related_origins=[RELATED])
    return application.__wrapped__(session, jwt, Login(users, factors=[passkeys]))


@pytest.mark.security(121)
@pytest.mark.security(124)
async def test_related_origins(app: FastAPI) -> None:
    """One passkey works on both, and on no third one; the domain of the passkey stays."""
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(app) as client:
        await log_in(client)
        assert (await add(client, key, origin=RELATED)).status_code == 201
        for origin in (RELATED, ORIGIN):
            assert (await enter(client, key, origin=origin)).status_code == 200
        for origin in (f"{RELATED}:8443", "https://example.co.uk", "https://a.testserver.example"):
            assert (await enter(client, key, origin=origin)).status_code == 401
        answer = await enter(client, key, origin=RELATED, rp_id="testserver.example.co.uk")
        assert answer.status_code == 401
