"""What Piccolo would write into a new migration."""

from piccolo.apps.migrations.commands.new import AutoMigrationManager
from piccolo.conf.apps import AppConfig
from piccolo.table import TABLE_REGISTRY


async def changes_found(app: AppConfig) -> list[str]:
    """
    The statements of `migrations new --auto` for an app; none if its migrations are complete.

    It imports the migrations, whose tables have the names of real ones: those are forgotten, for
    tests that look at all tables.
    """
    registered = TABLE_REGISTRY[:]
    statements = await AutoMigrationManager().get_alter_statements(app)
    TABLE_REGISTRY[:] = registered
    return [line for group in statements for line in group.statements]
