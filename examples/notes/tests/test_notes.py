"""Notes: users have their own, and administrators see all."""

import asyncio

import pytest
from fastapi.testclient import TestClient
from piccolo.apps.migrations.commands.new import AutoMigrationManager

from notes.app import app
from notes.auth import current_user, roles, users
from notes.piccolo_app import APP_CONFIG
from piccolo_api_fastapi import User
from piccolo_api_fastapi.testing import acting_as, assert_guarded

PASSWORD_AND_CODE = ["password", "totp"]


@pytest.fixture
def ada(client: TestClient) -> User:
    """A user."""
    return create_user(client, "ada")


@pytest.fixture
def grace(client: TestClient) -> User:
    """An administrator."""
    return create_user(client, "grace", "administrator")


def create_user(client: TestClient, name: str, *granted: str) -> User:
    """Create a user with these roles, in the event loop of the application."""

    async def create() -> User:
        user = await users.create(name, "correct horse battery", email=f"{name}@example.com")
        for role in granted:
            await roles.grant(user, role)
        return user

    assert client.portal is not None
    return client.portal.call(create)


@pytest.fixture
def note(client: TestClient, ada: User) -> str:
    """The address of a note by Ada."""
    with acting_as(current_user, ada):
        answer = client.post("/notes", json={"title": "Milk", "text": "Two litres"})
    assert answer.status_code == 201, answer.text
    return f"/notes/{answer.json()['id']}"


def test_users_keep_notes(client: TestClient, ada: User, note: str) -> None:
    """They list, change and delete them."""
    with acting_as(current_user, ada):
        assert client.patch(note, json={"text": "One litre"}).json()["text"] == "One litre"
        assert [item["title"] for item in client.get("/notes?q=milk").json()["items"]] == ["Milk"]
        assert client.delete(note).status_code == 204
        assert client.get("/notes").json()["items"] == []


def test_notes_are_private(client: TestClient, grace: User, note: str) -> None:
    """To other users, administrators included, a note is a 404."""
    assert client.get(note).status_code == 401
    with acting_as(current_user, grace, factors=PASSWORD_AND_CODE):
        assert client.get(note).status_code == 404
        assert client.delete(note).status_code == 404


def test_administrators_see_all(client: TestClient, ada: User, grace: User, note: str) -> None:
    """They see all users, and the titles of all notes, but no text."""
    with acting_as(current_user, grace, factors=PASSWORD_AND_CODE):
        assert [user["username"] for user in client.get("/admin/users").json()] == ["ada", "grace"]
        (seen,) = client.get(f"/admin/notes?owner={ada.id}").json()["items"]
    assert seen["title"] == "Milk"
    assert "text" not in seen


@pytest.mark.parametrize("path", ["/admin/users", "/admin/notes"])
def test_administrators_need_the_role_and_a_second_factor(
    client: TestClient, ada: User, grace: User, path: str
) -> None:
    """A password is not enough, and neither is a second factor without the role."""
    with acting_as(current_user, ada, factors=PASSWORD_AND_CODE):
        assert client.get(path).status_code == 403
    with acting_as(current_user, grace):
        assert client.get(path).json()["code"] == "insufficient_user_authentication"


def test_every_route_is_guarded() -> None:
    """A route that you add without a guard fails this test, unless it is marked `@public`."""
    assert_guarded(app)


def test_health(client: TestClient) -> None:
    """The database answers."""
    assert client.get("/health").status_code == 200


def test_migrations_are_complete() -> None:
    """If you change a table, run `piccolo migrations new notes --auto`."""
    manager = AutoMigrationManager()
    found = asyncio.run(manager.get_alter_statements(APP_CONFIG))
    assert [line for group in found for line in group.statements] == []
