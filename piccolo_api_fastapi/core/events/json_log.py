"""Log records as lines of JSON."""

import json
import logging
from datetime import datetime, timezone
from typing import Any


class JSONFormatter(logging.Formatter):
    """
    A formatter of `logging` that writes each record as one line of JSON.

    ```python
    import logging

    from piccolo_api_fastapi import JSONFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(JSONFormatter())
    logging.getLogger("piccolo_api_fastapi").addHandler(handler)
    ```

    A record of an event has the values of `AuthEvent.fields` beside `level` and `logger`. Any
    other record, of any logger, has `at`, `message` and, if there is one, `exception`. Control
    characters and other characters outside ASCII are escaped.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        own = {"level": record.levelname, "logger": record.name}
        fields = getattr(record, "auth_fields", None) or self._fields(record)
        # Twice: first in the line, and not replaced by data of the same name.
        return json.dumps({**own, **fields, **own}, default=str)

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat()
        fields = {"at": at, "message": record.getMessage()}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return fields
