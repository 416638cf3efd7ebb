"""Clients that others wrote get, refresh, revoke and verify our tokens, from a real server."""

from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Annotated, Any

import jwt as pyjwt
import pytest
from authlib.integrations import (  # type: ignore[import-untyped]
    base_client,
    httpx_client,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import Depends, FastAPI
from starlette.types import Receive, Scope, Send

from piccolo_api_fastapi import JWTAuth, Key, KeyRing, User, Users, install, jwt_router
from tests.conftest import PASSWORD, SECRET
from tests.integration.serving import serving

pytestmark = pytest.mark.slow

# Authlib ships no types.
AsyncOAuth2Client: Any = httpx_client.AsyncOAuth2Client
OAuthError: Any = base_client.OAuthError


@cache
def pem(algorithm: str, name: str = "first") -> bytes:
    """A private key for the algorithm; another one for another name."""
    generate: dict[str, Callable[[], Any]] = {
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
    }
    key = generate[algorithm]()
    encoded: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return encoded


def make_app(jwt: JWTAuth[User]) -> FastAPI:
    """An application for tokens, and one route that needs them."""
    app = FastAPI()
    install(app)
    app.include_router(jwt_router(jwt), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(jwt)]) -> dict[str, str]:
        return {"username": user.username}

    return app


class Site:
    """What is served: an application that a restart may replace."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on to the application of the day."""
        await self.app(scope, receive, send)


@pytest.fixture
async def users(database_of_any_loop: Any) -> Users[User]:
    """Users by the real clock, which the clients go by: ada among them."""
    users = Users()
    await users.create("ada", PASSWORD)
    return users


@pytest.fixture
async def address(users: Users[User]) -> AsyncIterator[str]:
    """Where the application is served."""
    with serving(make_app(JWTAuth(users, secret=SECRET))) as address:
        yield address


@pytest.fixture(params=[{}, {"client_id": "app"}, {"client_id": "app", "client_secret": "s"}])
async def client(request: pytest.FixtureRequest, address: str) -> AsyncIterator[Any]:
    """Authlib's client: without a name, with one, and with a secret sent by Basic."""
    updated: list[Any] = []

    async def update_token(token: Any, **_: str) -> None:
        updated.append(token)

    async with AsyncOAuth2Client(
        **request.param,
        base_url=address,
        token_endpoint=f"{address}/auth/token",
        update_token=update_token,
    ) as client:
        client.updated = updated
        yield client


async def test_authlib_gets_a_token(client: Any) -> None:
    """The password grant gives a token that opens a route."""
    token = await client.fetch_token(grant_type="password", username="ada", password=PASSWORD)
    assert {"access_token", "refresh_token", "token_type", "expires_in"} < set(token)
    assert (await client.get("/me")).json() == {"username": "ada"}


async def test_authlib_refreshes_by_itself(client: Any) -> None:
    """An expired token is refreshed on the way, and the next one stored."""
    first = dict(await client.fetch_token(grant_type="password", username="ada", password=PASSWORD))
    client.token["expires_at"] = 1
    assert (await client.get("/me")).json() == {"username": "ada"}
    (second,) = client.updated
    assert client.token["access_token"] == second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]


async def test_authlib_revokes(client: Any) -> None:
    """Revocation of the refresh token ends the access token, and no refresh works any more."""
    token = await client.fetch_token(grant_type="password", username="ada", password=PASSWORD)
    answer = await client.revoke_token(
        "/auth/token/revoke", token["refresh_token"], token_type_hint="refresh_token"
    )
    assert answer.status_code == 200
    assert (await client.get("/me")).status_code == 401
    with pytest.raises(OAuthError) as error:
        await client.refresh_token()
    assert error.value.error == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"grant_type": "password", "username": "ada", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "password", "username": "ada"}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        (
            {
                "grant_type": "password",
                "username": "ada",
                "password": PASSWORD,
                "scope": "admin",
            },
            "invalid_scope",
        ),
    ],
)
async def test_authlib_understands_errors(client: Any, form: dict[str, str], expected: str) -> None:
    """What goes wrong arrives as the error of RFC 6749 that it is, with a sentence."""
    with pytest.raises(OAuthError) as error:
        await client.fetch_token(**form)
    assert error.value.error == expected
    assert error.value.description


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
async def test_pyjwt_verifies_by_jwks(users: Users[User], algorithm: str) -> None:
    """
    A service that knows nothing but the address of our keys verifies our tokens.

    Also after a rotation: the old token by the retired key, the new one by the new key.
    """
    old, new = Key.from_pem(pem(algorithm)), Key.from_pem(pem(algorithm, "second"))
    site = Site(make_app(JWTAuth(users, keys=KeyRing(old))))
    with serving(site) as address:
        # Nothing kept: a cache would see the new key as late as it is set to.
        url = f"{address}/auth/.well-known/jwks.json"
        keys = pyjwt.PyJWKClient(url, cache_jwk_set=False)
        before = await access_token(address)
        assert old.kid == verified(before, keys, algorithm)

        site.app = make_app(JWTAuth(users, keys=KeyRing(new, old)))
        after = await access_token(address)
        assert new.kid == verified(after, keys, algorithm)
        assert old.kid == verified(before, keys, algorithm)
        for token in (before, after):
            async with AsyncOAuth2Client(token=bearer_token(token)) as client:
                assert (await client.get(f"{address}/me")).status_code == 200


async def test_pyjwt_refuses_a_foreign_key(users: Users[User]) -> None:
    """A token that another key signed is not among ours."""
    foreign = make_app(JWTAuth(users, keys=KeyRing(Key.from_pem(pem("EdDSA", "second")))))
    ours = make_app(JWTAuth(users, keys=KeyRing(Key.from_pem(pem("EdDSA")))))
    with serving(foreign) as elsewhere, serving(ours) as address:
        token = await access_token(elsewhere)
        keys = pyjwt.PyJWKClient(f"{address}/auth/.well-known/jwks.json")
        with pytest.raises(pyjwt.PyJWKClientError):
            keys.get_signing_key_from_jwt(token)


async def access_token(address: str) -> str:
    """An access token of ada."""
    async with AsyncOAuth2Client() as client:
        token = await client.fetch_token(
            f"{address}/auth/token", grant_type="password", username="ada", password=PASSWORD
        )
    return str(token["access_token"])


def bearer_token(token: str) -> dict[str, str]:
    """What Authlib sends as a bearer token."""
    return {"access_token": token, "token_type": "Bearer"}


def verified(token: str, keys: pyjwt.PyJWKClient, algorithm: str) -> str | None:
    """The id of the key, once PyJWT found it and let the token pass."""
    key = keys.get_signing_key_from_jwt(token)
    claims = pyjwt.decode(
        token,
        key,
        algorithms=[algorithm],
        issuer="piccolo_api_fastapi",
        audience="piccolo_api_fastapi",
        options={"require": ["exp", "iat", "sub", "jti"]},
    )
    assert claims["sub"]
    return key.key_id
