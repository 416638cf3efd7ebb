"""Users who are no persons, and the choice of what a new password ends."""

from typing import Any

import pytest
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import (
    APIToken,
    ConfigurationError,
    Password,
    Session,
    TokenAuth,
    User,
    Users,
    is_service,
)
from piccolo_api_fastapi.errors import IdentityTaken, InvalidCredentials, Unprocessable
from piccolo_api_fastapi.testing import assert_single_winner, cheap_pbkdf2_hasher
from piccolo_api_fastapi.users.tables import SERVICE_MARKER
from tests.conftest import PASSWORD
from tests.models import Customer, Member


@pytest.mark.parametrize("table", [User, Customer, Member])
@pytest.mark.parametrize("interop", [False, True])
async def test_a_service(
    database: Any,
    table: type[BaseUser],
    interop: bool,  # noqa: FBT001
) -> None:
    """It is active, has no password and no address, and is told from a person."""
    hasher = cheap_pbkdf2_hasher() if interop else None
    users: Users[Any] = Users(table, interop=interop, hasher=hasher)
    made = await users.create_service(" Deploy ", admin=True)
    person = await users.create("ada", PASSWORD)
    service = await users.find("deploy")
    assert service is not None
    assert (service.username, service.active, service.admin) == ("deploy", True, True)
    assert service.email.endswith("@no-email.invalid")
    assert is_service(made)
    assert is_service(service)
    assert not is_service(person)
    assert await Password.count() == (1 if table is User and not interop else 0)


@pytest.mark.parametrize(
    "password", ["", "x", PASSWORD, SERVICE_MARKER, "service", "!", "$service"]
)
async def test_nobody_logs_in_as_a_service(users: Users[User], password: str) -> None:
    """No password matches it, and Piccolo's own login neither."""
    await users.create_service("deploy")
    with pytest.raises(InvalidCredentials):
        await users.verify("deploy", password)
    assert await User.login("deploy", password) is None


async def test_stays_a_service(users: Users[User]) -> None:
    """Loading and saving the row by Piccolo's own class does not change what it is."""
    await users.create_service("deploy")
    row = await BaseUser.objects().where(BaseUser.username == "deploy").first()
    assert row is not None
    row.first_name = "Deploy"
    await row.save()
    service = await users.find("deploy")
    assert service is not None
    assert is_service(service)


async def test_a_password_makes_a_person(users: Users[User]) -> None:
    """Who has a password is a person, and keeps no API token."""
    service = await users.create_service("deploy")
    await TokenAuth(users).create(service, "release")
    await users.set_password(service, PASSWORD)
    person = (await users.verify("deploy", PASSWORD)).user
    assert not is_service(person)
    assert await APIToken.count() == 0


async def test_its_name(users: Users[User], ada: User) -> None:
    """A service takes nobody's name or address, and nobody takes the name of a service."""
    for name in ("ADA", "ada"):
        with pytest.raises(IdentityTaken):
            await users.create_service(name)
    for name in ("", "a\x00", "x" * 101, "ada@example.com", "deploy@example.com"):
        with pytest.raises(Unprocessable):
            await users.create_service(name)
    with pytest.raises(TypeError):
        await users.create_service("deploy", password=PASSWORD)
    await assert_single_winner(lambda: users.create_service("deploy"))
    with pytest.raises(IdentityTaken):
        await users.create("deploy", PASSWORD)


@pytest.mark.security(24)
@pytest.mark.parametrize("table", [User, Customer])
async def test_kept_tables(database: Any, table: type[BaseUser]) -> None:
    """A table that is chosen is kept at a new password, on any user table; others are not."""
    users: Users[Any] = Users(table, keeps_on_new_password=[APIToken])
    ada = await users.create("ada", PASSWORD)
    token = TokenAuth(users)
    await token.create(ada, "report")
    await users.set_password(ada, "another correct horse")
    assert await token.table.count() == 1
    await users.store_password(ada, None)
    assert await token.table.count() == 0
    await token.create(ada, "report")
    await Users(table, keeps_on_new_password=[Session]).set_password(ada, "a third correct horse")
    assert await token.table.count() == 0


@pytest.mark.parametrize("kind", [User, Password, int])
def test_only_credentials_are_kept(kind: Any) -> None:
    """Anything but a table of credentials is a mistake."""
    with pytest.raises(ConfigurationError):
        Users(keeps_on_new_password=[kind])
