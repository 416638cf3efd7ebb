"""The token endpoint and what stands around it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    ConfigurationError,
    JWTAuth,
    Key,
    KeyRing,
    Login,
    RefreshFamily,
    User,
    Users,
    auth_tables,
    delete_expired_families,
    jwt_router,
)
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import PASSWORD, SECRET, bearer, get_tokens, new_client, reaches_no_sql
from tests.models import Customer


async def token(client: httpx.AsyncClient, **form: str) -> tuple[int, str | None]:
    """The status and the OAuth error of a token request."""
    answer = await client.post("/auth/token", data=form)
    return answer.status_code, answer.json().get("error")


async def test_answer(client: httpx.AsyncClient, grace: User) -> None:
    """The answer of RFC 6749 section 5.1, and claims of RFC 9068."""
    answer = await get_tokens(client, "grace@example.com")
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 900
    assert answer["scope"] == "account admin"
    assert pyjwt.get_unverified_header(answer["access_token"]).keys() == {"alg", "typ", "kid"}
    claims = pyjwt.decode(answer["access_token"], options={"verify_signature": False})
    names = {"iss", "aud", "sub", "exp", "iat", "jti", "sid", "scope"}
    assert names | {"auth_time", "acr", "amr", "client_id"} == claims.keys()
    assert (claims["auth_time"], claims["acr"], claims["amr"]) == (
        claims["iat"],
        "single_factor",
        ["pwd"],
    )
    assert claims["sub"] == str(grace.id)
    assert claims["sid"] == str(UUID(claims["sid"]))


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"grant_type": "password", "username": "ada"}, "invalid_request"),
        ({"grant_type": "password", "password": PASSWORD}, "invalid_request"),
        ({"grant_type": "password", "username": "ada", "password": "no"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
    ],
)
async def test_errors(
    client: httpx.AsyncClient, ada: User, form: dict[str, str], error: str
) -> None:
    """RFC 6749 section 5.2, with the members of a problem."""
    assert (400, error) == await token(client, **form)
    for accept in ("*/*", "application/json", "application/problem+json"):
        answer = await client.post("/auth/token", data=form, headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert {"error", "error_description", "type", "title"} <= answer.json().keys()


@pytest.mark.parametrize("scope", ["superuser", "a\tb", "\x7f", "a\xa0b", 'a"b'])
async def test_scope_beyond(client: httpx.AsyncClient, ada: User, scope: str) -> None:
    """Nobody gets more than they may, or what is no scope."""
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD, "scope": scope}
    assert await token(client, **form) == (400, "invalid_scope")


async def test_scopes(users: Users[User], grace: User) -> None:
    """Scopes come from the flags and from `scopes_of`; a token may have fewer."""
    users = Users(scopes_of=lambda _: ["movies:read", "movies:write"], clock=users.clock)
    jwt = JWTAuth(users, secret=SECRET)
    app = FastAPI()
    app.include_router(jwt_router(jwt), prefix="/auth")
    async with new_client(app) as client:
        everything = await get_tokens(client, "grace")
        assert everything["scope"] == "account admin movies:read movies:write"
        some = await get_tokens(client, "grace", scope=" movies:read  admin")
        assert some["scope"] == "admin movies:read"


async def test_extra_claims(users: Users[User], ada: User) -> None:
    """A subclass adds claims; they arrive, also at `claims`."""

    class WithTeam(JWTAuth[User]):
        async def extra_claims(self, user: User) -> dict[str, Any]:
            return {"team": user.username + "'s"}

    jwt = WithTeam(users, secret=SECRET)
    app = FastAPI()
    app.include_router(jwt_router(jwt), prefix="/auth")
    async with new_client(app) as client:
        tokens = await get_tokens(client)
    assert jwt.decode(tokens["access_token"]).extra == {"team": "ada's"}


async def test_reserved_claims(users: Users[User], ada: User) -> None:
    """If the extra claims can't be used, no family is stored, whose tokens nobody would have."""

    class WithSubject(JWTAuth[User]):
        async def extra_claims(self, user: User) -> dict[str, Any]:
            return {"sub": user.username}

    connection = HTTPConnection({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})
    with pytest.raises(ConfigurationError):
        await WithSubject(users, secret=SECRET).issue(ada, connection)
    assert await RefreshFamily.count() == 0


async def test_lifetimes(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """An access token never outlives its family; a family ends when it ends."""
    jwt = JWTAuth(
        users,
        secret=SECRET,
        access_lifetime=timedelta(hours=1),
        refresh_lifetime=timedelta(hours=2),
    )
    app = FastAPI()
    app.include_router(jwt_router(jwt), prefix="/auth")
    async with new_client(app) as client:
        tokens = await get_tokens(client)
        clock.advance(timedelta(minutes=90))
        pair = await jwt.refresh(tokens["refresh_token"])
        assert pair.expires_in == 30 * 60
        clock.advance(timedelta(minutes=30))
        form = {"grant_type": "refresh_token", "refresh_token": pair.refresh_token}
        assert await token(client, **form) == (400, "invalid_grant")
    assert await delete_expired_families(now=clock.now) == 1
    assert await RefreshFamily.count() == 0


@pytest.mark.security(49)
@pytest.mark.parametrize(
    ("headers", "status", "challenge"),
    [
        ([], 401, "Bearer"),
        ([("Authorization", "")], 401, 'Bearer error="invalid_token"'),
        ([("Authorization", "Bearer")], 401, 'Bearer error="invalid_token"'),
        ([("Authorization", "Bearer ")], 401, 'Bearer error="invalid_token"'),
        ([("Authorization", "Bearer x y")], 401, 'Bearer error="invalid_token"'),
        ([("Authorization", b"Bearer \xe9\xff")], 401, 'Bearer error="invalid_token"'),
        ([("Authorization", "Basic YTpi")], 401, 'Bearer error="invalid_token"'),
        ([("Authorization", "XBearer {0}")], 401, 'Bearer error="invalid_token"'),
        ([("Authorization", "Bearer {0}"), ("Authorization", "Bearer {0}")], 400, "request"),
    ],
)
@pytest.mark.parametrize("path", ["/jwt", "/claims", "/me"])
async def test_bad_headers(
    client: httpx.AsyncClient, ada: User, path: str, headers: Any, status: int, challenge: str
) -> None:
    """What is no bearer token is refused with the codes of RFC 6750 (D-J8, D-J9)."""
    access = (await get_tokens(client))["access_token"]
    filled = [
        (name, value.format(access) if isinstance(value, str) else value) for name, value in headers
    ]
    answer = await client.get(path, headers=filled)
    assert status == answer.status_code
    assert challenge in answer.headers["WWW-Authenticate"]


@pytest.mark.security(49)
async def test_spelling_and_place(client: httpx.AsyncClient, ada: User) -> None:
    """`bearer` in any case and with spaces; never from the query or the body (D-J9)."""
    access = (await get_tokens(client))["access_token"]
    for scheme in ("Bearer ", "bearer ", "BEARER   "):
        answer = await client.get("/jwt", headers={"Authorization": scheme + access})
        assert answer.status_code == 200
    assert (await client.get("/jwt", params={"access_token": access})).status_code == 401
    assert (await client.post("/write", data={"access_token": access})).status_code == 401


@pytest.mark.security(41)
async def test_cross_use(client: httpx.AsyncClient, ada: User) -> None:
    """Each token works for its own purpose only."""
    tokens = await get_tokens(client)
    for path in ("/jwt", "/me", "/claims"):
        answer = await client.get(path, headers=bearer(tokens["refresh_token"]))
        assert answer.status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["access_token"]}
    assert await token(client, **form) == (400, "invalid_grant")
    cookie = {"Cookie": f"__Host-session={tokens['access_token']}"}
    assert (await client.get("/me", headers=cookie)).status_code == 401


async def test_claims(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """`claims` asks nobody: it works until the token expires, whatever happens."""
    access = (await get_tokens(client))["access_token"]
    await RefreshFamily.delete(force=True)
    assert (await client.get("/jwt", headers=bearer(access))).status_code == 401
    answer = await client.get("/claims", headers=bearer(access))
    assert answer.json() == {"subject": str(ada.id)}
    clock.advance(timedelta(minutes=15, seconds=5))
    assert (await client.get("/claims", headers=bearer(access))).status_code == 401


@pytest.mark.security(45)
@pytest.mark.parametrize(
    ("name", "value"),
    [("sub", "2"), ("sub", "abc"), ("sub", str(2**70)), ("sid", "abc"), ("sid", str(UUID(int=7)))],
)
async def test_other_subjects(
    client: httpx.AsyncClient, ada: User, jwt: JWTAuth[User], name: str, value: str
) -> None:
    """A signed token for another or an impossible user or family is a 401 (D-J6)."""
    claims = pyjwt.decode(
        (await get_tokens(client))["access_token"], options={"verify_signature": False}
    )
    key = jwt.keys.current
    forged = pyjwt.encode(claims | {name: value}, SECRET, headers={"kid": key.kid, "typ": "at+jwt"})
    assert (await client.get("/jwt", headers=bearer(forged))).status_code == 401
    await client.post("/auth/token/revoke", data={"token": forged})
    assert await RefreshFamily.count() == 1


async def test_jwks(users: Users[User], ada: User) -> None:
    """With asymmetric keys their public halves are published, private ones never."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    jwt = JWTAuth(users, keys=KeyRing(Key.from_pem(pem)))
    app = FastAPI()
    app.include_router(jwt_router(jwt), prefix="/auth")
    async with new_client(app) as client:
        [key] = (await client.get("/auth/.well-known/jwks.json")).json()["keys"]
        access = (await get_tokens(client))["access_token"]
        refused = await client.post("/auth/.well-known/jwks.json")
        published = await client.get("/auth/.well-known/jwks.json")
    assert published.headers["cache-control"] == "public, max-age=300"
    assert refused.headers["cache-control"] == "no-store"
    assert {"kty", "crv", "x", "kid", "alg", "use"} == key.keys()
    decoded = pyjwt.decode(
        access,
        pyjwt.PyJWK(key),
        audience="piccolo_api_fastapi",
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert decoded["sub"] == str(ada.id)


@reaches_no_sql
async def test_no_jwks(client: httpx.AsyncClient, database: Any) -> None:
    """A secret publishes nothing."""
    assert (await client.get("/auth/.well-known/jwks.json")).status_code == 404


async def test_racing_revocations(client: httpx.AsyncClient, ada: User) -> None:
    """24 revocations of one family at once: all answered 200, the family is dead."""
    tokens = await get_tokens(client)

    async def revoke() -> int:
        form = {"token": tokens["refresh_token"]}
        return (await client.post("/auth/token/revoke", data=form)).status_code

    assert await race(revoke) == [200] * 24
    answer = await client.get("/jwt", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 401


@pytest.mark.security(48)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"secret": SECRET, "keys": KeyRing(Key.from_secret(SECRET))},
        {"secret": ""},
        {"secret": "x" * 31},
        {"secret": SECRET, "grace": timedelta(minutes=2)},
        {"secret": SECRET, "grace": timedelta(seconds=-1)},
        {"secret": SECRET, "refresh_lifetime": timedelta(minutes=15)},
        {"secret": SECRET, "access_lifetime": timedelta(days=2)},
        {"secret": SECRET, "issuer": ""},
        {"secret": SECRET, "client_id": ""},
        {"secret": SECRET, "client_id": "caf\u00e9"},
        {"secret": SECRET, "table": auth_tables(Customer).refresh_family},
    ],
)
def test_configuration(options: Any) -> None:
    """Weak or contradictory settings raise when the scheme is made (D-J5)."""
    with pytest.raises(ConfigurationError):
        JWTAuth(**options)


def test_other_users() -> None:
    """A router's login and scheme are for the same users."""
    with pytest.raises(ConfigurationError):
        jwt_router(JWTAuth(secret=SECRET), Login(Users(Customer)))  # type: ignore[misc]
