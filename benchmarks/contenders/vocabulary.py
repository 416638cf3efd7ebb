"""What all contenders have in common: the user, the answer, the keys and how to sign in."""

import json
import os
import urllib.parse
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import FastAPI
from pydantic import BaseModel

USERNAME = "ada"
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"
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


class _Stay(urllib.request.HTTPRedirectHandler):
    """piccolo-api answers a login with a redirect; the cookie is in that very answer."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, body: bytes, content_type: str) -> tuple[Message[str, str], bytes]:
    """The headers and the body of the answer to a POST."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type})  # noqa: S310 - ours
    try:
        with urllib.request.build_opener(_Stay).open(request) as answer:
            return answer.headers, answer.read()
    except urllib.request.HTTPError as error:
        if error.code != 303:
            raise
        return error.headers, error.read()


def post_json(url: str, body: Any) -> tuple[Message[str, str], bytes]:
    """The same with a JSON body."""
    return post(url, json.dumps(body).encode(), "application/json")


def post_form(url: str, **fields: str) -> tuple[Message[str, str], bytes]:
    """The same with a form."""
    body = urllib.parse.urlencode(fields).encode()
    return post(url, body, "application/x-www-form-urlencoded")


def cookie_of(headers: Message[str, str]) -> Headers:
    """The header that sends back the cookie of an answer."""
    return {"Cookie": headers["set-cookie"].partition(";")[0]}


def bearer(token: str) -> Headers:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
