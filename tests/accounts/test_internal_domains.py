"""Addresses whose domain is not on the internet."""

from typing import Any

import pytest
from fastapi import FastAPI
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import (
    Accounts,
    ConfigurationError,
    SessionAuth,
    User,
    Users,
    accounts_router,
    session_router,
)
from piccolo_api_fastapi.errors import Unprocessable
from piccolo_api_fastapi.mail import ResetPassword, VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, new_client

from .conftest import BASE_URL

DOMAINS = ["works.local", "intranet", "localhost", "site.home.arpa", "shop.test"]


def application(users: Users[User], outbox: Outbox) -> FastAPI:
    """An application with accounts of these users."""
    session = SessionAuth(users)
    accounts = Accounts(users, mail=outbox, base_url=BASE_URL, schemes=[session])
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(accounts_router(accounts), prefix="/auth")
    return app


async def test_named(database: Any, clock: FrozenClock, outbox: Outbox, unlimited: None) -> None:
    """Users register, verify and reset with addresses of the domains that are named."""
    users = Users(clock=clock, internal_domains=["LOCAL", "intranet", "home.arpa"])
    async with new_client(application(users, outbox)) as client:
        for domain in DOMAINS:
            body = {"email": f"bob@{domain}", "password": PASSWORD}
            status = 202 if domain in ("works.local", "intranet", "site.home.arpa") else 422
            assert (await client.post("/auth/register", json=body)).status_code == status, domain
        outbox.messages.clear()
        body = {"email": "Ada@Works.LOCAL", "password": PASSWORD}
        await client.post("/auth/register", json=body)
        token = outbox.token(VerifyEmail)
        answer = await client.post("/auth/verify-email", json={"token": token})
        assert answer.status_code == 200
        credentials = {"username": "ada@works.local", "password": PASSWORD}
        assert (await client.post("/auth/login", json=credentials)).status_code == 200
        change = {"email": "ada@shop.test"}
        assert (await client.post("/auth/change-email", json=change)).status_code == 422


@pytest.mark.slow
async def test_older_rows(database: Any, clock: FrozenClock, outbox: Outbox) -> None:
    """A user who has such an address signs in by it and resets the password, named or not."""
    users = Users(clock=clock)
    for name, domain in enumerate(DOMAINS):
        values = {"username": f"ada{name}", "email": f"ada@{domain}", "password": PASSWORD}
        await BaseUser(**values, active=True).save()  # type: ignore[no-untyped-call]
    async with new_client(application(users, outbox)) as client:
        for domain in DOMAINS:
            credentials = {"username": f"ada@{domain}", "password": PASSWORD}
            assert (await client.post("/auth/login", json=credentials)).status_code == 200
            answer = await client.post("/auth/forgot-password", json={"email": f"ada@{domain}"})
            assert answer.status_code == 202
            assert outbox.last(ResetPassword).to == f"ada@{domain}"


async def test_placeholder(users: Users[User], ada: User) -> None:
    """The address that stands for a missing one is no address, and neither is another text."""
    bob = await users.create("bob", PASSWORD)
    for email in (bob.email, "ada@", "ada", "@works.local", "ada@works..local"):
        with pytest.raises(Unprocessable):
            Users(internal_domains=["local", "invalid"]).new_email(email)
    with pytest.raises(ConfigurationError, match="internal_domains"):
        Users(internal_domains="local")
