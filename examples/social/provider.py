"""
A TOY. It signs everybody in as whoever they say they are. Never use it for anything but this demo.

It is an OpenID provider in one file, so that the example works without an account at Google. It
keeps its users in no database and asks for no password.
"""

import base64
import hashlib
import html
import json
import secrets
import time
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jwt.algorithms import RSAAlgorithm
from starlette.datastructures import URL

from piccolo_api_fastapi import RateLimit

ISSUER = "http://localhost:8000/toy-provider"
CLIENT_ID, CLIENT_SECRET = "guest-book", "not-a-secret"

WARNING = "This is a toy: it believes everything that you type. Never use it for anything real."

PAGE = """<!doctype html><meta charset="utf-8"><title>Toy provider</title>
<h1>Toy provider</h1><p><strong>{warning}</strong></p>
<form method="post" action="{action}">
<label>Sign in as <input name="email" type="email" value="ada@example.com" required></label>
<button>Sign in</button></form>
"""

app = FastAPI(title="TOY PROVIDER: NOT FOR USE", description=WARNING)
_key = rsa.generate_private_key(65537, 2048)
_codes: dict[str, dict[str, str]] = {}


@app.get("/.well-known/openid-configuration")
def metadata() -> dict[str, Any]:
    """Where everything is."""
    return {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/keys",
        "authorization_response_iss_parameter_supported": True,
    }


@app.get("/keys")
def keys() -> dict[str, Any]:
    """The public key, which is another one after each start."""
    public = json.loads(RSAAlgorithm.to_jwk(_key.public_key()))
    return {"keys": [{**public, "kid": "toy", "use": "sig", "alg": "RS256"}]}


@app.get("/authorize")
def ask(request: Request) -> HTMLResponse:
    """Ask who it is."""
    action = html.escape(f"{ISSUER}/authorize?{request.url.query}")
    return HTMLResponse(PAGE.format(warning=WARNING, action=action))


@app.post("/authorize", dependencies=[Depends(RateLimit("30/minute"))])
def believe(request: Request, email: Annotated[str, Form()]) -> RedirectResponse:
    """Believe it, and send the browser back."""
    asked = dict(request.query_params)
    if asked.get("client_id") != CLIENT_ID or asked.get("code_challenge_method") != "S256":
        raise HTTPException(400, "Only the example may ask, with PKCE.")
    code = secrets.token_urlsafe()
    _codes[code] = {**asked, "email": email}
    back = URL(asked["redirect_uri"]).include_query_params(
        code=code, state=asked["state"], iss=ISSUER
    )
    return RedirectResponse(back, 303)


@app.post("/token", dependencies=[Depends(RateLimit("30/minute"))])
def redeem(
    request: Request,
    code: Annotated[str, Form()],
    code_verifier: Annotated[str, Form()],
    redirect_uri: Annotated[str, Form()],
) -> dict[str, Any]:
    """Exchange a code for an ID token, once."""
    pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    asked = _codes.pop(code, {})
    digest = hashlib.sha256(code_verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if (
        request.headers.get("authorization") != f"Basic {pair}"
        or asked.get("redirect_uri") != redirect_uri
        or asked.get("code_challenge") != challenge
    ):
        raise HTTPException(400, {"error": "invalid_grant"})
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "sub": hashlib.sha256(asked["email"].encode()).hexdigest()[:32],
        "email": asked["email"],
        "email_verified": True,
        "iat": now,
        "exp": now + 60,
        "nonce": asked["nonce"],
    }
    token = jwt.encode(claims, _key, "RS256", {"kid": "toy"})
    return {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "id_token": token}
