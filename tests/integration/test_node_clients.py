"""oauth4webapi and jose, which web applications use, against the token endpoint."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    JWTAuth,
    Key,
    KeyRing,
    StaticTokens,
    User,
    Users,
    install,
    jwt_router,
    metadata_router,
)
from tests.conftest import PASSWORD
from tests.integration import npm
from tests.integration.serving import serving
from tests.integration.test_oauth_clients import Site

SERVICE = "0123456789abcdef0123456789abcdef"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # packages are fetched
    # A client sees no difference.
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def make_key(algorithm: str) -> Key:
    """A new key that signs by this algorithm."""
    made: Any = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else ed25519.Ed25519PrivateKey.generate()
    )
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Key.from_pem(pem, algorithm=algorithm)


def make_app(address: str, algorithm: str) -> FastAPI:
    """A token endpoint with metadata and introspection, and a route that needs a token."""
    users = Users()
    keys = KeyRing(make_key(algorithm))
    jwt = JWTAuth(users, keys=keys, issuer=address, audience=address, resource=address)
    app = FastAPI()
    install(app)
    services = StaticTokens({"reports": SERVICE})
    app.include_router(jwt_router(jwt, introspection=services), prefix="/auth")
    app.include_router(metadata_router(jwt, url=f"{address}/auth", introspection=True))

    @app.get("/me")
    async def me(user: Annotated[User, Depends(jwt)]) -> dict[str, str]:
        return {"username": user.username}

    return app


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with both packages."""
    folder = tmp_path_factory.mktemp("oauth")
    yield npm.install(Path(__file__).with_name("oauth_clients"), folder)
    shutil.rmtree(folder)


def run(folder: Path, *arguments: str) -> Any:
    """What the script prints. It must succeed."""
    command = ["node", "oauth.js", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519", "ES256"])
async def test_token_endpoint(database_of_any_loop: Any, node: Path, algorithm: str) -> None:
    """
    oauth4webapi finds the endpoint by the API (RFC 9728 and RFC 8414), gets and refreshes tokens,
    validates one (RFC 9068), asks whether it is active (RFC 7662) and revokes it (RFC 7009). jose
    verifies it by the public keys. Each refusal has the code of its document.
    """
    await Users().create("ada", PASSWORD)
    await Users().create_service("reports")
    site = Site(FastAPI())
    with serving(site) as address:
        site.app = make_app(address, algorithm)
        done = run(node, address, PASSWORD, SERVICE, algorithm)
    assert done == {
        "username": "ada",
        "client": "notes",
        "subject": True,
        "algorithm": algorithm,
        "active": [True, "notes", False],
        "refused": {
            "wrong": "invalid_grant",
            "audience": "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
            "forged": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
            "stranger": "invalid_token",
            "refresh": "invalid_grant",
            "access": "invalid_token",
        },
    }
