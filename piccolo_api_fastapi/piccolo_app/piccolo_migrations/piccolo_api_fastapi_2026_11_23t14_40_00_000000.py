from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.apps.user.tables import BaseUser

ID = "2026-11-23T14:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "An index for logins by e-mail address, which do not count case."


async def create_index():
    await BaseUser.raw(
        "CREATE INDEX IF NOT EXISTS piccolo_api_fastapi_user_email ON piccolo_user (lower(email))"
    )


async def drop_index():
    await BaseUser.raw("DROP INDEX IF EXISTS piccolo_api_fastapi_user_email")


async def forwards():
    manager = MigrationManager(
        migration_id=ID, app_name="piccolo_api_fastapi", description=DESCRIPTION
    )
    manager.add_raw(create_index)
    manager.add_raw_backwards(drop_index)
    return manager
