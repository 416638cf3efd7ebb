"""Who is compared. To add one, add a line to `CONTENDERS` and a variant to its module."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contender:
    """
    One application.

    Args:
        name: Its key in the results.
        title: What tables and plots call it.
        module: In this package; offers `prepare()`, `application(variant)`, `login(variant)`
            and `credential(headers, body, variant)`. Contenders of one module share a database.
        variant: Which of the applications of the module.
        quick: Whether `QUICK=1` includes it.
        asks: Whether it asks the database for each request.
        only: The one kind of database that it makes sense on.
    """

    name: str
    title: str
    module: str
    variant: str
    quick: bool = False
    asks: bool = True
    only: str | None = None


BARE = Contender("bare", "bare FastAPI, no authentication", "bare", "", quick=True, asks=False)

CONTENDERS: tuple[Contender, ...] = (
    BARE,
    Contender("pyjwt", "by hand: PyJWT", "by_hand", "pyjwt-HS256", quick=True, asks=False),
    Contender("pyjwt-rs256", "by hand: PyJWT, RS256", "by_hand", "pyjwt-RS256", asks=False),
    Contender("pyjwt-es256", "by hand: PyJWT, ES256", "by_hand", "pyjwt-ES256", asks=False),
    Contender("pyjwt-eddsa", "by hand: PyJWT, EdDSA", "by_hand", "pyjwt-EdDSA", asks=False),
    Contender("pyjwt-driver", "by hand: PyJWT, one query on the driver", "by_hand", "jwt-driver"),
    Contender("session-driver", "by hand: session, one query on the driver", "by_hand", "driver"),
    Contender(
        "pyjwt-piccolo", "by hand: PyJWT, one raw query by Piccolo", "by_hand", "jwt-piccolo"
    ),
    Contender(
        "session-piccolo",
        "by hand: session, one raw query by Piccolo",
        "by_hand",
        "piccolo",
        quick=True,
    ),
    Contender("piccolo-api-session", "piccolo-api: session", "piccolo_api_", "session", quick=True),
    Contender("piccolo-api-jwt", "piccolo-api: JWT", "piccolo_api_", "jwt"),
    Contender("piccolo-api-token", "piccolo-api: token", "piccolo_api_", "token"),
    Contender("fastapi-users-jwt", "fastapi-users: JWT", "fastapi_users_", "jwt", quick=True),
    Contender(
        "fastapi-users-session", "fastapi-users: database session", "fastapi_users_", "session"
    ),
    Contender("authx", "AuthX: JWT, no query", "authx_", "", quick=True, asks=False),
    Contender("session", "here: session", "ours", "session", quick=True),
    Contender(
        "session-kept",
        "here: session, PersistentSQLiteEngine",
        "ours",
        "session-kept",
        quick=True,
        only="sqlite",
    ),
    Contender("jwt-kept", "here: JWT, PersistentSQLiteEngine", "ours", "jwt-kept", only="sqlite"),
    Contender(
        "session-pooled",
        "here: session, PooledPostgresEngine",
        "ours",
        "session-kept",
        quick=True,
        only="postgres",
    ),
    Contender("jwt-pooled", "here: JWT, PooledPostgresEngine", "ours", "jwt-kept", only="postgres"),
    Contender("jwt", "here: JWT", "ours", "jwt", quick=True),
    Contender("session-limited", "here: session, RateLimit", "ours", "session-limited"),
    Contender("jwt-limited", "here: JWT, RateLimit", "ours", "jwt-limited"),
    Contender("token", "here: API token", "ours", "token"),
    Contender("token-limited", "here: API token, RateLimit", "ours", "token-limited"),
    Contender("claims", "here: jwt.claims", "ours", "claims-HS256", quick=True, asks=False),
    Contender(
        "claims-limited", "here: jwt.claims, RateLimit", "ours", "claims-limited", asks=False
    ),
    Contender("claims-rs256", "here: jwt.claims, RS256", "ours", "claims-RS256", asks=False),
    Contender("claims-es256", "here: jwt.claims, ES256", "ours", "claims-ES256", asks=False),
    Contender("claims-eddsa", "here: jwt.claims, EdDSA", "ours", "claims-EdDSA", asks=False),
    Contender("any-cookie", "here: AnyOf, by cookie", "ours", "any-cookie"),
    Contender("any-limited", "here: AnyOf, by cookie, RateLimit", "ours", "any-limited"),
    Contender("any-bearer", "here: AnyOf, by access token", "ours", "any-bearer"),
    Contender("any-token", "here: AnyOf, by API token", "ours", "any-token"),
)

BY_NAME = {contender.name: contender for contender in CONTENDERS}
