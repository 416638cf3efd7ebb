"""The statements on the user agents that users signed in with."""

import hashlib
import re
from datetime import datetime
from typing import Any
from uuid import uuid4

from .tables import SeenUserAgent

_VERSION = re.compile(r"[0-9._]+")


async def is_unknown(table: type[SeenUserAgent], user: Any, agent: str, now: datetime) -> bool:
    """
    Record a sign-in. Returns whether its user agent is new for the user, and not their first.

    Args:
        table: The table of user agents.
        user: The primary key of the user.
        agent: The `User-Agent` header; versions in it are ignored.
        now: The present time.
    """
    name = _VERSION.sub("", agent)
    digest = hashlib.sha256(f"{user} {name}".encode()).hexdigest()
    row = table(id=uuid4(), user=user, digest=digest, seen_at=now)
    noted = (
        await table.insert(row)
        .on_conflict(target=table.digest, action="DO NOTHING")
        .returning(table.id)
    )
    if not noted:
        await table.update({table.seen_at: now}).where(table.digest == digest)
        return False
    known: int = await table.count().where(table.user == user)
    return known > 1
