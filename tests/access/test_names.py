"""Names of schemes: in OpenAPI, in operation ids, and what is no name."""

from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    ConfigurationError,
    JWTAuth,
    Login,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    install,
    jwt_router,
    metadata_router,
    mfa_router,
    reauthentication_router,
    session_router,
    token_router,
)
from tests.conftest import KEY, SECRET, reaches_no_sql

pytestmark = reaches_no_sql


def make(users: Users[User], **options: Any) -> list[Any]:
    """A scheme of each kind, of which OpenAPI has one operation each."""
    secret = options.get("name", "") + "0" * 32
    issuer = "https://example.com"
    return [
        SessionAuth(users, **options),
        JWTAuth(users, secret=SECRET, issuer=issuer, **options),
        TokenAuth(users, **options),
        StaticTokens({"ada": secret}, users, **options),
    ]


def document(users: Users[User], **prefix: Any) -> dict[str, Any]:
    """The document of an application that has all routers twice, once for staff."""
    app = FastAPI()
    install(app)
    for options in ({}, {"name": "back-office"}):
        session, jwt, token, static = make(users, **options)
        totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
        login, guard = Login(users, factors=[totp]), AnyOf(session, jwt)
        accounts = Accounts(users, schemes=[session, jwt], extra=["first_name"])
        own = prefix if options else {}
        for router in (
            session_router(session, login, **own),
            jwt_router(jwt, login, introspection=static, **own),
            token_router(token, guard, **own),
            mfa_router(totp, guard, **own),
            reauthentication_router(login, guard, **own),
            accounts_router(accounts, **own),
        ):
            app.include_router(router, prefix=f"/{options.get('name', 'auth')}")
        url = f"https://example.com/{options.get('name', 'auth')}"
        path = f"/{options['name']}" if options else ""
        app.include_router(metadata_router(jwt, url=url, **own), prefix=path)
    return app.openapi()


def ids(document: dict[str, Any]) -> list[str]:
    """All operation ids."""
    return [entry["operationId"] for item in document["paths"].values() for entry in item.values()]


def test_openapi(users: Users[User]) -> None:
    """Each kind and each operation has a name of its own, and each token URL is right."""
    made = document(users)
    schemes = made["components"]["securitySchemes"]
    kinds = {"Session", "JWT", "StaticToken"}
    assert kinds | {f"BackOffice{kind}" for kind in kinds} == set(schemes)
    assert schemes["JWT"]["flows"]["password"]["tokenUrl"] == "auth/token"
    assert schemes["BackOfficeJWT"]["flows"]["password"]["tokenUrl"] == "back-office/token"
    assert schemes["BackOfficeSession"]["name"] == "__Host-back-office-session"
    found = ids(made)
    plain = [name for name in found if not name.startswith("back_office_")]
    assert sorted(plain) == sorted(set(plain))
    assert {f"back_office_{name}" for name in plain} == set(found) - set(plain)
    assert {"MeOut", "BackOfficeMeOut"} <= made["components"]["schemas"].keys()


def test_a_prefix_of_ones_own(users: Users[User]) -> None:
    """`operation_prefix` replaces the name of the schemes, on every router."""
    found = ids(document(users, operation_prefix="v2"))
    plain = {name for name in found if not name.startswith("v2_")}
    assert {f"v2_{name}" for name in plain} == set(found) - plain


def test_no_common_name(users: Users[User]) -> None:
    """A router for schemes with different names has no prefix; an empty one is refused."""
    session, staff = SessionAuth(users), SessionAuth(users, name="staff")
    router = reauthentication_router(Login(users), AnyOf(session, staff))
    app = FastAPI()
    app.include_router(router)
    assert ids(app.openapi()) == ["reauthenticate"]
    with pytest.raises(ConfigurationError, match="operation_prefix is ''; use lower-case"):
        session_router(session, operation_prefix="")


def test_names_of_schemes(users: Users[User]) -> None:
    """Identities and OpenAPI name a scheme alike; no name of a scheme has spaces or capitals."""
    schemes = make(users, name="back_office")
    kinds = ["Session", "JWT", "APIToken", "StaticToken"]
    assert [scheme.scheme_name for scheme in schemes] == [f"BackOffice{kind}" for kind in kinds]
    assert [scheme.scheme_name for scheme in make(users)] == kinds
    with pytest.raises(ConfigurationError, match="name is 'Back office'; use lower-case"):
        JWTAuth(users, secret=SECRET, name="Back office")


def test_audiences(users: Users[User]) -> None:
    """A name is in the audience, unless that is given."""
    named = JWTAuth(users, secret=SECRET, name="staff")
    assert named.audience == "piccolo_api_fastapi/staff"
    assert JWTAuth(users, secret=SECRET).audience == "piccolo_api_fastapi"
    given = JWTAuth(users, secret=SECRET, name="staff", audience="staff")
    assert given.audience == "staff"
