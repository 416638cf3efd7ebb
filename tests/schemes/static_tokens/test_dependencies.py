"""Fixed secrets of services."""

import hmac
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    Identity,
    JWTAuth,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    in_person,
    install,
    is_service,
    jwt_router,
)
from piccolo_api_fastapi.schemes.static_tokens import dependencies
from tests.conftest import bearer, get_tokens, new_client, reaches_no_sql

METRICS = "m" * 32
OLD = "an-old_secret~of+services/1234567890="
NEW = "a-new-secret-of-services-12345678"


@pytest.fixture
async def metrics(users: Users[User]) -> User:
    """A service."""
    return await users.create_service("metrics", admin=True)


@pytest.fixture
def static(users: Users[User]) -> StaticTokens[User]:
    """Two services; the secret of one is being changed."""
    return StaticTokens({"metrics": METRICS, "backup": [OLD, NEW]}, users)


@pytest.fixture
def app(
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    users: Users[User],
    static: StaticTokens[User],
) -> FastAPI:
    """`/static` by a fixed secret, `/any` by any scheme, `/person` in person."""
    app = FastAPI()
    install(app)
    app.include_router(jwt_router(jwt), prefix="/auth")
    anybody: AnyOf[User] = AnyOf(session, jwt, TokenAuth(users), static)

    @app.get("/static")
    async def by_secret(user: Annotated[User, Depends(static)]) -> str:
        return user.username

    @app.get("/any")
    async def by_any(
        identity: Annotated[Identity[User], Depends(anybody.identity)],
    ) -> dict[str, Any]:
        return {
            "scheme": identity.scheme,
            "credential": str(identity.credential_id),
            "scopes": sorted(identity.scopes),
            "since": identity.authenticated_at.isoformat(),
        }

    @app.get("/person")
    async def person(user: Annotated[User, Depends(in_person(anybody))]) -> str:
        return user.username

    return app


@pytest.fixture
async def service(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with new_client(app) as client:
        yield client


async def test_a_secret_lets_in(service: httpx.AsyncClient, metrics: User) -> None:
    """Alone and among others; who it is, with the scopes of the user, proved present never."""
    headers = bearer(METRICS)
    assert (await service.get("/static", headers=headers)).json() == "metrics"
    assert (await service.get("/any", headers=headers)).json() == {
        "scheme": "StaticToken",
        "credential": "metrics",
        "scopes": ["admin"],
        "since": datetime(1970, 1, 1, tzinfo=timezone.utc).isoformat(),
    }
    assert (await service.get("/static")).status_code == 401


async def test_two_secrets(service: httpx.AsyncClient, users: Users[User]) -> None:
    """While a secret is being changed, both work."""
    await users.create_service("backup")
    for secret in (OLD, NEW):
        assert (await service.get("/static", headers=bearer(secret))).json() == "backup"


async def test_others_pass_by(service: httpx.AsyncClient, users: Users[User], ada: User) -> None:
    """Tokens of other schemes beside it work, and are none of its own."""
    access = (await get_tokens(service))["access_token"]
    api_token = (await TokenAuth(users).create(ada, "report")).secret
    for token, scheme in ((access, "JWT"), (api_token, "APIToken")):
        assert (await service.get("/any", headers=bearer(token))).json()["scheme"] == scheme
        assert (await service.get("/static", headers=bearer(token))).status_code == 401


WRONG = [
    METRICS[:-1],
    METRICS + "m",
    METRICS.upper(),
    "\u00e9" * 32,
    "x" * 8000,
    "metrics",
    "Basic " + METRICS,
]


@reaches_no_sql
async def test_wrong(service: httpx.AsyncClient, metrics: User) -> None:
    """Anything else is a 401."""
    for wrong in WRONG:
        headers = {b"Authorization": f"Bearer {wrong}".encode()}
        for path in ("/static", "/any"):
            answer = await service.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.mark.security(15)
@pytest.mark.security(23)
async def test_the_gate(service: httpx.AsyncClient, users: Users[User]) -> None:
    """A right secret of an unknown or disabled user is refused."""
    for secret in (METRICS, OLD):
        assert (await service.get("/static", headers=bearer(secret))).status_code == 401
    await users.create_service("metrics", active=False)
    assert (await service.get("/any", headers=bearer(METRICS))).status_code == 401


@pytest.mark.security(62)
async def test_in_person(service: httpx.AsyncClient, metrics: User) -> None:
    """A fixed secret manages no credentials."""
    answer = await service.get("/person", headers=bearer(METRICS))
    assert (answer.status_code, answer.json()["code"]) == (403, "credential_not_allowed")


async def test_constant_time(
    service: httpx.AsyncClient, metrics: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is presented, the digest of every secret is compared, in constant time."""
    compared: list[tuple[int, int]] = []

    def spy(presented: bytes, digest: bytes) -> bool:
        compared.append((len(presented), len(digest)))
        return hmac.compare_digest(presented, digest)

    monkeypatch.setattr(dependencies, "compare_digest", spy)
    for token in (METRICS, NEW, "x", "y" * 5000):
        compared.clear()
        await service.get("/static", headers=bearer(token))
        assert compared == [(32, 32)] * 3


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "secrets",
    [
        {},
        {"a": ""},
        {"a": None},
        {"a": []},
        {"a": "x" * 31},
        {"a": "x" * 513},
        {"a": "x" * 31 + " "},
        {"a": "x" * 31 + "\u00e9"},
        {"a": "header.payload.signature" * 2},
        {"a": ["x" * 32, "short"]},
        {"a": METRICS, "b": METRICS},
        {"a": [METRICS, METRICS]},
    ],
)
def test_configuration(users: Users[User], secrets: Any) -> None:
    """A weak, unusable or shared secret is refused when the object is made, and not shown."""
    with pytest.raises(ConfigurationError) as caught:
        StaticTokens(secrets, users)
    assert METRICS not in str(caught.value)


@pytest.mark.security(115)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_secrets_are_not_kept(static: StaticTokens[User]) -> None:
    """The object knows digests only, and shows nothing."""
    kept = repr(static) + repr(vars(static))
    for secret in (METRICS, OLD, NEW):
        assert secret not in kept


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_openapi(app: FastAPI) -> None:
    """The scheme is listed, and its errors are documented."""
    document = app.openapi()
    scheme = document["components"]["securitySchemes"]["StaticToken"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    entry = document["paths"]["/static"]["get"]
    assert entry["security"] == [{"StaticToken": []}]
    assert {"400", "401", "403", "503"} <= set(entry["responses"])


@reaches_no_sql
async def test_its_own_users(metrics: User, static: StaticTokens[User]) -> None:
    """Without `users` it asks for the stock ones; a service is told from a person."""
    assert StaticTokens({"metrics": METRICS}).users.table is User
    assert static.clock is static.users.clock
    assert is_service(metrics)
