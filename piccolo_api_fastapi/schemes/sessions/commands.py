"""The command that lists the sessions of a user."""

from piccolo_api_fastapi.core.commands import Tools, declare_commands
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key

from . import queries
from .tables import Session


async def list_sessions(tools: Tools, username: str) -> None:
    """
    List the live sessions of a user by all schemes, the newest first.

    :param username:
        The username or the e-mail address.

    """
    user = await tools.user(username)
    table = bound(Session, tools.users.table)
    rows = await queries.live_of_all(table, primary_key(user), tools.users.clock())
    if not rows:
        print(f"{user.username} has no live sessions.")  # noqa: T201 - a command
    for row in rows:
        seen = row.last_seen_at.isoformat(" ", "minutes")
        print(f"{row.id}  seen {seen}  {row.ip}  {row.user_agent}")  # noqa: T201 - a command


declare_commands(list_sessions)
