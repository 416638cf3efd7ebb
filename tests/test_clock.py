"""The present time."""

from datetime import timedelta

from piccolo_api_fastapi.clock import utcnow


def test_aware_utc() -> None:
    """The time is aware and in UTC, wherever the process runs (D-S3)."""
    assert timedelta(0) == utcnow().utcoffset()
