"""Second factors that users have to enrol before anything else."""

from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    TOTP,
    ClientInfo,
    Login,
    SessionAuth,
    User,
    Users,
    optional,
)
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, bearer, log_in, new_client

from .conftest import Phone, challenge, confirm, second_step

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("requirement", "who"),
    [
        (True, {"ada", "grace"}),
        (lambda user: user.admin, {"grace"}),
        (False, set()),
    ],
)
async def test_who_is_required(
    users: Users[User], totp: TOTP, ada: User, grace: User, requirement: Any, who: set[str]
) -> None:
    """Everybody, some or nobody; sync or async."""

    async def later(user: User) -> bool:
        return bool(requirement(user))

    for asked in (requirement, later if callable(requirement) else requirement):
        login = Login(users, factors=[totp], mfa_required=asked)
        found = set()
        for name in ("ada", "grace"):
            proof: Any = await login.start(name, PASSWORD, ClientInfo())
            if proof.is_enrolling:
                found.add(name)
        assert found == who


@pytest.fixture
def login(users: Users[User], totp: TOTP, request: pytest.FixtureRequest) -> Login[User]:
    """As elsewhere, or one that requires a second factor, for tests marked so."""
    return Login(users, factors=[totp], mfa_required="required" in request.fixturenames)


@pytest.fixture
def required() -> None:
    """Asked for by tests in which a second factor is required of everybody."""


async def test_enrolment_is_required(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock, required: None
) -> None:
    """Without a factor one is let in to enrol it, and for nothing else until then."""
    answer = await log_in(client)
    assert answer.json()["status"] == "mfa_enrolment_required"
    for method, path in [
        ("GET", "/me"),
        ("GET", "/mfa"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/mfa/totp"),
        ("POST", "/auth/mfa/recovery-codes"),
        ("GET", "/auth/api-tokens"),
        ("POST", "/auth/api-tokens"),
    ]:
        refused = await client.request(method, path, json={"name": "x"})
        assert (refused.status_code, refused.json()["code"]) == (403, "mfa_enrolment_required")
    await client.post("/auth/reauthenticate", json={"password": PASSWORD})
    assert (await client.get("/me")).status_code == 403
    assert (await client.get("/auth/mfa")).status_code == 200
    phone = Phone((await client.post("/auth/mfa/totp")).json()["otpauth_uri"], clock)
    assert (await confirm(client, phone.code())).status_code == 200
    assert (await client.get("/me")).status_code == 200
    assert (await client.get("/mfa")).status_code == 200
    clock.advance(MINUTE)
    other = new_client(app)
    assert (await second_step(other, await challenge(other), phone.code())).status_code == 200
    assert (await client.post("/auth/logout")).status_code == 204


async def test_nobody_yet(
    app: FastAPI,
    client: httpx.AsyncClient,
    session: SessionAuth[User],
    ada: User,
    required: None,
) -> None:
    """Where a user is optional, whoever has to enrol is nobody."""

    @app.get("/maybe")
    async def maybe(user: Annotated[User | None, Depends(optional(session))]) -> bool:
        return user is not None

    await log_in(client)
    assert (await client.get("/maybe")).json() is False


async def test_enrolment_is_required_of_apps(
    client: httpx.AsyncClient, grace: User, clock: FrozenClock, required: None
) -> None:
    """Tokens of somebody who has to enrol have one scope and open nothing, claims included."""
    form = {"grant_type": "password", "username": "grace", "password": PASSWORD}
    tokens = (await client.post("/auth/token", data=form)).json()
    assert (tokens["status"], tokens["scope"]) == ("mfa_enrolment_required", "account")
    access = bearer(tokens["access_token"])
    for path in ("/me", "/claims", "/auth/token/families"):
        refused = await client.get(path, headers=access)
        assert (refused.status_code, refused.json()["code"]) == (403, "mfa_enrolment_required")
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    tokens = (await client.post("/auth/token", data=refresh)).json()
    assert tokens["status"] == "mfa_enrolment_required"
    access = bearer(tokens["access_token"])
    begun = await client.post("/auth/mfa/totp", headers=access)
    code = Phone(begun.json()["otpauth_uri"], clock).code()
    body = {"code": code}
    answer = await client.post("/auth/mfa/totp/confirm", json=body, headers=access)
    assert answer.status_code == 200
    assert (await client.get("/mfa", headers=access)).status_code == 200
    assert (await client.get("/claims", headers=access)).status_code == 403
    refresh["refresh_token"] = tokens["refresh_token"]
    tokens = (await client.post("/auth/token", data=refresh)).json()
    assert (tokens["status"], tokens["scope"]) == ("signed_in", "account admin")
    assert (await client.get("/claims", headers=bearer(tokens["access_token"]))).status_code == 200
