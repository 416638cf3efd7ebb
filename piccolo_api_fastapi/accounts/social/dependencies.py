"""The dependency that reads how a flow begins."""

from dataclasses import dataclass

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from piccolo_api_fastapi.core.http.parsing import form_pairs, is_form, strict_json
from piccolo_api_fastapi.errors import FieldError, Unprocessable, UnsupportedMediaType

from .schemas import BeginIn

_FIELDS = 8
"""Of a form. There are three."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """
    What a browser sent to begin a flow.

    Args:
        wanted: Where to go afterwards.
        is_form: Whether it sent a form, and follows a redirect.
    """

    wanted: BeginIn
    is_form: bool


class ReadsBeginning:
    """Reads JSON or a form: a page without a script can only send a form."""

    documented_errors = (Unprocessable, UnsupportedMediaType)

    async def __call__(self, request: Request) -> Beginning:
        """
        Read the body. An empty one will do.

        Raises:
            UnsupportedMediaType: It is neither JSON nor a form.
            Unprocessable: It is malformed.
        """
        body, kind = await request.body(), request.headers.get("content-type", "")
        posts_form = is_form(kind)
        if not posts_form and body and not request.scope["route"].is_json(kind):
            raise UnsupportedMediaType
        try:
            found = _fields(body) if posts_form else strict_json(body or b"{}")
        except ValueError:
            message = "The body must be JSON or a form, without duplicate names."
            raise Unprocessable([FieldError(("body",), message, "body_invalid")]) from None
        try:
            return Beginning(BeginIn.model_validate(found), posts_form)
        except ValidationError as error:
            errors = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
            raise RequestValidationError(errors) from None


def _fields(body: bytes) -> dict[str, str]:
    pairs = form_pairs(body, _FIELDS)
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return {name: value for name, value in found.items() if value}


begin_of = ReadsBeginning()
"""The one reader: a dependency."""
