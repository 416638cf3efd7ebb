"""The commands that an application gets for its own user table."""

import getpass
import inspect
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    Session,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    auth_commands,
)
from piccolo_api_fastapi.login.mfa.totp import TOTPSecret
from piccolo_api_fastapi.testing import FrozenClock, totp_code
from tests.conftest import KEY, PASSWORD
from tests.models import Customer

Run = Callable[..., Any]


@pytest.fixture
def customers(database: Any, clock: FrozenClock) -> Users[Customer]:
    """Users of a table of the application's own."""
    return Users(Customer, clock=clock)


@pytest.fixture
def totp(customers: Users[Customer]) -> TOTP:
    """Their authenticator apps."""
    return TOTP(customers, encryption=XChaCha20Poly1305(KEY), issuer="Shop")


@pytest.fixture
def run(customers: Users[Customer], totp: TOTP, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command and returns what it printed."""
    token = TokenAuth(customers, prefix="shop")
    commands = {one.__name__: one for one in auth_commands(customers, totp=totp, token=token)}

    async def run(name: str, *arguments: Any, **options: Any) -> str:
        capsys.readouterr()
        await commands[name](*arguments, **options)
        return capsys.readouterr().out

    return run


def type_in(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard input of the next command."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


async def test_users(
    run: Run,
    customers: Users[Customer],
    monkeypatch: pytest.MonkeyPatch,
    make_session: Any,
    events: list[AuthEvent],
) -> None:
    """A user is created, gets another password, and is signed out."""
    type_in(f"{PASSWORD}\n", monkeypatch)
    assert await run("create_user", "Ada", "ada@example.com", admin=True) == "Created ada.\n"
    ada = await customers.find("ada")
    assert ada is not None
    assert (ada.admin, ada.superuser, ada.email) == (True, False, "ada@example.com")
    await customers.verify("ada", PASSWORD)
    await make_session(customers, ada)
    listed = await run("list_sessions", "ada@example.com")
    assert "2026-01-01 00:00" in listed
    assert "curl/8" in listed
    assert await run("sign_out", "ada") == "ada is signed out everywhere.\n"
    told = events[-1]
    assert (told.name, told.user, told.data) == ("credentials_ended", ada.id, {"kept": None})
    assert await run("list_sessions", "ada") == "ada has no live sessions.\n"
    await make_session(customers, ada)
    type_in("another horse battery\n", monkeypatch)
    assert await run("set_password", "ada") == "ada has a new password.\n"
    assert await run("list_sessions", "ada") == "ada has no live sessions.\n"
    await customers.verify("ada", "another horse battery")
    assert (await run("unlock_user", "ada")).startswith("ada is unlocked. Rate limits ")
    assert "shop_" in await run("create_api_token", "ada", "report")
    assert await User.count() == 0


@pytest.fixture
def make_session() -> Any:
    """Starts a session of a user."""

    async def make(users: Users[Any], user: Any) -> None:
        headers = [(b"user-agent", b"curl/8")]
        request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers})
        await SessionAuth(users).sign_in(request, Response(), user)

    return make


async def test_factors(run: Run, customers: Users[Customer], totp: TOTP, clock: Any) -> None:
    """An authenticator is removed for a user who lost it; secrets are encrypted anew."""
    ada = await customers.create("ada", PASSWORD)
    uri = (await totp.begin(ada)).uri
    await totp.confirm(ada, totp_code(uri, clock.now))
    assert await run("reencrypt", dry_run=True) == "Would encrypt 0 secrets anew.\n"
    assert await run("reencrypt") == "Encrypted 0 secrets anew.\n"
    assert await run("remove_factor", "ada") == "ada has no authenticator app any more.\n"
    assert not await totp.is_enrolled(ada)
    with pytest.raises(SystemExit, match="not found"):
        await run("remove_factor", "ada")


@pytest.mark.parametrize(
    "name", ["set_password", "sign_out", "unlock_user", "list_sessions", "remove_factor"]
)
async def test_unknown(run: Run, name: str) -> None:
    """A name that no user has is a sentence."""
    with pytest.raises(SystemExit, match=r"^There is no such user\.$"):
        await run(name, "nobody")


async def test_what_is_refused(
    run: Run, customers: Users[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is everything that the library refuses."""
    for typed, username, sentence in (
        ("short\n", "ada", "at least"),
        ("", "ada", r"^There is no password on the standard input\."),
        ("\n", "ada", r"^There is no password on the standard input\."),
        (f"{PASSWORD}\n", "", "Use letters"),
        (f"{PASSWORD}\n", "bob", "taken"),
    ):
        if username == "bob":
            await customers.create("bob", PASSWORD)
        type_in(typed, monkeypatch)
        with pytest.raises(SystemExit, match=sentence):
            await run("create_user", username)


async def test_terminal(
    run: Run, customers: Users[Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the password is asked for twice."""
    typed = [PASSWORD, "something else", PASSWORD, PASSWORD]
    monkeypatch.setattr(getpass, "getpass", lambda _: typed.pop(0))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(SystemExit, match="differ"):
        await run("create_user", "ada")
    await run("create_user", "ada")
    assert await customers.find("ada") is not None


async def test_maintenance(
    run: Run, customers: Users[Customer], clock: FrozenClock, make_session: Any
) -> None:
    """Expired rows and old events of this table are counted first, and deleted then."""
    ada = await customers.create("ada", PASSWORD)
    await make_session(customers, ada)
    clock.advance(timedelta(days=31))
    assert "1 sessions" in await run("clean", dry_run=True)
    assert "1 sessions" in await run("clean")
    assert "0 sessions" in await run("clean")
    assert await run("delete_events", dry_run=True) == "Would delete 0 events.\n"
    assert await run("delete_events") == "Deleted 0 events.\n"


def test_signatures(customers: Users[Customer]) -> None:
    """Piccolo shows the arguments that one can give, and no others."""
    for command in auth_commands(customers):
        parameters = inspect.signature(command).parameters
        assert set(command.__annotations__) == set(parameters)
        assert not {"tools", "return"} & set(parameters)
    names = {command.__name__ for command in auth_commands()}
    assert {"create_user", "clean", "list_sessions", "migrate_piccolo_api"} <= names


@pytest.mark.parametrize("is_terminal", [False, True])
async def test_progress(
    run: Run,
    customers: Users[Customer],
    clock: FrozenClock,
    make_session: Any,
    monkeypatch: pytest.MonkeyPatch,
    is_terminal: Any,
) -> None:
    """A terminal is told how far the work is."""
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr("sys.stderr", shown)
    ada = await customers.create("ada", PASSWORD)
    await make_session(customers, ada)
    clock.advance(timedelta(days=31))
    await run("clean")
    assert ("1 rows deleted" in shown.getvalue()) is is_terminal
    assert await Session.count() == await TOTPSecret.count() == 0


async def test_without_a_key(customers: Users[Customer], monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is missing is a sentence."""
    monkeypatch.delenv("AUTH_ENCRYPTION_KEYS", raising=False)
    commands = {one.__name__: one for one in auth_commands(customers)}
    with pytest.raises(SystemExit, match="AUTH_ENCRYPTION_KEYS"):
        await commands["reencrypt"]()
