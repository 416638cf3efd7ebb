"""Clients and validators that others wrote, against the quickstart."""

import asyncio
from typing import Any

import pytest
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator  # type: ignore[import-untyped]
from joserfc import jwt as jose
from joserfc.jwk import KeySet, OctKey
from oauthlib.oauth2 import LegacyApplicationClient  # type: ignore[import-untyped]
from requests_oauthlib import OAuth2Session  # type: ignore[import-untyped]

from examples.quickstart import app as quickstart
from tests.conftest import PASSWORD
from tests.integration.serving import serving


@pytest.fixture
async def token_url(database_of_any_loop: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where the quickstart issues tokens, with ada among its users."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    await quickstart.users.create("ada", PASSWORD)
    with serving(quickstart.app) as address:
        yield f"{address}/auth/token"


def meet_429(token_url: str) -> Any:
    """What Authlib raises after too many wrong passwords."""
    form = {"grant_type": "password", "username": "nobody", "password": "wrong"}
    with OAuth2Client(token_endpoint_auth_method="none") as client:  # pyright: ignore[reportGeneralTypeIssues]
        for _ in range(10):
            with pytest.raises(OAuthError) as error:
                client.fetch_token(token_url, **form)
            if error.value.error != "invalid_grant":
                return error.value
    pytest.fail("Nothing was limited.")


async def test_authlib_meets_a_429(token_url: str) -> None:
    """A refusal is an error, and no token."""
    error = await asyncio.to_thread(meet_429, token_url)
    assert (error.error, bool(error.description)) == ("too_many_requests", True)


async def test_requests_oauthlib(token_url: str) -> None:
    """It logs in and refreshes; joserfc and Authlib's validator of RFC 9068 read its token."""
    client = OAuth2Session(client=LegacyApplicationClient(client_id="app"))
    login = {"username": "ada", "password": PASSWORD, "include_client_id": True}
    await asyncio.to_thread(client.fetch_token, token_url, **login)
    token = await asyncio.to_thread(client.refresh_token, token_url)
    client.close()

    secret = quickstart.jwt.keys.current.signing
    assert isinstance(secret, bytes)
    key = OctKey.import_key(secret)
    claims = jose.decode(token["access_token"], key, algorithms=["HS256"]).claims
    assert claims["client_id"] == "app"

    class Validator(JWTBearerTokenValidator):  # type: ignore[misc]
        def get_jwks(self) -> Any:
            parameters = key.as_dict() | {"kid": quickstart.jwt.keys.current.kid}
            return KeySet.import_key_set({"keys": [parameters]})

    validator = Validator(issuer="piccolo_api_fastapi", resource_server="piccolo_api_fastapi")
    found = validator.authenticate_token(token["access_token"])
    validator.validate_token(found, [], None)
    assert found["client_id"] == "app"
