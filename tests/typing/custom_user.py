"""What type checkers know of an application with a user table of its own; never run."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from typing_extensions import assert_type

from piccolo_api_fastapi import (
    AnyOf,
    AuthTables,
    Challenge,
    ClientInfo,
    Identity,
    JWTAuth,
    Login,
    Proof,
    SessionAuth,
    Users,
    auth_tables,
    optional,
    require,
)
from piccolo_api_fastapi.testing import acting_as, assert_single_winner
from tests.models import Customer

tables = auth_tables(Customer)
assert_type(tables, AuthTables)

customers = Users(Customer)
session = SessionAuth(customers, table=tables.session)
jwt = JWTAuth(customers, secret="a secret of more than thirty-two bytes")
login = Login(customers)
current_customer = AnyOf(session, jwt)

assert_type(customers, Users[Customer])
assert_type(session, SessionAuth[Customer])
assert_type(jwt, JWTAuth[Customer])
assert_type(login, Login[Customer])
assert_type(current_customer, AnyOf[Customer])

CurrentCustomer = Annotated[Customer, Depends(current_customer)]
MaybeCustomer = Annotated[Customer | None, Depends(optional(current_customer))]


async def me(customer: CurrentCustomer, maybe: MaybeCustomer) -> None:
    """Each dependency gives what it says."""
    assert_type(customer, Customer)
    assert_type(maybe, Customer | None)


async def guards(request: Request) -> None:
    """What the guards give when they are called by hand."""
    assert_type(await current_customer.identify(request), Identity[Customer])
    assert_type((await current_customer.identify(request)).user, Customer)
    assert_type(await session.find(request), Identity[Customer] | None)
    assert_type(await require(jwt, admin=True).identify(request), Identity[Customer])


async def accounts(key: UUID) -> None:
    """What is done with users."""
    customer = await customers.create("ada", "correct horse battery", phone="+44 20 7946 0000")
    assert_type(customer, Customer)
    assert_type(await customers.find("ada"), Customer | None)
    assert_type(await customers.get(key), Customer | None)
    assert_type(await customers.verify("ada", "correct horse battery"), Proof[Customer])


async def log_in(request: Request, response: Response) -> None:
    """A login of one's own."""
    proof = await login.start("ada", "correct horse battery", ClientInfo())
    assert_type(proof, Proof[Customer] | Challenge)
    if isinstance(proof, Challenge):
        proof = await login.finish(proof.token, "123456", ClientInfo())
    assert_type(proof, Proof[Customer])
    await session.sign_in(request, response, proof)
    await jwt.issue(proof.user, request)


async def kit(customer: Customer) -> None:
    """The kit for tests keeps the types, too."""
    with acting_as(current_customer, customer) as identity:
        assert_type(identity, Identity[Customer])

    async def call() -> int:
        return 1

    assert_type(await assert_single_winner(call), int)
