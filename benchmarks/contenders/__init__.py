"""Who is compared. To add one, add a line to `CONTENDERS` and a variant to its module."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Contender:
    """
    One application.

    Args:
        name: Its key in the results.
        title: What tables and plots call it.
        module: In this package; offers `prepare()`, `application(variant)`, `login(variant)`
            and `credential(headers, body, variant)`. Contenders of one module share a database.
            Where 64 logins would take long, or tokens of the same second are alike,
            `issue(variant)` or `further(headers, number, variant)` gives other credentials.
        variant: Which of the applications of the module.
        quick: Whether `QUICK=1` includes it.
        main: Whether it runs in every round and at each number of connections, also if time is
            short.
        asks: Whether it asks the database for each request.
        only: The one kind of database that it makes sense on.
    """

    name: str
    title: str
    module: str
    variant: str
    quick: bool = False
    main: bool = False
    asks: bool = True
    only: str | None = None


BARE = Contender(
    "bare", "bare FastAPI, no authentication", "bare", "", quick=True, main=True, asks=False
)


def _by_hand(name: str, title: str, variant: str, **options: Any) -> Contender:
    return Contender(name, f"by hand: {title}", "by_hand", variant, **options)


def _here(name: str, title: str, variant: str = "", **options: Any) -> Contender:
    return Contender(name, f"here: {title}", "ours", variant or name, **options)


CONTENDERS: tuple[Contender, ...] = (
    BARE,
    _by_hand("pyjwt", "PyJWT", "pyjwt-HS256", quick=True, main=True, asks=False),
    _by_hand("pyjwt-rs256", "PyJWT, RS256", "pyjwt-RS256", asks=False, only="postgres"),
    _by_hand("pyjwt-es256", "PyJWT, ES256", "pyjwt-ES256", asks=False, only="postgres"),
    _by_hand("pyjwt-eddsa", "PyJWT, EdDSA", "pyjwt-EdDSA", asks=False, only="postgres"),
    _by_hand("pyjwt-driver", "PyJWT, one query on the driver", "jwt-driver", main=True),
    _by_hand("session-driver", "session, one query on the driver", "driver", main=True),
    _by_hand("pyjwt-piccolo", "PyJWT, one raw query by Piccolo", "jwt-piccolo", main=True),
    _by_hand(
        "session-piccolo", "session, one raw query by Piccolo", "piccolo", quick=True, main=True
    ),
    Contender(
        "piccolo-api-session",
        "piccolo-api: session",
        "piccolo_api_",
        "session",
        quick=True,
        main=True,
    ),
    Contender("piccolo-api-jwt", "piccolo-api: JWT", "piccolo_api_", "jwt"),
    Contender("piccolo-api-token", "piccolo-api: token", "piccolo_api_", "token"),
    Contender(
        "fastapi-users-jwt", "fastapi-users: JWT", "fastapi_users_", "jwt", quick=True, main=True
    ),
    Contender(
        "fastapi-users-session",
        "fastapi-users: database session",
        "fastapi_users_",
        "session",
        main=True,
    ),
    Contender("authx", "AuthX: JWT, no query", "authx_", "", quick=True, asks=False),
    _here("session", "session", quick=True, main=True),
    _here("jwt", "JWT", quick=True, main=True),
    _here("token", "API token", main=True),
    _here("session-kept", "session, PersistentSQLiteEngine", only="sqlite", quick=True, main=True),
    _here("jwt-kept", "JWT, PersistentSQLiteEngine", only="sqlite"),
    _here("token-kept", "API token, PersistentSQLiteEngine", only="sqlite"),
    _here(
        "session-pooled",
        "session, PooledPostgresEngine",
        "session-kept",
        only="postgres",
        quick=True,
        main=True,
    ),
    _here("jwt-pooled", "JWT, PooledPostgresEngine", "jwt-kept", only="postgres", main=True),
    _here("token-pooled", "API token, PooledPostgresEngine", "token-kept", only="postgres"),
    _here("session-limited", "session, RateLimit"),
    _here("jwt-limited", "JWT, RateLimit"),
    _here("token-limited", "API token, RateLimit"),
    _here("claims", "jwt.claims", "claims-HS256", quick=True, main=True, asks=False),
    _here("claims-limited", "jwt.claims, RateLimit", asks=False),
    _here("claims-rs256", "jwt.claims, RS256", "claims-RS256", asks=False, only="postgres"),
    _here("claims-es256", "jwt.claims, ES256", "claims-ES256", asks=False, only="postgres"),
    _here("claims-eddsa", "jwt.claims, EdDSA", "claims-EdDSA", asks=False, only="postgres"),
    _here("any-cookie", "AnyOf, by cookie", main=True),
    _here("any-limited", "AnyOf, by cookie, RateLimit"),
    _here("any-bearer", "AnyOf, by access token"),
    _here("any-token", "AnyOf, by API token"),
)

WHOLE = (
    Contender("no-routers", "here: install(app), no router", "whole", "", main=True, asks=False),
    Contender(
        "all-routers", "here: install(app), all routers", "whole", "all", main=True, asks=False
    ),
)
"""Applications with a route that nobody guards."""

BY_NAME = {contender.name: contender for contender in (*CONTENDERS, *WHOLE)}
