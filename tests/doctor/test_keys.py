"""Checks of keys."""

import secrets
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    TOTP,
    EncryptionProvider,
    Fernet,
    JWTAuth,
    Key,
    KeyRing,
    Login,
    PlainText,
    SessionAuth,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
    generate_key,
    install,
    jwt_router,
    session_router,
)
from piccolo_api_fastapi.doctor import keys as checks
from tests.conftest import PASSWORD
from tests.doctor.examining import endpoint, found, severities
from tests.models import Customer

OLDER = "secrets of authenticator apps are encrypted with an older key. Run "
RANDOM = "Vq0cXo2fZr8n-5LwJdY1_TgKu7sHbEa9MiPxQjN3yRk"


def app_of(scheme: JWTAuth[User], *, prefix: str = "/auth") -> FastAPI:
    """An application with the routes of a scheme."""
    app = FastAPI()
    app.include_router(jwt_router(scheme), prefix=prefix)
    return app


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (RANDOM, "ok"),
        ("9f3ac07be15d6428d1b70e5f82c4a963", "ok"),
        (bytes.fromhex("00" + RANDOM.encode().hex()), "ok"),
        ("x" * 40, "warning"),
        ("qwertyuiop" * 5, "warning"),
        (f"your-SECRET-{RANDOM}", "warning"),
        (f"change_me_{RANDOM}", "warning"),
    ],
)
async def test_secrets(secret: str | bytes, expected: str) -> None:
    """A secret that looks random, and one that a person typed. It is never shown."""
    app = FastAPI()
    app.get("/", dependencies=[Depends(JWTAuth(secret=secret))])(endpoint)
    [line] = await found(app, "jwt_secret")
    assert line.startswith(f"{expected}: The secret of the key ")
    assert str(secret) not in line


async def test_rings() -> None:
    """Each secret of a ring is looked at. Asymmetric keys are random by themselves."""
    strong, weak = Key.from_secret(secrets.token_urlsafe(32)), Key.from_secret("y" * 32, kid="old")
    app = app_of(JWTAuth(keys=KeyRing(strong, weak)))
    app.get("/", dependencies=[Depends(JWTAuth(keys=KeyRing(strong), name="staff"))])(endpoint)
    assert await severities(app, "jwt_secret") == ["ok", "warning"]  # no key twice
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pem = Ed25519PrivateKey.generate().private_bytes(encoding, form, serialization.NoEncryption())
    assert await found(app_of(JWTAuth(keys=KeyRing(Key.from_pem(pem)))), "jwt_secret") == []


async def test_token_url() -> None:
    """Swagger asks for tokens where the route is; `install` sees to that."""
    scheme: JWTAuth[User] = JWTAuth(secret=secrets.token_urlsafe(32))
    assert await severities(app_of(scheme), "token_url") == ["ok"]
    app = app_of(scheme, prefix="/api")
    [line] = await found(app, "token_url")
    assert line.startswith("warning: The token_url of JWT is 'auth/token', and its route is /api/")
    install(app)
    assert await found(app, "token_url") == []
    app = FastAPI()
    app.get("/", dependencies=[Depends(scheme)])(endpoint)
    assert await found(app, "token_url") == []  # tokens are issued elsewhere


class KeyService(EncryptionProvider):
    """A key management service, which has its own names of keys."""

    async def encrypt(self, plaintext: bytes, associated_data: bytes) -> str:  # noqa: ARG002
        """Encrypt nothing."""
        return "service:" + plaintext.hex()

    async def decrypt(self, blob: str, associated_data: bytes) -> bytes:  # noqa: ARG002
        """Decrypt nothing."""
        return bytes.fromhex(blob.removeprefix("service:"))

    def is_current(self, blob: str) -> bool:
        """Return whether it made a blob."""
        return blob.startswith("service:")


def with_totp(encryption: EncryptionProvider | None) -> FastAPI:
    """An application with authenticator apps, if there is an encryption."""
    factors: Any = [] if encryption is None else [TOTP(issuer="Movies", encryption=encryption)]
    app = FastAPI()
    app.include_router(session_router(SessionAuth(), Login(factors=factors)))
    return app


async def store(user: User, encryption: EncryptionProvider, column: str = "secret") -> None:
    """Store a secret of a user, in use or `pending`."""
    values: Any = {"id": uuid4(), "user": user.id, column: await encryption.encrypt(b"seed", b"")}
    await TOTPSecret.insert(TOTPSecret(**values))


@pytest.mark.parametrize("kind", [XChaCha20Poly1305, Fernet])
async def test_encryption_keys(database: Any, ada: User, grace: User, kind: Any) -> None:
    """Keys that rows need are configured, or not; or the rows should be encrypted again."""
    old, new = generate_key(), generate_key()
    await store(ada, kind(old))
    await store(grace, kind(new), "pending")
    app = with_totp(kind(f"{new},{old}"))
    assert await severities(app, "encryption_keys") == ["ok"]
    [line] = await found(app, "older_keys")
    assert line == f"warning: 1 {OLDER}`piccolo piccolo_api_fastapi reencrypt`."
    [line] = await found(with_totp(kind(new)), "encryption_keys")
    assert line.startswith("error: 1 secrets of authenticator apps are encrypted with a key that ")
    assert old not in line
    await TOTPSecret.delete().where(TOTPSecret.user == ada.id)
    assert await severities(with_totp(kind(new)), "older_keys") == ["ok"]


async def test_older_keys_of_an_own_table(database: Any) -> None:
    """The advice is the command of the application, as the other one works on the stock table."""
    old, new = generate_key(), generate_key()
    users = Users(Customer)
    ada = await users.create("ada", PASSWORD)
    await TOTP(users, issuer="Movies", encryption=XChaCha20Poly1305(old)).begin(ada)
    totp = TOTP(users, issuer="Movies", encryption=XChaCha20Poly1305(f"{new},{old}"))
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), Login(users, factors=[totp])))
    [line] = await found(app, "older_keys")
    assert line.endswith(" Run the command `reencrypt` of your Piccolo app for Customer.")


async def test_pages_of_rows(
    database: Any, ada: User, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows are read, some at a time."""
    monkeypatch.setattr(checks, "PAGE", 1)
    for user in (ada, grace):
        await store(user, XChaCha20Poly1305(generate_key()))
    [line] = await found(with_totp(XChaCha20Poly1305(generate_key())), "encryption_keys")
    assert line.startswith("error: 2 secrets ")


async def test_other_encryption(database: Any, ada: User) -> None:
    """None at all is an error, and what a service does with its keys is its own."""
    assert await severities(
        with_totp(PlainText(i_know_that_nothing_is_encrypted=True)), "encryption_keys"
    ) == ["error"]
    await store(ada, KeyService())
    assert await found(with_totp(KeyService()), "encryption_keys") == []
    assert await severities(with_totp(KeyService()), "older_keys") == ["ok"]


async def test_authenticators(database: Any, ada: User) -> None:
    """Users have authenticator apps, and the application has no key for them."""
    encryption = XChaCha20Poly1305(generate_key())
    assert await found(with_totp(None), "authenticators") == []
    await store(ada, encryption)
    assert await severities(with_totp(encryption), "authenticators") == ["ok"]
    [line] = await found(with_totp(None), "authenticators")
    assert line.startswith("error: 1 users have an authenticator app, and no TOTP is configured")
