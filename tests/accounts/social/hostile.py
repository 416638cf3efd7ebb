"""An OpenID provider that can be told to do anything wrong. It has no socket."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from piccolo_api_fastapi.testing import FrozenClock

ISSUER = "https://provider.example"
CLIENT_ID, CLIENT_SECRET = "movies", "a secret / of the client"


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """One of several keys, made once."""
    assert number >= 0
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """A key of another kind."""
    return ec.generate_private_key(ec.SECP256R1())


def jwk(number: int, **members: Any) -> dict[str, Any]:
    """The public key of a number."""
    made: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(rsa_key(number).public_key()))
    return {**made, "kid": f"key-{number}", "use": "sig", "alg": "RS256", **members}


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token without a signature."""
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join([*(_encoded(part) for part in parts), ""])


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def at_hash(token: str) -> str:
    """The claim of an access token."""
    return _encoded(hashlib.sha256(token.encode()).digest()[:16])


Alter = Callable[[dict[str, Any]], Any]


@dataclass
class Provider:
    """
    A provider: honest, until it is told otherwise.

    Args:
        clock: The clock.
        issuer: The issuer.
    """

    clock: FrozenClock
    issuer: str = ISSUER
    signing: int = 0
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(0)])
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "248289761001"})
    metadata: dict[str, Any] = field(default_factory=dict)
    alter_claims: Alter = dict
    alter_answer: Alter = dict
    sign: Callable[["Provider", dict[str, Any]], str] | None = None
    responses: dict[str, Response] = field(default_factory=dict)
    hangs: bool = False
    requests: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    sends_issuer: bool = True

    def client(self) -> httpx.AsyncClient:
        """A client that reaches nothing but this provider."""
        transport = httpx.ASGITransport(app=self, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport)

    def authorize(self, url: str) -> dict[str, str]:
        """Let the user consent; the parameters of the callback."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        issuer = {"iss": self.issuer} if self.sends_issuer else {}
        return {"code": code, "state": asked["state"], **issuer}

    def count(self, path: str) -> int:
        """How often a path was asked."""
        return self.requests.count(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        self.requests.append(request.url.path)
        self.headers.append(dict(request.headers))
        await asyncio.sleep(0)  # as over a network, others have their turn
        if self.hangs:
            await asyncio.Event().wait()
        form = {name: str(value) for name, value in (await request.form()).items()}
        response = self.responses.get(request.url.path) or self._answer(request.url.path, form)
        await response(scope, receive, send)

    def _answer(self, path: str, form: dict[str, str]) -> Response:
        if path.endswith("/.well-known/openid-configuration"):
            return JSONResponse(self.described())
        if path == "/jwks":
            return JSONResponse({"keys": self.keys})
        if path == "/token":
            self.forms.append(form)
            return self._redeem(form)
        return JSONResponse({"error": "not found"}, 404)

    def described(self) -> dict[str, Any]:
        """The metadata."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
            "authorization_response_iss_parameter_supported": self.sends_issuer,
            **self.metadata,
        }

    def _redeem(self, form: dict[str, str]) -> Response:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if asked["code_challenge_method"] != "S256" or asked["code_challenge"] != _encoded(digest):
            return JSONResponse({"error": "invalid_grant"}, 400)
        answer = {
            "access_token": "an-access-token",
            "token_type": "Bearer",
            "expires_in": 3600,
            "id_token": self.id_token(asked.get("nonce", "")),
        }
        return JSONResponse(self.alter_answer(answer))

    def id_token(self, nonce: str) -> str:
        """An ID token for a nonce."""
        now = int(self.clock.now.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "at_hash": at_hash("an-access-token"),
            **self.claims,
        }
        claims = self.alter_claims(claims)
        if self.sign is not None:
            return self.sign(self, claims)
        return signed(claims, self.signing)


def signed(claims: dict[str, Any], key: int = 0, **header: Any) -> str:
    """A token signed by RS256."""
    headers = {"kid": f"key-{key}", **header}
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.PyJWS().encode(json.dumps(claims).encode(), rsa_key(key), "RS256", headers)
