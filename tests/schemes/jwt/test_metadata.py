"""What clients and other services can read and ask (RFC 8414, RFC 9728 and RFC 7662)."""

from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Security
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    JWTAuth,
    Key,
    KeyRing,
    Proof,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    install,
    jwt_router,
    metadata_router,
    require,
)
from piccolo_api_fastapi.schemes.jwt.introspection import introspect
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import SECRET, bearer, get_tokens, new_client
from tests.core.crypto.test_keys import ED25519, private_pem

SITE = "https://api.example.com"
METADATA = f"{SITE}/.well-known/oauth-protected-resource"
SERVICE = "0123456789abcdef0123456789abcdef"


def make_app(jwt: JWTAuth[User], guard: Any = None) -> FastAPI:
    """An application with the metadata, and a route for each kind of guard."""
    app = FastAPI()
    install(app)
    app.include_router(jwt_router(jwt, introspection=guard), prefix="/auth")
    url, introspection = f"{SITE}/auth", guard is not None
    app.include_router(metadata_router(jwt, url=url, introspection=introspection))
    guards: dict[str, Any] = {
        "/jwt": jwt,
        "/any": AnyOf(SessionAuth(jwt.users), jwt),
        "/recent": require(jwt, within=timedelta(minutes=5)),
        "/claims": jwt.claims,
    }
    for path, dependency in guards.items():
        app.get(path, dependencies=[Depends(dependency)])(show)
    return app


async def show() -> None:
    """Nothing to see."""


async def test_authorization_server(users: Users[User]) -> None:
    """The metadata name what exists, and only that."""
    jwt = JWTAuth(users, secret=SECRET, issuer=SITE)
    async with new_client(make_app(jwt)) as client:
        answer = await client.get("/.well-known/oauth-authorization-server")
        assert (await client.get("/.well-known/oauth-protected-resource")).status_code == 404
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.json() == {
        "issuer": SITE,
        "token_endpoint": f"{SITE}/auth/token",
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint": f"{SITE}/auth/token/revoke",
        "revocation_endpoint_auth_methods_supported": ["none"],
        "grant_types_supported": ["password", "refresh_token"],
        "response_types_supported": [],
    }


async def test_everything(users: Users[User]) -> None:
    """With asymmetric keys, introspection, and a path in the issuer and the resource."""
    keys = KeyRing(Key.from_pem(private_pem(ED25519)))
    jwt = JWTAuth(users, keys=keys, issuer=f"{SITE}/one", resource=f"{SITE}/api/")
    guard = StaticTokens({"reports": SERVICE}, users)
    async with new_client(make_app(jwt, guard)) as client:
        server = (await client.get("/.well-known/oauth-authorization-server/one")).json()
        resource = (await client.get("/.well-known/oauth-protected-resource/api")).json()
        for name in ("jwks_uri", "introspection_endpoint"):
            assert (await client.head(server[name])).status_code == 405  # it is there
    assert server["introspection_endpoint_auth_methods_supported"] == ["Bearer"]
    assert resource == {
        "resource": f"{SITE}/api",
        "authorization_servers": [f"{SITE}/one"],
        "bearer_methods_supported": ["header"],
    }
    assert jwt.resource_metadata == f"{METADATA}/api"


@pytest.mark.parametrize(
    "url",
    ["", "api.example.com", "ftp://a.test", "https://", f"{SITE}?a", f'{SITE}"'],
)
def test_configuration(users: Users[User], url: str) -> None:
    """Issuer, resource and address are URLs."""
    with pytest.raises(ConfigurationError):
        JWTAuth(users, secret=SECRET, resource=url)
    with pytest.raises(ConfigurationError):
        metadata_router(JWTAuth(users, secret=SECRET, issuer=url or "x"), url=SITE)
    with pytest.raises(ConfigurationError):
        metadata_router(JWTAuth(users, secret=SECRET, issuer=SITE), url=url)


async def test_challenges(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """Each 401 of a guard that takes our tokens names the metadata of the API."""
    jwt = JWTAuth(users, secret=SECRET, issuer=SITE, resource=SITE)
    named = f'resource_metadata="{METADATA}"'
    async with new_client(make_app(jwt)) as client:
        access = (await get_tokens(client))["access_token"]
        for path in ("/jwt", "/any", "/recent", "/claims"):
            nobody = await client.get(path)
            assert nobody.headers["www-authenticate"].endswith(f"Bearer {named}")
            bad = await client.get(path, headers=bearer("bad"))
            assert bad.status_code == 401
            assert bad.headers["www-authenticate"] == f'Bearer error="invalid_token", {named}'
        clock.advance(timedelta(minutes=6))
        old = await client.get("/recent", headers=bearer(access))
        assert old.status_code == 401
        assert "insufficient_user_authentication" in old.headers["www-authenticate"]
        assert old.headers["www-authenticate"].endswith(named)


async def test_scopes_of_claims(users: Users[User], ada: User) -> None:
    """A token that lacks a scope names it as well."""
    jwt = JWTAuth(users, secret=SECRET, issuer=SITE, resource=SITE)
    app = make_app(jwt)

    @app.get("/scoped")
    async def scoped(_: Annotated[Any, Security(jwt.claims, scopes=["a"])]) -> None:
        return None

    async with new_client(app) as client:
        access = (await get_tokens(client))["access_token"]
        refused = await client.get("/scoped", headers=bearer(access))
    assert refused.status_code == 403
    assert f'resource_metadata="{METADATA}"' in refused.headers["www-authenticate"]


async def ask(client: httpx.AsyncClient, token: str, service: str = SERVICE) -> httpx.Response:
    """Ask about a token, as a service."""
    return await client.post(
        "/auth/token/introspect", data={"token": token}, headers=bearer(service)
    )


async def test_introspection(users: Users[User], grace: User, clock: FrozenClock) -> None:
    """A service hears what a token may do, and of a logout at once."""
    await users.create_service("reports")
    jwt = JWTAuth(users, secret=SECRET, issuer=SITE)
    async with new_client(make_app(jwt, StaticTokens({"reports": SERVICE}, users))) as client:
        tokens = await get_tokens(client, "grace", client_id="app")
        answer = await ask(client, tokens["access_token"])
        assert answer.headers["cache-control"] == "no-store"
        now = int(clock.now.timestamp())
        said = answer.json()
        assert {name: said.pop(name) for name in ("jti", "sid")}
        assert said == {
            "active": True,
            "scope": "account admin",
            "client_id": "app",
            "username": "grace",
            "token_type": "Bearer",
            "exp": now + 900,
            "iat": now,
            "sub": str(grace.id),
            "aud": "piccolo_api_fastapi",
            "iss": SITE,
            "auth_time": now,
            "acr": "single_factor",
            "amr": ["pwd"],
        }
        for other in (tokens["refresh_token"], SERVICE, "x", "a.b.c"):
            assert (await ask(client, other)).json() == {"active": False}
        await client.post("/auth/token/revoke", data={"token": tokens["refresh_token"]})
        assert (await ask(client, tokens["access_token"])).json() == {"active": False}


async def test_who_may_introspect(users: Users[User], ada: User) -> None:
    """Only a caller whom the guard admits; an API token with a scope, for example."""
    users = Users(scopes_of=lambda _: ["introspect", "other"], clock=users.clock)
    jwt, machines = JWTAuth(users, secret=SECRET, issuer=SITE), TokenAuth(users)
    app = make_app(jwt, require(machines, scopes=["introspect"]))
    good = await machines.create(ada, "good", scopes=["introspect"])
    other = await machines.create(ada, "other", scopes=["other"])
    async with new_client(app) as client:
        access = (await get_tokens(client))["access_token"]
        assert (await ask(client, access, good.secret)).json()["active"] is True
        for secret, status in ((other.secret, 403), ("bad", 401), (access, 401)):
            refused = await ask(client, access, secret)
            assert refused.status_code == status
            assert refused.headers["content-type"] == "application/json"
            assert refused.json()["error"]
        nobody = await client.post("/auth/token/introspect", data={"token": access})
        assert nobody.status_code == 401
        missing = await client.post("/auth/token/introspect", headers=bearer(good.secret))
        assert (missing.status_code, missing.json()["error"]) == (415, "invalid_request")


async def test_enrolling(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """A token that can only enrol a second factor opens nothing elsewhere."""
    jwt = JWTAuth(users, secret=SECRET)
    scope = {"type": "http", "headers": [], "client": ("127.0.0.1", 1)}
    pair = await jwt.issue(Proof(ada, is_enrolling=True), HTTPConnection(scope))
    assert (await introspect(jwt, pair.access_token)).active is False
