"""A restored backup makes old rows valid again, until `notes.after_restore` runs."""

from collections.abc import Sequence
from typing import Any

from fastapi.testclient import TestClient
from piccolo.table import Table

from notes.after_restore import REVIVED, end_all
from notes.auth import users

CREDENTIALS = {"username": "ada", "password": "correct horse battery"}
Backup = dict[type[Table], Sequence[Any]]


async def create_ada() -> None:
    """Create a user."""
    await users.create(CREDENTIALS["username"], CREDENTIALS["password"])


async def back_up() -> Backup:
    """Read the rows."""
    return {table: await table.objects() for table in REVIVED.values()}


async def restore(backup: Backup) -> None:
    """Replace the rows by those of the backup."""
    for table, rows in backup.items():
        await table.delete(force=True)
        if rows:
            await table.insert(*rows)


def test_a_restored_backup_signs_nobody_in(client: TestClient) -> None:
    """A session and an app that were signed out are valid after the restore, and then not."""
    assert client.portal is not None
    client.portal.call(create_ada)
    client.post("/auth/login", json=CREDENTIALS)
    session = dict(client.cookies)
    tokens = client.post("/auth/token", data={"grant_type": "password", **CREDENTIALS}).json()
    app = {"Authorization": f"Bearer {tokens['access_token']}"}
    backup = client.portal.call(back_up)
    client.post("/auth/logout")
    client.post("/auth/token/revoke", data={"token": tokens["refresh_token"]})

    def are_signed_in() -> list[bool]:
        client.cookies.clear()
        by_app = client.get("/auth/me", headers=app).status_code == 200
        client.cookies.update(session)
        return [client.get("/auth/me").status_code == 200, by_app]

    assert are_signed_in() == [False, False]
    client.portal.call(restore, backup)
    assert are_signed_in() == [True, True]
    client.portal.call(end_all)
    assert are_signed_in() == [False, False]
