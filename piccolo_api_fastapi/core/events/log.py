"""Events in a table: written in the transaction of the change, and append-only."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from piccolo.columns import UUID, Text, Timestamptz, Varchar
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.statements import delete_in_batches
from piccolo_api_fastapi.core.database.transactions import engine_of, transaction
from piccolo_api_fastapi.errors import ConfigurationError

from .events import AuthEvent, subscribe

MINIMUM_KEEP = timedelta(days=1)

_recorded: dict[type[Table], Callable[[], None]] = {}
"""The tables that events are written to, each with the function that stops it."""

_REFUSAL = "auth events are append-only"


class EventRecord(AuthTable, Table, tablename="auth_event"):
    """
    A recorded event. It has no foreign key, since it outlives its user.

    ```python
    from piccolo_api_fastapi import EventRecord

    failures = await EventRecord.select().where(EventRecord.outcome == "failure")
    ```
    """

    attribute = "event"

    id = UUID(primary_key=True)
    at = Timestamptz(index=True)
    name = Varchar(length=64)
    outcome = Varchar(length=8)
    user = Varchar(length=64, null=True, default=None, index=True, help_text="The primary key.")
    ip = Varchar(length=45, null=True, default=None)
    user_agent = Varchar(length=255, null=True, default=None)
    data = Text(help_text="Everything else, as JSON.")


@configured
def record_events(table: type[EventRecord] = EventRecord) -> Callable[[], None]:
    """
    Write every event of this process into a table, in the transaction of its change.

    ```python
    from piccolo_api_fastapi import record_events

    stop = record_events()
    stop()
    ```

    If an event can't be recorded, its change is rolled back, and the response is a 503. However
    often it is called for a table, each event is written once.

    Args:
        table: The table of events.

    Returns:
        A function that stops the recording.
    """
    if table in _recorded:
        return _recorded[table]

    async def record(event: AuthEvent) -> None:
        async with store():
            await table.insert(_row(table, event))

    unsubscribe = subscribe(record, when="before_commit")

    def stop() -> None:
        if _recorded.get(table) is stop:
            del _recorded[table]
            unsubscribe()

    _recorded[table] = stop
    return stop


async def delete_old_events(
    table: type[EventRecord] = EventRecord, *, before: datetime, batch: int = 500
) -> int:
    """
    Delete old events, in batches so that no other statement waits long.

    ```python
    from datetime import timedelta

    from piccolo_api_fastapi import delete_old_events
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_old_events(before=utcnow() - timedelta(days=365))
    ```

    Args:
        table: The table of the events.
        before: Events before this time are deleted. It must have a time zone.
        batch: The number of rows that one statement deletes.

    Returns:
        The number of deleted events.
    """
    async with store():
        return await delete_in_batches(table, table.at < before, batch)


async def protect_events(
    table: type[EventRecord] = EventRecord, *, keep: timedelta = timedelta(days=30)
) -> None:
    """
    Make the database refuse to change events, and to delete those younger than `keep`.

    ```python
    from datetime import timedelta
    from piccolo_api_fastapi import protect_events

    await protect_events(keep=timedelta(days=90))
    ```

    This uses triggers, which the owner of the table can drop. In production, let another role own
    the table, and grant `SELECT, INSERT` to the role of the application.

    Args:
        table: The table of events.
        keep: The age at which events can be deleted: at least a day.

    Raises:
        ConfigurationError: `keep` is less than a day.
    """
    if keep < MINIMUM_KEEP:
        raise ConfigurationError("keep must be at least a day.")
    is_sqlite = isinstance(engine_of(table), SQLiteEngine)
    async with store(), transaction(table):
        for statement in _sqlite(table, keep) if is_sqlite else _postgres(table, keep):
            await table.raw(statement)


def _row(table: type[EventRecord], event: AuthEvent) -> EventRecord:
    data = dict(event.data)
    return table(
        id=uuid4(),
        at=event.at,
        name=event.name,
        outcome=event.outcome,
        user=None if event.user is None else str(event.user),
        ip=data.pop("ip", None),
        user_agent=data.pop("user_agent", None),
        data=json.dumps(data, default=str, sort_keys=True),
    )


def _sqlite(table: type[Table], keep: timedelta) -> Iterator[str]:
    name: Any = table._meta.tablename
    oldest = f"strftime('%Y-%m-%d %H:%M:%S', 'now', '-{int(keep.total_seconds())} seconds')"
    triggers = {"no_update": "BEFORE UPDATE", "no_delete": "BEFORE DELETE"}
    conditions = {"no_delete": f'WHEN OLD."at" > {oldest}'}
    for trigger, event in triggers.items():
        yield f"DROP TRIGGER IF EXISTS {name}_{trigger}"
        yield (
            f'CREATE TRIGGER {name}_{trigger} {event} ON "{name}" {conditions.get(trigger, "")} '
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )


def _postgres(table: type[Table], keep: timedelta) -> Iterator[str]:
    name: Any = table._meta.tablename
    target = table._meta.get_formatted_tablename()
    young = f"OLD.at > now() - interval '{int(keep.total_seconds())} seconds'"
    triggers = {
        "no_update": ("BEFORE UPDATE", "FOR EACH ROW"),
        "no_delete": ("BEFORE DELETE", f"FOR EACH ROW WHEN ({young})"),
        "no_truncate": ("BEFORE TRUNCATE", "FOR EACH STATEMENT"),
    }
    yield (
        f"CREATE OR REPLACE FUNCTION {name}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    for trigger, (event, condition) in triggers.items():
        yield f"DROP TRIGGER IF EXISTS {name}_{trigger} ON {target}"
        yield (
            f"CREATE TRIGGER {name}_{trigger} {event} ON {target} {condition} "
            f"EXECUTE FUNCTION {name}_refuse()"
        )
