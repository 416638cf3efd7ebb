"""
A shop whose customers log in, by cookie or by JWT.

    export PICCOLO_CONF=examples.custom_user.piccolo_conf JWT_SECRET=$(openssl rand -hex 32)
    piccolo migrations forwards all
    uvicorn examples.custom_user.app:app
"""

import os
import secrets
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from pydantic import BaseModel

from examples.custom_user.tables import Customer
from piccolo_api_fastapi import (
    AnyOf,
    JWTAuth,
    Login,
    SessionAuth,
    Users,
    install,
    jwt_router,
    session_router,
)

customers = Users(Customer)
session = SessionAuth(customers)
jwt = JWTAuth(customers, secret=os.environ.get("JWT_SECRET") or secrets.token_urlsafe(32))

CurrentCustomer = Annotated[Customer, Depends(AnyOf(session, jwt))]

app = FastAPI(title="A shop")
install(app)

login = Login(customers)
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(jwt_router(jwt, login), prefix="/auth")


class Me(BaseModel):
    """The current customer."""

    id: UUID
    username: str
    phone: str | None


@app.get("/me")
async def me(customer: CurrentCustomer) -> Me:
    """The current customer, by session or by JWT."""
    return Me.model_validate(customer, from_attributes=True)
