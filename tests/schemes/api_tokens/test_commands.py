"""The commands for API tokens."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from piccolo_api_fastapi import TokenAuth, User, Users, is_service, token_commands
from piccolo_api_fastapi.piccolo_app import APP_CONFIG
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD
from tests.models import Customer


class Console:
    """Commands by name, and what they print."""

    def __init__(self, token: TokenAuth[Any] | None, capsys: pytest.CaptureFixture[str]) -> None:
        self.commands: dict[str, Any] = {}
        for command in token_commands(token):
            self.commands[command.__name__] = command
        self.capsys = capsys

    async def run(self, name: str, *arguments: Any, **options: Any) -> str:
        """What a command prints."""
        self.capsys.readouterr()
        await self.commands[name](*arguments, **options)
        return self.capsys.readouterr().out

    async def fail(self, name: str, *arguments: Any, **options: Any) -> str:
        """The sentence that a command ends with."""
        with pytest.raises(SystemExit) as caught:
            await self.run(name, *arguments, **options)
        return str(caught.value)


@pytest.fixture
def token(users: Users[User]) -> TokenAuth[User]:
    """Tokens of another prefix, two for each user."""
    return TokenAuth(users, prefix="acme", max_per_user=2, expires_in=timedelta(days=90))


@pytest.fixture
def console(token: TokenAuth[User], capsys: pytest.CaptureFixture[str]) -> Console:
    """The commands of these."""
    return Console(token, capsys)


async def test_from_making_to_revoking(
    console: Console, token: TokenAuth[User], ada: User, clock: FrozenClock
) -> None:
    """A token is printed when it is made and when it is rotated, and never again."""
    line, secret = (await console.run("create_api_token", "ADA", "report", "a b")).splitlines()
    assert secret.startswith("acme_")
    [row] = await token.tokens_of(ada)
    assert row.scopes == {"a", "b"}
    assert line == (f"{row.id}  …{secret[-4:]}  report  [a b]  expires 2026-04-01, last used never")
    assert await console.run("list_api_tokens", "ada@example.com") == line + "\n"
    _, rotated = (await console.run("rotate_api_token", str(row.id))).splitlines()
    assert rotated != secret
    assert await console.fail("revoke_api_token", secret) == "The resource was not found."
    assert await console.run("revoke_api_token", str(row.id)) == "Revoked.\n"
    assert await console.run("list_api_tokens", "ada") == ""
    _, found = (await console.run("create_api_token", "ada", "leaked", days=1)).splitlines()
    assert await console.run("revoke_api_token", found) == "Revoked.\n"


async def test_a_service(console: Console, users: Users[User]) -> None:
    """A service is made by command, and given a token."""
    assert await console.run("create_service_user", "Deploy") == "Created the service deploy.\n"
    service = await users.find("deploy")
    assert service is not None
    assert is_service(service)
    assert "acme_" in await console.run("create_api_token", "deploy", "release")
    assert "taken" in await console.fail("create_service_user", "deploy")


async def test_what_is_refused(console: Console, ada: User) -> None:
    """A sentence instead of a traceback."""
    assert await console.fail("create_api_token", "nobody", "x") == "There is no such user."
    assert await console.fail("list_api_tokens", "nobody") == "There is no such user."
    assert "characters" in await console.fail("create_api_token", "ada", "")
    assert "expire" in await console.fail("create_api_token", "ada", "x", never=True)
    assert "later" in await console.fail("create_api_token", "ada", "x", days=91)
    assert "scope" in await console.fail("create_api_token", "ada", "x", scopes='"')
    for days in (0, -1, 10**12):
        assert "days" in await console.fail("create_api_token", "ada", "x", days=days)
    for unknown in (str(uuid4()), "report"):
        assert "not found" in await console.fail("rotate_api_token", unknown)
        assert "not found" in await console.fail("revoke_api_token", unknown)
    for _ in range(2):
        await console.run("create_api_token", "ada", "x")
    assert "maximum number" in await console.fail("create_api_token", "ada", "x")


async def test_without_an_end(
    users: Users[User], ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never, where that is allowed; not together with a number of days."""
    console = Console(TokenAuth(users, allow_unlimited=True), capsys)
    printed = await console.run("create_api_token", "ada", "x", never=True)
    assert "expires never" in printed
    for days in (0, 3):
        sentence = await console.fail("create_api_token", "ada", "x", days=days, never=True)
        assert sentence == "Give either days or never, not both."
    assert len((await console.run("list_api_tokens", "ada")).splitlines()) == 1


async def test_own_table(database: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """For a user table of one's own, by its settings."""
    customers = Users(Customer)
    token = TokenAuth(customers)
    ada = await customers.create("ada", PASSWORD)
    await Console(token, capsys).run("create_api_token", "ada", "report")
    assert len(await token.tokens_of(ada)) == 1


async def test_stock(database: Any, ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    """The Piccolo app of the library has them, with the default settings."""
    names = [command.__name__ for command in token_commands()]
    found = {command.__name__ for command in APP_CONFIG.commands}  # type: ignore[union-attr]
    assert set(names) < found
    assert "pat_" in await Console(None, capsys).run("create_api_token", "ada", "report")
