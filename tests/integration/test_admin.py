"""Piccolo Admin with `auth_table=User` logs in the users of this library and shows no hash."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from piccolo.table import create_db_tables, drop_db_tables
from piccolo_admin.endpoints import create_admin
from piccolo_api.session_auth.tables import SessionsBase

from piccolo_api_fastapi import Password, RefreshFamily, Session, User, Users
from piccolo_api_fastapi.core.database.statements import column_names
from piccolo_api_fastapi.users.tables import MARKER
from tests import conftest
from tests.conftest import PASSWORD, get_tokens, new_client

pytestmark = pytest.mark.slow

TABLES = (User, Password, Session, RefreshFamily)


@pytest.fixture
async def admin(database: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Piccolo Admin, which manages every table of the library."""
    await create_db_tables(SessionsBase)
    app: Any = create_admin(
        tables=TABLES, auth_table=User, production=True, allowed_hosts=["testserver"]
    )
    async with new_client(app) as client:
        await client.get("/public/meta/")
        client.headers["referer"] = "https://testserver/"
        client.headers["x-csrftoken"] = client.cookies["csrftoken"]
        yield client
    await drop_db_tables(SessionsBase)


async def log_in(
    admin: httpx.AsyncClient, username: str = "grace", password: str = PASSWORD
) -> httpx.Response:
    """Log in as the page of Piccolo Admin does."""
    credentials = {"username": username, "password": password}
    return await admin.post("/public/login/", json=credentials)


async def test_login(admin: httpx.AsyncClient, grace: User) -> None:
    """An administrator of this library logs in, by username or e-mail address."""
    for name in ("grace", "GRACE@example.com"):
        answer = await log_in(admin, name)
        assert answer.status_code == 200, answer.text
        assert (await admin.get("/api/user/")).json()["username"] == "grace"


async def test_refused(admin: httpx.AsyncClient, users: Users[User], grace: User) -> None:
    """A wrong password, an unknown and an inactive user get no session."""
    await users.create("idle", PASSWORD, active=False, admin=True)
    for credentials in (("grace", "another horse battery"), ("eve", PASSWORD), ("idle", PASSWORD)):
        answer = await log_in(admin, *credentials)
        assert answer.status_code == 401
        assert "id" not in admin.cookies
    assert await SessionsBase.count() == 0


async def test_only_administrators(admin: httpx.AsyncClient, ada: User) -> None:
    """Who is no administrator sees nothing."""
    assert (await log_in(admin, "ada")).status_code == 200
    for table in TABLES:
        answer = await admin.get(f"/api/tables/{table._meta.tablename}/")
        assert answer.status_code == 401


async def stored_secrets() -> set[str]:
    """Every hash and digest in the database."""
    found: set[str] = set()
    for table in TABLES:
        secret = [column for column in table._meta.columns if column._meta.secret]
        for row in await table.select(*secret):
            found |= {str(value) for value in row.values() if value is not None}
    return found


async def test_no_hash_leaves(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, users: Users[User], ada: User
) -> None:
    """Not even a superuser is shown a hash or a digest, however they ask."""
    await users.create("root", PASSWORD, admin=True, superuser=True)
    tokens = await get_tokens(client)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await client.post("/auth/token", data=form)).status_code == 200
    assert (await conftest.log_in(client)).status_code == 200
    secrets = await stored_secrets()
    assert len(secrets) == 6, "the marker, two hashes, a session, two digests of a family"

    await log_in(admin, "root")
    for table in TABLES:
        [row, *_] = await table.select(table._meta.primary_key)
        [key] = row.values()
        url = f"/api/tables/{table._meta.tablename}/"
        one = f"{url}{key}/"
        columns = ",".join(column_names(table))
        for answer in (
            await admin.get(url),
            await admin.get(url, params={"__visible_fields": columns, "__readable": "true"}),
            await admin.get(one),
            await admin.get(one, params={"__visible_fields": columns}),
            await admin.get(f"{url}new/"),
            await admin.get(f"{url}schema/"),
            await admin.get(f"{url}ids/"),
            await admin.get(f"{url}references/"),
        ):
            assert answer.status_code == 200, answer.text
            assert not [secret for secret in secrets if secret in answer.text]
            assert "$argon2id$" not in answer.text


async def test_a_change_of_the_profile(
    admin: httpx.AsyncClient, users: Users[User], client: httpx.AsyncClient, ada: User
) -> None:
    """Changing a user's name in Piccolo Admin leaves the password alone."""
    await users.create("root", PASSWORD, admin=True, superuser=True)
    await log_in(admin, "root")
    url = f"/api/tables/piccolo_user/{ada.id}/"
    answer = await admin.patch(url, json={"first_name": "Ada"})
    assert answer.status_code == 200, answer.text
    assert "argon2id" not in answer.text
    [row] = await User.select(User.first_name, User.password).where(User.id == ada.id)
    assert row == {"first_name": "Ada", "password": MARKER}
    assert (await conftest.log_in(client)).status_code == 200


async def test_a_reset_by_an_administrator(
    admin: httpx.AsyncClient, users: Users[User], client: httpx.AsyncClient, ada: User
) -> None:
    """A password that a superuser sets in the table works, the old one no more, and it moves."""
    await users.create("root", PASSWORD, admin=True, superuser=True)
    await log_in(admin, "root")
    url = f"/api/tables/piccolo_user/{ada.id}/"
    answer = await admin.patch(url, json={"password": "another horse battery"})
    assert answer.status_code == 200, answer.text
    assert "pbkdf2" not in answer.text
    assert (await conftest.log_in(client)).status_code == 401
    assert (await conftest.log_in(client, "ada", "another horse battery")).status_code == 200
    [row] = await User.select(User.password).where(User.id == ada.id)
    assert row == {"password": MARKER}


async def test_change_of_ones_own_password(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, grace: User
) -> None:
    """The form of Piccolo Admin sets an Argon2id hash and ends the sessions of this library."""
    assert (await conftest.log_in(client, "grace")).status_code == 200
    await log_in(admin)
    form = {
        "current_password": PASSWORD,
        "new_password": "another horse battery",
        "confirm_new_password": "another horse battery",
    }
    answer = await admin.post("/api/change-password/", json=form)
    assert answer.status_code == 303, answer.text
    assert (await client.get("/me")).status_code == 401
    assert (await conftest.log_in(client, "grace")).status_code == 401
    assert (await log_in(admin)).status_code == 401
    assert (await log_in(admin, "grace", "another horse battery")).status_code == 200
    assert await User.select(User.password) == [{"password": MARKER}]
    [password] = await Password.select(Password.hash)
    assert password["hash"].startswith("$argon2id$")
