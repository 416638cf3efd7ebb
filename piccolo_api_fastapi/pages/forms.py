"""The form of a page, and the request that it makes of the API."""

import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import params
from pydantic import BaseModel
from starlette.requests import Request

from piccolo_api_fastapi.captcha.dependencies import HEADER
from piccolo_api_fastapi.core.http.parsing import (
    MAXIMUM_FORM_FIELDS,
    form_pairs,
    replaying,
    strict_json,
)
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import FieldError, Unprocessable

from .declared import Action

NEXT = "next"
"""The field with the address to go to. Like those that begin with `_`, the API does not get it."""

MAXIMUM_LISTED = 500
"""The values that a form may have beside its fields, in those that may be sent several times."""


@dataclass(frozen=True, slots=True)
class Form:
    """
    What a form sent.

    Args:
        fields: The first value of each field.
        lists: All values of the fields that may be sent several times.
    """

    fields: Mapping[str, str]
    lists: Mapping[str, list[str]]


def parse_form(body: bytes, lists: tuple[str, ...]) -> Form:
    """
    Read a URL-encoded form.

    Args:
        body: The body.
        lists: The fields that may be sent several times.

    Raises:
        Unprocessable: The form is malformed, or repeats another field.
    """
    try:
        pairs = form_pairs(body, MAXIMUM_FORM_FIELDS + (MAXIMUM_LISTED if lists else 0))
    except ValueError:
        raise _malformed() from None
    single = [name for name, _ in pairs if name not in lists]
    is_ambiguous = len(set(single)) < len(single) or len(single) > MAXIMUM_FORM_FIELDS
    if is_ambiguous or any("\x00" in name + value for name, value in pairs):
        raise _malformed()
    several = {name: [value for key, value in pairs if key == name] for name in lists}
    return Form({name: value for name, value in pairs if name not in lists}, several)


def as_api_request(
    request: Request,
    route: AuthRoute,
    action: Action,
    form: Form,
    *,
    captcha_field: str | None,
    wanted: str,
) -> Request:
    """
    Make the request of the API that a form stands for: JSON, a query, and the header of a CAPTCHA.

    Args:
        request: The request with the form.
        route: The route that serves it.
        action: What the form does.
        form: The fields.
        captcha_field: The field that the widget of a CAPTCHA fills in.
        wanted: The address to go to, for operations that get it.
    """
    fields: dict[str, Any] = {
        name: value
        for name, value in form.fields.items()
        if name != NEXT and not name.startswith("_")
    }
    solved = fields.pop(captcha_field, None) if captcha_field else None
    query = {name: fields.pop(name) for name in action.query if name in fields}
    if action.next_for is not None:
        fields[NEXT] = action.next_for(wanted)
    has_body = route.body_field is not None or action.next_for is not None
    body = _json(route, action, fields, form.lists) if has_body else b""
    headers = [
        (name, value)
        for name, value in request.scope["headers"]
        if name not in (b"content-type", b"content-length", b"captcha-response")
    ]
    headers.append((b"content-type", b"application/json"))
    if solved:
        headers.append((HEADER.lower().encode(), solved.encode("ascii", "replace")))
    # In place: guards and limits leave notes in the scope, which are read after the response.
    request.scope["headers"] = headers
    request.scope["query_string"] = urllib.parse.urlencode(query).encode()
    return Request(request.scope, replaying(body, request.receive))


def _json(
    route: AuthRoute,
    action: Action,
    fields: Mapping[str, Any],
    lists: Mapping[str, list[str]],
) -> bytes:
    """
    Write the body. An input that was left empty is missing from it, if it may be.

    Raises:
        Unprocessable: A field that has JSON is malformed.
    """
    optional, none = {*_optional_fields(route), *action.parsed}, dict[str, Any]()
    given: dict[str, Any] = {
        name: action.conversions.get(name, none).get(value, value)
        for name, value in fields.items()
        if value or name not in optional or "" in action.conversions.get(name, none)
    }
    given |= {name: _parsed(given[name]) for name in action.parsed if name in given}
    boxes = {name: name in fields for name in action.checkboxes}
    return json.dumps({**given, **boxes, **lists}).encode()


def _parsed(text: str) -> Any:
    try:
        return strict_json(text.encode())
    except ValueError:
        raise _malformed() from None


def _optional_fields(route: AuthRoute) -> frozenset[str]:
    """The fields of the body that need not be there."""
    info: Any = route.body_field.field_info if route.body_field is not None else None
    model = info.annotation if isinstance(info, params.Body) else None
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return frozenset()
    return frozenset(name for name, field in model.model_fields.items() if not field.is_required())


def _malformed() -> Unprocessable:
    message = "The form is malformed, or repeats a field."
    return Unprocessable([FieldError(("body",), message, "form_invalid")])
