"""Whether the body of a request is a form."""

from starlette.requests import HTTPConnection

_KINDS = ("multipart/form-data", "application/x-www-form-urlencoded")

MAXIMUM_CONTENT_TYPE = 1024
"""Characters. A boundary has at most 70 (RFC 2046 section 5.1.1), and parsing is slow."""


def has_form(connection: HTTPConnection) -> bool:
    """Return whether the `Content-Type` of a request is that of a form, and not too long."""
    kind = connection.headers.get("content-type", "")
    return len(kind) <= MAXIMUM_CONTENT_TYPE and kind.strip().lower().startswith(_KINDS)
