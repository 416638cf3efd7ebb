"""Which browsers a user signed in with."""

import hashlib
import re
from datetime import datetime
from typing import Any
from uuid import uuid4

from .tables import SeenUserAgent

_VERSION = re.compile(r"[0-9._]+")


async def is_unknown(table: type[SeenUserAgent], user: Any, agent: str, now: datetime) -> bool:
    """
    Note that a user signed in, and say whether it was with a browser other than ever before.
    The first one is no surprise.

    Args:
        table: Where.
        user: The primary key of the user.
        agent: The `User-Agent`; versions do not count.
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
