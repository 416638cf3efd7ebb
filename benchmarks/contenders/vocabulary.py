"""What all contenders have in common: the user, the answer, the keys and how to sign in."""

import json
import os
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import FastAPI
from pydantic import BaseModel

USERNAME = "ada"
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"
OTHERS = {f"ada{number}": f"ada{number}@example.com" for number in range(1, 8)}
"""With the first one, as many as log in at once; and their addresses."""

ME = {"username": USERNAME}

SECRET = "a secret of this benchmark, with more than 32 bytes"

Headers = dict[str, str]


class Me(BaseModel):
    """What the protected route answers."""

    username: str


class Credentials(BaseModel):
    """The body of a login."""

    username: str
    password: str


def add_ping(app: FastAPI) -> None:
    """`GET /ping`, which asks nobody for anything."""

    @app.get("/ping")
    async def ping() -> dict[str, str]:
        return {"ping": "pong"}


def private_key(algorithm: str) -> Any:
    """The key of this run for an asymmetric algorithm, made once and kept beside the databases."""
    path = Path(os.environ["BENCH_FOLDER"]) / f"{algorithm}.pem"
    if not path.exists():
        path.write_bytes(_generate(algorithm))
    return serialization.load_pem_private_key(path.read_bytes(), None)


def pem(algorithm: str) -> bytes:
    """The same key as PEM."""
    return _pem(private_key(algorithm))


def _generate(algorithm: str) -> bytes:
    if algorithm == "RS256":
        return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    if algorithm == "ES256":
        return _pem(ec.generate_private_key(ec.SECP256R1()))
    return _pem(ed25519.Ed25519PrivateKey.generate())


def _pem(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return encoded


@dataclass(frozen=True, slots=True)
class Post:
    """
    A request that logs in.

    Args:
        path: Where.
        content_type: JSON or a form.
        body: The credentials.
    """

    path: str
    content_type: str
    body: bytes


ISSUE = Post("/issue", "application/json", b"")
"""Gets another credential without a login."""


def post_json(path: str) -> Post:
    """A login by JSON."""
    body = json.dumps({"username": USERNAME, "password": PASSWORD}).encode()
    return Post(path, "application/json", body)


def post_form(path: str, **fields: str) -> Post:
    """A login by form."""
    body = urllib.parse.urlencode(fields).encode()
    return Post(path, "application/x-www-form-urlencoded", body)


def cookie_of(headers: Any) -> Headers:
    """The header that sends back the cookie of an answer."""
    return {"Cookie": headers["set-cookie"].partition(";")[0]}


def bearer(token: str) -> Headers:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def expiring_later(headers: Headers, seconds: int) -> Headers:
    """The same access token, signed again with another time: those of one second are alike."""
    token = headers["Authorization"].removeprefix("Bearer ")
    claims = pyjwt.decode(token, options={"verify_signature": False})
    claims["exp"] += seconds
    return bearer(pyjwt.encode(claims, SECRET, algorithm="HS256"))
