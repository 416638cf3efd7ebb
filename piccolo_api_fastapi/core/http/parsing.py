"""Bodies: read up to a length, and those of requests parsed so that they mean one thing."""

import json
import re
import urllib.parse
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.types import Message, Receive

from piccolo_api_fastapi.errors import ContentTooLarge, FieldError, Unprocessable

MAXIMUM_BODY = 16 * 1024
"""Bytes. The payloads of the prebuilt routes are far smaller."""

MAXIMUM_FORM_FIELDS = 32

MAXIMUM_CONTENT_TYPE = 1024
"""Characters. A boundary has at most 70 (RFC 2046 section 5.1.1), and parsing is slow."""

_FORM = re.compile(r'application/x-www-form-urlencoded(\s*;\s*charset="?utf-8"?)?', re.IGNORECASE)
_KINDS = ("multipart/form-data", "application/x-www-form-urlencoded")


async def capped_body(request: Request, maximum: int = MAXIMUM_BODY) -> bytes:
    """
    Read the body of a request.

    Args:
        request: The request.
        maximum: The maximum number of bytes.

    Raises:
        ContentTooLarge: The body is longer.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > maximum:
            raise ContentTooLarge
    return bytes(body)


async def capped_answer(answer: Any, maximum: int) -> bytes | None:
    """
    Read the body of an answer of another server. Returns `None` if it is longer.

    It is read as it was sent, since it must not grow by decompression: ask for `identity`.

    Args:
        answer: The response that a client of httpx streams.
        maximum: The maximum number of bytes.
    """
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > maximum:
            return None
    return bytes(body)


def replaying(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body, and then what the client sends."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


async def no_body(request: Request) -> None:
    """
    A dependency for routes without a body, where ignoring one would change what the client asks.

    Raises:
        Unprocessable: The request has a body with content.
    """
    if (await request.body()).strip() not in (b"", b"{}", b"null"):
        raise Unprocessable([FieldError(("body",), "This route takes no body.", "body_unexpected")])


def has_form(connection: HTTPConnection) -> bool:
    """Return whether the `Content-Type` of a request is that of a form, and not too long."""
    kind = connection.headers.get("content-type", "")
    return len(kind) <= MAXIMUM_CONTENT_TYPE and kind.strip().lower().startswith(_KINDS)


def is_form(content_type: str) -> bool:
    """Return whether a content type is that of a URL-encoded form in UTF-8."""
    return _FORM.fullmatch(content_type.strip()) is not None


def form_pairs(body: bytes, maximum: int = MAXIMUM_FORM_FIELDS) -> list[tuple[str, str]]:
    """
    Parse a URL-encoded form into the names and values of its fields.

    Args:
        body: The form.
        maximum: The maximum number of fields.

    Raises:
        ValueError: The form is not UTF-8, or has more fields.
    """
    return urllib.parse.parse_qsl(
        body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=maximum
    )


def check_json(body: bytes) -> None:
    """
    Refuse a body that is no strict JSON; see `strict_json`.

    Raises:
        Unprocessable: It is malformed or ambiguous.
    """
    try:
        strict_json(body)
    except ValueError:
        message = "The body must be JSON in UTF-8, without duplicate names."
        raise Unprocessable([FieldError(("body",), message, "json_invalid")]) from None


def strict_json(raw: bytes) -> Any:
    """
    Parse JSON (RFC 8259) strictly.

    Raises:
        ValueError: The text is not UTF-8 or not JSON, repeats a name, contains `NaN`, `Infinity`,
            a lone surrogate or NUL, or is nested too deeply.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
        if b"\\u" in raw:
            _check_text(value)
    except RecursionError:
        raise ValueError from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError
    return value


def _no_constant(_: str) -> None:
    raise ValueError


def _check_text(value: Any) -> None:
    """Refuse lone surrogates, which UTF-8 can't carry, and NUL, which PostgreSQL can't store."""
    if isinstance(value, dict):
        for name, member in value.items():
            _check_text(name)
            _check_text(member)
    elif isinstance(value, list):
        for member in value:
            _check_text(member)
    elif isinstance(value, str):
        value.encode("utf-8")
        if "\x00" in value:
            raise ValueError
