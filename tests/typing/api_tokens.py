"""What type checkers know of API tokens; checked, never run."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from typing_extensions import assert_type

from piccolo_api_fastapi import (
    AnyOf,
    APIToken,
    Identity,
    NewToken,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    in_person,
    is_service,
    token_commands,
    token_router,
)
from tests.models import Customer

users = Users()
session = SessionAuth(users)
token = TokenAuth(users, prefix="acme")
static = StaticTokens({"metrics": "0" * 32}, users)
current_user = AnyOf(session, token, static)

assert_type(token, TokenAuth[User])
assert_type(static, StaticTokens[User])
assert_type(current_user, AnyOf[User])
assert_type(TokenAuth(Users(Customer)), TokenAuth[Customer])
assert_type(StaticTokens({"metrics": ["0" * 32]}, Users(Customer)), StaticTokens[Customer])

# Without users, they are the stock ones.
assert_type(TokenAuth(), TokenAuth[User])
assert_type(StaticTokens({"metrics": "0" * 32}), StaticTokens[User])

app = FastAPI()
app.include_router(token_router(token, session))
app.include_router(token_router(token, current_user))
commands = token_commands(token)


@app.get("/me")
async def me(
    user: Annotated[User, Depends(token)],
    person: Annotated[User, Depends(in_person(current_user))],
) -> None:
    """Each dependency gives what it says."""
    assert_type(user, User)
    assert_type(person, User)


async def by_code(request: Request, user: User) -> None:
    """What is done with tokens."""
    new = await token.create(user, "report", scopes=["read"], expires_at=None)
    assert_type(new, NewToken)
    assert_type(new.secret, str)
    assert_type(new.row, APIToken)
    assert_type(new.row.scopes, frozenset[str])
    assert_type(await token.tokens_of(user), Sequence[APIToken])
    assert_type(await token.rotate(new.row.id, user=user), NewToken)
    assert_type(await token.revoke_all(user), int)
    assert_type(await token.identify(request), Identity[User])
    assert_type(await in_person(session, token).identify(request), Identity[User])
    assert_type(await users.create_service("deploy", admin=True), User)
    assert_type(is_service(user), bool)
