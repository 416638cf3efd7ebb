"""`python -m notes.after_restore`: end what a restored backup has made valid again."""

import asyncio

from piccolo.table import Table

from piccolo_api_fastapi import auth_tables

from .auth import users

TABLES = auth_tables(users.table)

REVIVED: dict[str, type[Table]] = {
    "sessions": TABLES.session,
    "apps": TABLES.refresh_family,
    "API tokens": TABLES.api_token,
    "links, codes and challenges": TABLES.ticket,
    "codes by e-mail": TABLES.sent_code,
    "links that undo a change": TABLES.email_change,
    "recovery codes": TABLES.recovery_code,
    "known browsers": TABLES.known_device,
    "unsent messages": TABLES.unsent_mail,
}


async def end_all() -> None:
    """Delete the rows. Users sign in again, and make new recovery codes and API tokens."""
    for name, table in REVIVED.items():
        await table.delete(force=True)
        print(f"Deleted all {name}.")


if __name__ == "__main__":
    asyncio.run(end_all())
