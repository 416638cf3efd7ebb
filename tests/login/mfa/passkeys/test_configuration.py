"""Configurations that no browser would accept, or that would let in more than was meant."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    ConfigurationError,
    JWTAuth,
    Login,
    Passkeys,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    install,
    passkey_login_router,
    passkey_router,
    related_origins_router,
    session_router,
)
from piccolo_api_fastapi.login.consistency import check_logins
from piccolo_api_fastapi.login.mfa.passkeys import service
from tests.conftest import new_client
from tests.models import Customer

from .conftest import SITE

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def make(users: Users[User], **changes: Any) -> Passkeys:
    """Passkeys of a site with other settings."""
    options: dict[str, Any] = {**SITE, **changes}
    return Passkeys(users, **options)


DOMAIN, ORIGINS = "rp_id must be a domain", "Each origin must be as browsers write it"


@pytest.mark.parametrize(
    "rp_id",
    [
        "",
        ".",
        "com",
        "com.",
        ".com",
        "example.com.",
        ".example.com",
        "example..com",
        "127.0.0.1",
        "127.1",
        "0x7f.1.1.0x1",
        "1.2.3.4.5",
        "::1",
        "[::1]",
        "Example.com",
        "example.com:8000",
        "https://example.com",
        "example.com/",
        "user@example.com",
        "ex\u00e4mple.com",
        "exa mple.com",
        "-example.com",
        "example.com\n",
        "a" * 64 + ".com",
        "a." * 130 + "com",
        "Localhost",
        "localhost:8000",
    ],
)
def test_domains(users: Users[User], rp_id: str) -> None:
    """A relying party is a domain in lower case: no address, port, scheme or top-level domain."""
    with pytest.raises(ConfigurationError, match=DOMAIN):
        make(users, rp_id=rp_id)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "*",
        "testserver.example",
        "http://testserver.example",
        "ftp://testserver.example",
        "http://127.0.0.1:8000",
        "https://127.0.0.1",
        "https://[::1]",
        "https://TESTSERVER.example",
        "HTTPS://testserver.example",
        "https://testserver.example/",
        "https://testserver.example/login",
        "https://testserver.example?a",
        "https://testserver.example#a",
        "https://testserver.example:443",
        "http://localhost:80",
        "https://testserver.example:",
        "https://testserver.example:0",
        "https://testserver.example:08443",
        "https://testserver.example:65536",
        "https://testserver.example:port",
        "https://ada@testserver.example",
        "https://*.testserver.example",
        "https://t\u00e4st.example",
        "https://testserver.example\n",
        " https://testserver.example",
    ],
)
def test_origins(users: Users[User], origin: str) -> None:
    """Each is compared with what browsers write: scheme, host, and a port that is not the usual."""
    for name in ("origins", "related_origins"):
        with pytest.raises(ConfigurationError, match=ORIGINS):
            make(users, **{name: [*SITE["origins"], origin]})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rp_name": ""}, "rp_name must be"),
        ({"origins": []}, "not be empty"),
        ({"origins": "https://testserver.example"}, "must be a list"),
        ({"origins": ["https://other.example"]}, "not on testserver.example"),
        ({"origins": ["https://eviltestserver.example"]}, "not on testserver.example"),
        ({"origins": ["https://example"]}, ORIGINS),
        ({"origins": ["http://localhost:8000"]}, "not on testserver.example"),
        ({"rp_id": "localhost"}, "not on localhost"),
        ({"recovery_codes": 0}, "recovery codes"),
        ({"recovery_codes": 101}, "recovery codes"),
        ({"max_per_user": 0}, "max_per_user must be at least 1"),
    ],
)
def test_settings(users: Users[User], options: dict[str, Any], message: str) -> None:
    """Each refusal says what is wrong."""
    with pytest.raises(ConfigurationError, match=message):
        make(users, **options)


@pytest.mark.parametrize(
    ("rp_id", "origins"),
    [
        ("localhost", ["http://localhost", "http://localhost:8000", "https://localhost:8443"]),
        ("app.localhost", ["https://app.localhost"]),
        ("example.com", ["https://example.com", "https://a.b.example.com:8443"]),
        ("xn--exmple-cua.com", ["https://xn--exmple-cua.com:65535"]),
    ],
)
def test_what_works(users: Users[User], rp_id: str, origins: list[str]) -> None:
    """Local development, subdomains, ports and encoded domains."""
    passkeys = Passkeys(users, rp_id=rp_id, rp_name="Movies", origins=origins)
    assert list(passkeys.party.origins) == origins


def test_without_the_extra(users: Users[User], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what to install."""
    monkeypatch.setattr(service, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"piccolo-api-fastapi\[passkeys\]"):
        Passkeys(users, **SITE)


def test_unknown_settings(users: Users[User]) -> None:
    """A name that is misspelt is refused, not ignored."""
    options: dict[str, Any] = {"relatd_origins": []}
    with pytest.raises(TypeError):
        Passkeys(users, **SITE, **options)


def other_users(session: SessionAuth[User], jwt: JWTAuth[User], passkeys: Passkeys) -> None:
    """Passkeys of customers in the login of users."""
    Login(session.users, factors=[Passkeys(Users(Customer), **SITE)])


def other_guard(session: SessionAuth[User], jwt: JWTAuth[User], passkeys: Passkeys) -> None:
    """Passkeys of customers behind a session of users."""
    passkey_router(Passkeys(Users(Customer), **SITE), session)


def other_scheme(session: SessionAuth[User], jwt: JWTAuth[User], passkeys: Passkeys) -> None:
    """A session of customers for the login of users."""
    login = Login(passkeys.users, factors=[passkeys])
    passkey_login_router(passkeys, login, SessionAuth(Users(Customer)))


def unknown(session: SessionAuth[User], jwt: JWTAuth[User], passkeys: Passkeys) -> None:
    """A login that does not know the passkeys."""
    passkey_login_router(passkeys, Login(passkeys.users), session)


def twice(session: SessionAuth[User], jwt: JWTAuth[User], passkeys: Passkeys) -> None:
    """Two factors of one name."""
    Login(passkeys.users, factors=[passkeys, Passkeys(passkeys.users, **SITE)])


def machines(session: SessionAuth[User], jwt: JWTAuth[User], passkeys: Passkeys) -> None:
    """No scheme for people."""
    passkey_router(passkeys, TokenAuth(passkeys.users))


def not_asked(session: SessionAuth[User], jwt: JWTAuth[User], passkeys: Passkeys) -> None:
    """Passkeys that can be added, and that no login asks for."""
    app = FastAPI()
    app.include_router(session_router(session, Login(passkeys.users)), prefix="/auth")
    app.include_router(passkey_router(passkeys, session), prefix="/auth")
    check_logins(app.router.routes)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (other_users, "user table"),
        (other_guard, "user table"),
        (other_scheme, "same user table"),
        (unknown, "factors="),
        (twice, "name of its own"),
        (machines, "for people"),
        (not_asked, "does not know"),
    ],
)
def test_parts_that_do_not_fit(
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    passkeys: Passkeys,
    build: Callable[..., None],
    message: str,
) -> None:
    """Each is refused when the application is made."""
    with pytest.raises(ConfigurationError, match=message):
        build(session, jwt, passkeys)


async def test_related_origins(users: Users[User], passkeys: Passkeys) -> None:
    """Browsers read those of other domains; without any there is no such route."""
    related = ["https://testserver.example.co.uk", "https://testserver.test"]
    app = FastAPI()
    install(app)
    app.include_router(related_origins_router(Passkeys(users, **SITE, related_origins=related)))
    async with new_client(app) as client:
        answer = await client.get("/.well-known/webauthn")
        assert (answer.status_code, answer.json()) == (200, {"origins": related})
        assert answer.headers["content-type"] == "application/json"
        assert "no-store" not in answer.headers.get("cache-control", "")
    bare = FastAPI()
    bare.include_router(related_origins_router(passkeys))
    async with new_client(bare) as client:
        assert (await client.get("/.well-known/webauthn")).status_code == 404
