"""What type checkers know of an application with Piccolo's user; checked, never run."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response, Security, WebSocket
from typing_extensions import assert_type

from piccolo_api_fastapi import (
    AnyOf,
    Challenge,
    Claims,
    ClientInfo,
    Identity,
    JWTAuth,
    Key,
    KeyRing,
    Login,
    Proof,
    Role,
    Roles,
    Session,
    SessionAuth,
    User,
    UserRole,
    Users,
    jwt_router,
    optional,
    owned,
    owned_row,
    public,
    require,
    session_router,
)
from piccolo_api_fastapi.access.ownership import Owned, OwnedRow
from piccolo_api_fastapi.access.requirements import Require
from piccolo_api_fastapi.schemes.jwt.token_pairs import TokenPair

users = Users()
session = SessionAuth(users)
jwt = JWTAuth(users, keys=KeyRing(Key.from_secret("a secret of more than thirty-two bytes")))
login = Login(users)
roles = Roles({"editor": ["reports:write"]})
current_user = AnyOf(session, jwt)

assert_type(users, Users[User])
assert_type(session, SessionAuth[User])
assert_type(jwt, JWTAuth[User])
assert_type(login, Login[User])
assert_type(current_user, AnyOf[User])

mine = owned(Session.user, current_user, unless="sessions:any")
assert_type(mine, Owned[User])
assert_type(owned_row(Session, current_user), OwnedRow[User, Session])
assert_type(require(current_user, permission="reports:write"), Require[User])

# Without users, they are the stock ones.
assert_type(SessionAuth(), SessionAuth[User])
assert_type(JWTAuth(secret="a secret of more than thirty-two bytes"), JWTAuth[User])
assert_type(Login(), Login[User])
assert_type(SessionAuth.aal2(idle=timedelta(minutes=30)), SessionAuth[User])

CurrentUser = Annotated[User, Depends(current_user)]
MaybeUser = Annotated[User | None, Depends(optional(current_user))]
Administrator = Annotated[User, Depends(require(current_user, admin=True))]
Writer = Annotated[User, Security(current_user, scopes=["reports:write"])]
CurrentIdentity = Annotated[Identity[User], Depends(current_user.identity)]
CurrentClaims = Annotated[Claims, Depends(jwt.claims)]

app = FastAPI()
app.include_router(session_router(session, login))
app.include_router(jwt_router(jwt, login))


@app.get("/me")
async def me(
    user: CurrentUser,
    maybe: MaybeUser,
    administrator: Administrator,
    writer: Writer,
    identity: CurrentIdentity,
    claims: CurrentClaims,
) -> None:
    """Each dependency gives what it says."""
    assert_type(user, User)
    assert_type(maybe, User | None)
    assert_type(administrator, User)
    assert_type(writer, User)
    assert_type(identity, Identity[User])
    assert_type(identity.user, User)
    assert_type(identity.scopes, frozenset[str])
    assert_type(claims.subject, str)


@app.websocket("/ws")
async def web_socket(websocket: WebSocket, user: CurrentUser) -> None:
    """The same user on a WebSocket."""
    assert_type(user, User)
    assert_type(await current_user.identify(websocket), Identity[User])


@app.get("/health")
@public
async def health() -> str:
    """`public` leaves the type of an endpoint alone."""
    return "ok"


async def guards(request: Request) -> None:
    """What the guards give when they are called by hand."""
    assert_type(await health(), str)
    assert_type(await current_user.identify(request), Identity[User])
    assert_type(await current_user.find(request), Identity[User] | None)
    assert_type(await session.authenticate(request), Identity[User] | None)
    assert_type(await jwt.identify(request, ["admin"]), Identity[User])
    narrow = require(session, scopes=["reports:read"])
    assert_type(await narrow.identify(request), Identity[User])
    assert_type(await require(narrow, superuser=True).identify(request), Identity[User])
    assert_type(jwt.decode("a token"), Claims)


async def accounts() -> None:
    """What is done with users."""
    user = await users.create("ada", "correct horse battery", email="ada@example.com")
    assert_type(user, User)
    assert_type(user.username, str)
    assert_type(await users.find("ada"), User | None)
    assert_type(await users.get(1), User | None)
    assert_type(await users.verify("ada", "correct horse battery"), Proof[User])
    assert_type(await users.scopes_of(user), frozenset[str])
    role = await roles.create("editor", ["reports:write"])
    assert_type(role, Role)
    assert_type(await roles.grant(user, role.id), UserRole)


async def log_in(request: Request, response: Response) -> TokenPair:
    """A login of one's own."""
    proof = await login.start("ada", "correct horse battery", ClientInfo())
    assert_type(proof, Proof[User] | Challenge)
    if isinstance(proof, Challenge):
        proof = await login.finish(proof.token, "123456", ClientInfo())
    assert_type(proof, Proof[User])
    assert_type(proof.user, User)
    await session.sign_in(request, response, proof)
    pair = await jwt.issue(proof, request)
    assert_type(pair, TokenPair)
    assert_type(pair.access_token, str)
    return await jwt.refresh(pair.refresh_token)


def tables() -> Any:
    """The scheme knows its table."""
    assert_type(session.table, type[Session])
    return session.table
