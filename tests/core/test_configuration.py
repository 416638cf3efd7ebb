"""Public constructors and routers refuse what is not wanted, and say what is."""

# What type checkers refuse is what this is about.
# mypy: disable-error-code="arg-type, dict-item, list-item, misc, type-var"
# pyright: reportArgumentType=false, reportCallIssue=false

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as sync_redis

import piccolo_api_fastapi
from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    Captcha,
    ClientAddress,
    ConfigurationError,
    ConsoleMail,
    Cookie,
    EmailCode,
    HCaptcha,
    JWTAuth,
    Key,
    KeyRing,
    KnownDevices,
    Login,
    LoginLimits,
    Notices,
    PasswordPolicy,
    PersistentSQLiteEngine,
    PiccoloStore,
    PooledPostgresEngine,
    RateLimit,
    RedisStore,
    SameOrigin,
    Session,
    SessionAuth,
    SMTPMail,
    StaticTokens,
    TokenAuth,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    auth_tables,
    by_user,
    in_person,
    install,
    jwt_router,
    mfa_router,
    optional,
    reauthentication_router,
    require,
    session_router,
    subscribe,
    token_router,
    use_store,
)
from piccolo_api_fastapi.core.configuration import configured
from tests.conftest import KEY, SECRET, reaches_no_sql
from tests.models import Customer, Member

SECRETIVE = "a secret that no message may have"


def totp(users: Any = None) -> TOTP:
    """An authenticator for these users."""
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


def jwt(users: Any = None) -> JWTAuth[Any]:
    """JWTs of these users."""
    return JWTAuth(users, secret=SECRET)


WRONG: list[tuple[Callable[..., Any], str]] = [
    (
        lambda: SessionAuth(Member),
        "SessionAuth: users must be Users or None, not the class Member. Did you mean Users(Mem",
    ),
    (lambda: JWTAuth(SECRETIVE), "JWTAuth: users must be Users or None, not str. Did you mean "),
    (lambda: JWTAuth(secret=3), "JWTAuth: secret must be str or bytes or None, not int."),
    (
        lambda: Login(factors=totp()),
        "Login: factors must be a list of SecondFactor, not TOTP. Put it into a list.",
    ),
    (
        lambda: Login(factors=[SessionAuth()]),
        "Login: factors must be a list of SecondFactor, not a list of SessionAuth.",
    ),
    (lambda: Login(totp()), "Login: users must be Users or None, not TOTP."),
    (lambda: Login(limits=RateLimit("1/day")), "Login: limits must be LoginLimits or None, not "),
    (lambda: LoginLimits(address="1/day"), "LoginLimits: address must be RateLimit or None, not "),
    (lambda: Users(Users()), "Users: table must be a subclass of BaseUser or None, not Users."),
    (lambda: Users(Session), "Users: table must be a subclass of BaseUser or None, not the class "),
    (lambda: Users(scopes_of=["read"]), "Users: scopes_of must be a function or None, not a list "),
    (
        lambda: SessionAuth(Cookie()),
        "SessionAuth: users must be Users or None, not Cookie. Did you",
    ),
    (lambda: SessionAuth(cookie="s"), "SessionAuth: cookie must be Cookie or None, not str."),
    (lambda: SessionAuth(idle=3600), "SessionAuth: idle must be timedelta, not int."),
    (lambda: SessionAuth(cap=True), "SessionAuth: cap must be int or None, not bool."),
    (lambda: SessionAuth(table=Customer), "SessionAuth: table must be a subclass of Session or "),
    (lambda: TokenAuth("pat"), "TokenAuth: users must be Users or None, not str. Did you mean "),
    (lambda: StaticTokens(Users(), {}), "StaticTokens: secrets must be a dict of str to str or a "),
    (
        lambda: StaticTokens({"a": 3}),
        "StaticTokens: secrets must be a dict of str to str or a list",
    ),
    (lambda: KnownDevices(cookie="s"), "KnownDevices: cookie must be Cookie or None, not str."),
    (lambda: TOTP(encryption=KEY, issuer="x"), "TOTP: encryption must be EncryptionProvider or "),
    (lambda: EmailCode(send="x"), "EmailCode: send must be a function or None, not str."),
    (lambda: Notices(mail=SMTPMail), "Notices: mail must be a function, not the class SMTPMail."),
    (lambda: Accounts(schemes=SessionAuth()), "Accounts: schemes must be a list of Scheme, not S"),
    (lambda: Cookie(name=None), "Cookie: name must be str, not None."),
    (
        lambda: ClientAddress(trusted=[1]),
        "ClientAddress: trusted must be a list of str or int, not",
    ),
    (
        lambda: SameOrigin(trusted_origins="https://a.example"),
        "SameOrigin: trusted_origins must be ",
    ),
    (lambda: PasswordPolicy(8.5), "PasswordPolicy: minimum must be int, not float."),
    (lambda: Captcha(SECRETIVE), "Captcha: verifier must be a function, not str. Did you mean "),
    (lambda: Captcha(print, timeout=None), "Captcha: timeout must be float, not None."),
    (
        lambda: Captcha(print, on_outage="x"),
        "Captcha: on_outage must be 'deny' or 'allow', not str",
    ),
    (lambda: HCaptcha(None), "HCaptcha: secret must be str, not None."),
    (lambda: SMTPMail(None, sender="a@example.com"), "SMTPMail: host must be str, not None."),
    (lambda: ConsoleMail("out.txt"), "ConsoleMail: stream must be TextIO or None, not str."),
    (lambda: KeyRing(SECRETIVE), "KeyRing: current must be Key, not str."),
    (
        lambda: KeyRing(Key.from_secret(SECRET), SECRET),
        "KeyRing: retired must be a list of Key, not",
    ),
    (lambda: Key.from_secret(None), "Key.from_secret: secret must be str or bytes, not None."),
    (lambda: XChaCha20Poly1305(None), "XChaCha20Poly1305: keys must be KeyRing or str, not None."),
    (
        lambda: PooledPostgresEngine("app"),
        "PooledPostgresEngine: config must be a dict of str to ",
    ),
    (
        lambda: PersistentSQLiteEngine(3),
        "PersistentSQLiteEngine: path must be str or PathLike, not ",
    ),
    (
        lambda: PiccoloStore(Member),
        "PiccoloStore: table must be a subclass of RateLimitState, not ",
    ),
    (
        lambda: RateLimit("1/day", store="redis://x"),
        "RateLimit: store must be Store or None, not s",
    ),
    (lambda: use_store(RedisStore), "use_store: store must be Store or None, not the class RedisS"),
    (lambda: auth_tables(Users()), "auth_tables: user must be a subclass of BaseUser, not Users."),
    (lambda: install(SessionAuth()), "install: app must be FastAPI, not SessionAuth."),
    (lambda: subscribe("x"), "subscribe: listener must be a function, not str."),
    (lambda: require(Users()), "require: guard must be Guard, not Users."),
    (lambda: optional(SessionAuth), "optional: guard must be Guard, not the class SessionAuth."),
    (lambda: in_person(Login()), "in_person: guard must be Guard, not Login."),
    (lambda: by_user(Users()), "by_user: guard must be Guard, not Users."),
    (lambda: session_router(Login(), SessionAuth()), "session_router: session must be SessionAuth"),
    (lambda: jwt_router(SessionAuth()), "jwt_router: jwt must be JWTAuth, not SessionAuth."),
    (
        lambda: token_router(SessionAuth(), TokenAuth()),
        "token_router: token must be TokenAuth, not ",
    ),
    (lambda: mfa_router(SessionAuth(), totp()), "mfa_router: totp must be TOTP, not SessionAuth."),
    (
        lambda: reauthentication_router(SessionAuth(), Login()),
        "reauthentication_router: login must",
    ),
    (lambda: accounts_router(Users()), "accounts_router: accounts must be Accounts, not Users."),
    (
        lambda: AnyOf(Users()),
        "AnyOf takes one or more schemes with different names, such as Session",
    ),
    (
        lambda: AnyOf(SessionAuth(), jwt(Users(Member))),
        "AnyOf needs one user table, not User and Mem",
    ),
    (
        lambda: mfa_router(totp(Users(Member)), SessionAuth()),
        "mfa_router needs one user table, not ",
    ),
    (
        lambda: reauthentication_router(Login(Users(Member)), SessionAuth()),
        "reauthentication_router needs one user table, not Member and User;",
    ),
    (
        lambda: RedisStore("localhost"),
        "RedisStore needs a URL such as redis://localhost:6379, redi",
    ),
    (
        lambda: RedisStore(f"redis://x:{SECRETIVE}"),
        "RedisStore needs a URL such as redis://localho",
    ),
    (
        lambda: RedisStore("redis://localhost?sokcet_timeout=1"),
        "RedisStore needs a URL such as red",
    ),
    (
        lambda: RedisStore(""),
        "RedisStore needs a URL such as redis://localhost:6379, rediss://… fo",
    ),
    (
        lambda: RedisStore(6379),
        "RedisStore needs a URL, or a Redis or RedisCluster of redis.asynci",
    ),
    (
        lambda: RedisStore(sync_redis.Redis()),
        "RedisStore needs a URL, or a Redis or RedisCluster o",
    ),
]


@reaches_no_sql
@pytest.mark.parametrize(("make", "sentence"), WRONG)
def test_wrong(database: Any, make: Callable[[], Any], sentence: str) -> None:
    """The sentence names the argument, what is wanted and what was given, and has no value."""
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert str(raised.value).startswith(sentence)
    assert SECRETIVE not in str(raised.value)


def test_advice() -> None:
    """A positional argument that fits another parameter is told which."""
    wrong: Any = SECRET
    with pytest.raises(ConfigurationError, match=r"Did you mean secret=…\?$"):
        JWTAuth(wrong)


@reaches_no_sql
def test_right(database: Any, tmp_path: Path) -> None:
    """Subclasses, streams, paths, numbers and iterators that do are taken as they are."""

    class Own(Users[Any]):
        """A subclass."""

    class Stream(io.StringIO):
        """A stream that is no `TextIO`."""

    SessionAuth(Own())
    PasswordPolicy(forbidden=["movies"])
    ConsoleMail(Stream())
    PersistentSQLiteEngine(tmp_path / "app.sqlite")
    PersistentSQLiteEngine(os.fspath(tmp_path / "app.sqlite"))
    Captcha(lambda *_: True, timeout=3)
    Users(keeps_on_new_password=iter(()))
    RedisStore("rediss://user:password@redis.example:6380/2?health_check_interval=3")
    RedisStore("unix:///run/redis.sock")
    SessionAuth(idle=timedelta(days=1), csrf=SameOrigin(trusted_origins={"https://a.example"}))


def test_wrong_calls() -> None:
    """Python itself says which arguments are missing or unknown."""
    call: Any = Cookie
    with pytest.raises(TypeError, match="unexpected keyword argument 'nam'"):
        call(nam="x")


def test_every_public_constructor() -> None:
    """Each class that an application configures checks its arguments; values do not."""
    values = {"AuthEvent", "AuthTable", "AuthTables", "Challenge", "Claims", "ClientInfo", "Key"}
    values |= {"EncryptionProvider", "Identity", "JSONFormatter", "LoginAttempt", "Message"}
    values |= {"NewToken", "Proof", "Quota", "SecondFactor", "Standing", "AnyOf"}
    unchecked = {
        name
        for name in piccolo_api_fastapi.__all__
        if isinstance(kind := getattr(piccolo_api_fastapi, name), type)
        and not hasattr(kind, "__origin__")  # an alias, which Python 3.10 takes for a class
        and not hasattr(kind, "model_fields")
        and not hasattr(kind, "_meta")
        and not issubclass(kind, BaseException)
        and not hasattr(kind.__init__, "__wrapped__")
    }
    assert unchecked == values


def test_annotations_that_are_not_known() -> None:
    """What is imported for type checkers only, or not annotated, is not checked."""

    @configured
    def call(plain, unknown: "Unknown", *rest: int, **more: int) -> str:  # type: ignore[name-defined,no-untyped-def]  # noqa: ANN001, F821
        return f"{plain}{unknown}{rest}{more}"

    assert call(1, 2, 3, a="b") == "12(3,){'a': 'b'}"
