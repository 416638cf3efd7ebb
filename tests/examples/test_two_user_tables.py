"""Customers and staff: two user tables in one application, neither of which opens the other."""

import warnings
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from piccolo.table import create_db_tables, drop_db_tables

from examples.two_user_tables.app import app, customer_jwt, customers, lifespan, staff, staff_jwt
from examples.two_user_tables.tables import tables
from piccolo_api_fastapi.errors import InvalidToken
from tests.conftest import PASSWORD, bearer, new_client, reaches_no_sql

STAFF_PASSWORD = "another horse battery"


@pytest.fixture
async def people(database: Any) -> AsyncIterator[None]:
    """A customer and a member of staff with one name, in tables of the example."""
    await create_db_tables(*tables)
    async with lifespan(app):
        await customers.create("ada", PASSWORD)
        await staff.create("ada", STAFF_PASSWORD)
        yield
    await drop_db_tables(*tables)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A browser that visits both parts."""
    async with new_client(app) as client:
        yield client


async def enter(client: httpx.AsyncClient, prefix: str, password: str) -> int:
    """Log in at one part. Returns the status."""
    body = {"username": "ada", "password": password}
    return (await client.post(f"{prefix}/login", json=body)).status_code


async def test_by_cookie(client: httpx.AsyncClient, people: None) -> None:
    """One browser is signed in to both parts at once, and out of one at a time."""
    assert await enter(client, "/staff/auth", PASSWORD) == 401
    assert await enter(client, "/auth", PASSWORD) == 200
    assert (await client.post("/orders")).json() == {"customer": "ada"}
    assert (await client.get("/staff/payroll")).status_code == 401
    assert await enter(client, "/staff/auth", STAFF_PASSWORD) == 200
    assert (await client.get("/staff/payroll")).status_code == 200
    assert set(client.cookies) == {
        "__Host-customer-session",
        "__Host-staff-session",
        "__Host-known-device-store_customer",
        "__Host-known-device-store_staff",
    }
    assert (await client.post("/staff/auth/logout")).status_code == 204
    assert (await client.get("/staff/payroll")).status_code == 401
    assert (await client.post("/orders")).status_code == 200


@pytest.mark.security(41)
async def test_by_jwt(client: httpx.AsyncClient, people: None) -> None:
    """A token of one part is refused by the other, though one secret signs both."""
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    token = (await client.post("/auth/token", data=form)).json()["access_token"]
    assert (await client.post("/orders", headers=bearer(token))).status_code == 200
    assert (await client.get("/staff/payroll", headers=bearer(token))).status_code == 401
    assert customer_jwt.decode(token).subject
    with pytest.raises(InvalidToken):
        staff_jwt.decode(token)


async def test_one_name_of_two_people(client: httpx.AsyncClient, people: None) -> None:
    """A customer who changes the password changes nothing for staff."""
    await enter(client, "/auth", PASSWORD)
    body = {"current_password": PASSWORD, "new_password": "a third horse battery"}
    assert (await client.post("/auth/change-password", json=body)).status_code == 204
    assert await enter(client, "/staff/auth", STAFF_PASSWORD) == 200
    assert await enter(client, "/auth", PASSWORD) == 401


async def test_guesses(client: httpx.AsyncClient, people: None) -> None:
    """Guesses at a customer keep nobody of staff out who has the same name."""
    statuses = [await enter(client, "/auth", "wrong") for _ in range(6)]
    assert statuses[-1] == 429
    assert await enter(client, "/staff/auth", STAFF_PASSWORD) == 200


@reaches_no_sql
def test_openapi(database: Any) -> None:
    """The document is valid, tells the schemes apart, and FastAPI has nothing to warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        document = app.openapi()
    OpenAPIV31SpecValidator(document).validate()
    ids = [entry["operationId"] for item in document["paths"].values() for entry in item.values()]
    assert len(ids) == len(set(ids))
    schemes = document["components"]["securitySchemes"]
    urls = {name: schemes[name]["flows"]["password"]["tokenUrl"] for name in list(schemes)[:2]}
    assert urls == {"CustomerJWT": "auth/token", "StaffJWT": "staff/auth/token"}
    payroll = document["paths"]["/staff/payroll"]["get"]
    assert payroll["security"] == [{"StaffSession": []}, {"StaffJWT": []}]
