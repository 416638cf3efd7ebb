"""The time limit of a statement on PostgreSQL, without a server."""

from piccolo_api_fastapi.core.database.time_limit import _Limit


class Connection:
    """A connection that counts how often it is closed."""

    closed = 0

    def terminate(self) -> None:
        """Close it."""
        self.closed += 1


async def test_late_once() -> None:
    """A late statement is ended at the second look only: the event loop may have been busy."""
    connection = Connection()
    limit = _Limit(0, connection)
    try:
        found = []
        for _ in range(2):
            limit.exceed()
            found.append(connection.closed)
    finally:
        limit.watch.discard(limit)
    assert found == [0, 1]
