"""
A shop where customers and staff are two user tables, each with a login of its own.

    export PICCOLO_CONF=examples.two_user_tables.piccolo_conf JWT_SECRET=$(openssl rand -hex 32)
    uvicorn examples.two_user_tables.app:app
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, FastAPI
from piccolo.table import create_db_tables
from pydantic import BaseModel

from examples.two_user_tables.tables import Customer, Staff, tables
from piccolo_api_fastapi import (
    Accounts,
    AnyOf,
    JWTAuth,
    Login,
    SessionAuth,
    Users,
    accounts_router,
    change_password_router,
    install,
    jwt_router,
    session_router,
)

JWT_SECRET = os.environ.get("JWT_SECRET") or secrets.token_urlsafe(32)

# The name of a scheme is in its cookie, in its tokens and in OpenAPI.
customers = Users(Customer)
customer_session = SessionAuth(customers, name="customer")
customer_jwt = JWTAuth(customers, name="customer", secret=JWT_SECRET)
customer_login = Login(customers)
current_customer = AnyOf(customer_session, customer_jwt)

staff = Users(Staff)
staff_session = SessionAuth(
    staff, name="staff", idle=timedelta(hours=1), absolute=timedelta(hours=12)
)
staff_jwt = JWTAuth(staff, name="staff", secret=JWT_SECRET)
staff_login = Login(staff)
current_staff = AnyOf(staff_session, staff_jwt)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make the tables, for the demo. A project has migrations: see `examples/custom_user`."""
    await create_db_tables(*tables, if_not_exists=True)
    yield


app = FastAPI(title="A shop with staff", lifespan=lifespan)
install(app)

customer_accounts = Accounts(
    customers, schemes=[customer_session, customer_jwt], login=customer_login
)
app.include_router(session_router(customer_session, customer_login), prefix="/auth")
app.include_router(jwt_router(customer_jwt, customer_login), prefix="/auth")
app.include_router(accounts_router(customer_accounts), prefix="/auth")

# Staff do not register: of the routes for accounts, they have the one for a new password.
staff_accounts = Accounts(staff, schemes=[staff_session, staff_jwt], login=staff_login)
app.include_router(session_router(staff_session, staff_login), prefix="/staff/auth")
app.include_router(jwt_router(staff_jwt, staff_login), prefix="/staff/auth")
app.include_router(change_password_router(staff_accounts), prefix="/staff/auth")


class Order(BaseModel):
    """An order of a customer."""

    customer: str


@app.post("/orders")
async def order(customer: Annotated[Customer, Depends(current_customer)]) -> Order:
    """For customers, by session or by JWT."""
    return Order(customer=customer.username)


@app.get("/staff/payroll")
async def payroll(member: Annotated[Staff, Depends(current_staff)]) -> str:
    """For staff only. A customer with the same username is somebody else."""
    return f"The payroll, for {member.username}"
