"""Clients that others generate from the document compile strictly, log in, and meet errors."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from fastapi import Depends, FastAPI
from pyotp import totp as pyotp_totp

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    ConsoleMail,
    Cookie,
    JWTAuth,
    Key,
    KeyRing,
    Login,
    Passkeys,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    install,
    jwt_router,
    mfa_router,
    passkey_login_router,
    passkey_router,
    reauthentication_router,
    require,
    session_router,
    token_router,
)
from tests.conftest import KEY, PASSWORD
from tests.integration import npm
from tests.integration.serving import serving

CLIENTS = Path(__file__).with_name("clients")

# Without its cache, mypy reads all of httpx each time.
CACHE = Path(__file__).parents[2] / ".mypy_cache" / "clients"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # packages are fetched
    # A client sees no difference.
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def make_app(users: Users[User], totp: TOTP) -> FastAPI:
    """An application with every router."""
    session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    jwt, token = JWTAuth(users, keys=KeyRing(Key.from_pem(pem))), TokenAuth(users)
    passkeys = Passkeys(users, rp_id="localhost", rp_name="Clients", origins=["http://localhost"])
    login = Login(users, factors=[totp, passkeys])
    accounts = Accounts(
        users,
        mail=ConsoleMail(),
        base_url="http://localhost",
        schemes=[session, jwt],
        extra=["first_name"],
    )
    current_user = AnyOf(session, jwt, token)
    app = FastAPI(title="Clients")
    install(app)
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        mfa_router(totp, AnyOf(session, jwt)),
        passkey_router(passkeys, AnyOf(session, jwt)),
        passkey_login_router(passkeys, login, session),
        passkey_login_router(passkeys, login, jwt),
        reauthentication_router(login, AnyOf(session, jwt)),
        token_router(token, session),
        accounts_router(accounts),
    ):
        app.include_router(router, prefix="/auth")

    @app.get("/admin", tags=["own"], operation_id="admin")
    async def admin(user: Annotated[User, Depends(require(current_user, admin=True))]) -> str:
        """For administrators."""
        return user.username

    app.openapi_tags = [{"name": "own", "description": "Of the application."}]
    return app


class Served:
    """An application on a socket, its document in a file, and codes of ada's second factor."""

    def __init__(self, address: str, document: Path, codes: list[str]) -> None:
        self.address = address
        self.document = document
        self.codes = codes


@pytest.fixture
async def served(database_of_any_loop: Any, tmp_path: Path) -> Any:
    """The application, with ada, who has a second factor."""
    users = Users()
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Clients")
    ada = await users.create("ada", PASSWORD)
    codes = await totp.confirm(ada, pyotp_totp.TOTP((await totp.begin(ada)).secret).now())
    app = make_app(users, totp)
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(app.openapi()))
    with serving(app) as address:
        yield Served(address, document, [*codes])


def run(folder: Path, *command: str | Path) -> str:
    """What a command prints. It must succeed."""
    own = [Path(sys.executable).parent, folder / "node_modules" / ".bin"]
    path = os.pathsep.join([*map(str, own), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the packages of Node that the tests need."""
    folder = tmp_path_factory.mktemp("node")
    yield npm.install(CLIENTS, folder)
    shutil.rmtree(folder)


def check(printed: str) -> None:
    """The client did it all: two codes are used up."""
    expected = {"username": "ada", "left": 8, "refused": "too_many_requests"}
    assert json.loads(printed) == expected


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="openapi-python-client is installed from Python 3.11 on"
)
async def test_python(served: Served, tmp_path: Path) -> None:
    """A client of openapi-python-client lacks nothing, and is strictly typed."""
    run(
        tmp_path,
        *("openapi-python-client", "generate", "--path", served.document),
        *("--output-path", "client", "--meta", "none", "--fail-on-warning"),
    )
    shutil.copy(CLIENTS / "usage.txt", tmp_path / "usage.py")
    # `client.py` is the same for every document.
    config = "[mypy]\nstrict = True\n[mypy-client.client]\nignore_errors = True\n"
    (tmp_path / "mypy.ini").write_text(config)
    run(tmp_path, "mypy", "--cache-dir", CACHE, "client", "usage.py")
    check(run(tmp_path, sys.executable, "usage.py", served.address, *served.codes[:2]))


async def test_typescript(served: Served, node: Path) -> None:
    """The types of openapi-typescript are strict, and tell the bodies apart."""
    # The compiler reads them as our code, unlike the `.d.ts` of libraries, which it doesn't check.
    run(node, "openapi-typescript", served.document, "--output", "api.ts")
    run(node, "tsc", "--project", ".")
    check(run(node, "node", "out/usage.js", served.address, *served.codes[:2]))


async def test_redocly(served: Served, node: Path) -> None:
    """Redocly accepts the document, but for what `clients/redocly.yaml` lists with a reason."""
    shutil.copy(served.document, node)
    run(node, "redocly", "lint", "--config", "redocly.yaml", "openapi.json")


async def test_spectral(served: Served, node: Path) -> None:
    """Spectral accepts it, but for what `clients/spectral.yaml` lists with a reason."""
    command = ("spectral", "lint", "--ruleset", "spectral.yaml", "--fail-severity", "hint")
    run(node, *command, served.document)
