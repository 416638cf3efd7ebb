"""The command that moves the users of fastapi-users."""

from piccolo_api_fastapi.core.commands import Tools, declare_commands
from piccolo_api_fastapi.core.database.progress import shown

from .migration import migrate_from_fastapi_users
from .old_tables import FastAPIUsersTables


async def migrate_fastapi_users(  # noqa: PLR0913, PLR0917 - options
    tools: Tools,
    schema: str = "",
    table: str = "user",
    oauth_table: str = "oauth_account",
    username: str = "",
    columns: str = "",
    superusers_are_admins: bool = False,  # noqa: FBT001, FBT002
    requires_verification: bool = False,  # noqa: FBT001, FBT002
    without_passwords: bool = False,  # noqa: FBT001, FBT002
    dry_run: bool = False,  # noqa: FBT001, FBT002
    erase: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """
    Make users of those of fastapi-users, in the same database. Passwords stay valid.

    Users who are the same as another when folded are refused, and named.

    :param schema:
        The schema of the tables of fastapi-users.
    :param table:
        The table of users.
    :param oauth_table:
        The table of OAuth accounts.
    :param username:
        The column with the usernames. Without it, the address is the username.
    :param columns:
        Further columns to copy, separated by commas. Both user tables must have them.
    :param superusers_are_admins:
        Set the flag of administrators for superusers, too.
    :param requires_verification:
        Let users verify their address before they sign in, if they have not done so.
    :param without_passwords:
        Move users whose hash can't be moved without a password: they reset it by mail.
    :param dry_run:
        Report what would be moved, and move nothing.
    :param erase:
        Erase the old hashes and OAuth accounts of users who were moved.

    """
    source = FastAPIUsersTables(
        schema=schema,
        table=table,
        oauth_table=oauth_table,
        username=username,
        columns=tuple(name.strip() for name in columns.split(",") if name.strip()),
    )
    with shown("users read"):
        moved = await migrate_from_fastapi_users(
            tools.users,
            source=source,
            superusers_are_admins=superusers_are_admins,
            requires_verification=requires_verification,
            without_passwords=without_passwords,
            dry_run=dry_run,
            erase=erase,
        )
    if dry_run:
        print("Dry run: nothing was changed. A run without --dry_run reports:")  # noqa: T201 - a command
    print(moved)  # noqa: T201 - a command


declare_commands(migrate_fastapi_users)
