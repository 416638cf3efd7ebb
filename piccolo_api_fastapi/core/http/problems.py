"""The error body (RFC 9457), and its documentation in OpenAPI."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict

from piccolo_api_fastapi.errors import AuthError, TokenRequestError, Unprocessable

PROBLEM_MEDIA_TYPE = "application/problem+json"
"""RFC 9457 section 3."""

# The names of RFC 9110, which Python has since 3.13 only.
_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


class ErrorBody(BaseModel):
    """
    The body of every error: an RFC 9457 problem, with the `detail` that FastAPI sends too.

    ```python
    import httpx
    from piccolo_api_fastapi import ErrorBody

    def code_of(response: httpx.Response) -> str:
        return ErrorBody.model_validate_json(response.content).code
    ```
    """

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


class ValidationErrorItem(BaseModel):
    """One error in one input."""

    loc: list[str | int]
    msg: str
    type: str


class ValidationErrorBody(BaseModel):
    """The body of a 422: the list that FastAPI sends, without the values of the request."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: list[ValidationErrorItem]
    code: str


def phrase(status: int) -> str:
    """Return the name of a status (RFC 9110 section 15), the same in every version of Python."""
    try:
        return _PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def problem(
    status: int, detail: Any, code: str, members: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return the error body as a dictionary (RFC 9457 section 3.1).

    Args:
        status: The HTTP status.
        detail: A sentence, or the list of a 422.
        code: The stable code.
        members: Further members of the body.
    """
    title = phrase(status)
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return body | dict(members or {})


def responses(
    *errors: type[AuthError], media_types: Sequence[str] = (PROBLEM_MEDIA_TYPE,)
) -> dict[int | str, dict[str, Any]]:
    """
    Return the `responses=` of a route that can raise these errors, with an example of each.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import responses
    from piccolo_api_fastapi.errors import NotFound

    app = FastAPI()

    @app.get("/movies/{name}", responses=responses(NotFound))
    async def get_movie(name: str) -> str:
        raise NotFound
    ```

    Args:
        errors: The error classes.
        media_types: The content types of the bodies.
    """
    documented: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        if error.status not in documented:
            documented[error.status] = {
                "description": phrase(error.status),
                "content": {
                    name: {"schema": _schema(error), "examples": {}} for name in media_types
                },
            }
        entry = documented[error.status]
        if headers := _documented_headers(error.status):
            entry["headers"] = headers
        for content in entry["content"].values():
            content["examples"][error.code] = {"summary": error.message, "value": _example(error)}
    return documented


def errors_of(dependencies: Iterable[object]) -> list[type[AuthError]]:
    """Return the errors that dependencies declare as `documented_errors`."""
    return [error for call in dependencies for error in getattr(call, "documented_errors", ())]


def add_responses(documented: dict[int | str, dict[str, Any]], *errors: type[AuthError]) -> None:
    """
    Add the examples of errors to the `responses=` of a route, which keep what they say already.

    Args:
        documented: The responses of the route.
        errors: The error classes to add.
    """
    for status, response in responses(*errors).items():
        present = documented.setdefault(status, response)
        for name, content in response["content"].items():
            examples = present.get("content", {}).get(name, {}).get("examples", {})
            for code, example in content["examples"].items():
                examples.setdefault(code, example)


def _documented_headers(status: int) -> dict[str, Any]:
    names = {
        401: ("WWW-Authenticate",),
        429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
        503: ("Retry-After",),
    }
    return {name: {"schema": {"type": "string"}} for name in names.get(status, ())}


def _schema(error: type[AuthError]) -> dict[str, Any]:
    text = _unprocessable_schema() if issubclass(error, Unprocessable) else _error_schema()
    schema: dict[str, Any] = json.loads(text)
    return schema


# Kept as JSON: each route needs several copies, and Pydantic is slow to make them.
@cache
def _error_schema() -> str:
    return json.dumps(ErrorBody.model_json_schema())


@cache
def _unprocessable_schema() -> str:
    schema = ValidationErrorBody.model_json_schema()
    schema["properties"]["detail"]["items"] = schema.pop("$defs")["ValidationErrorItem"]
    return json.dumps(schema)


def _example(error: type[AuthError]) -> dict[str, Any]:
    detail: Any = error.message
    if issubclass(error, Unprocessable):
        detail = [{"loc": ["body"], "msg": error.message, "type": error.code}]
    members: dict[str, Any] = {}
    if issubclass(error, TokenRequestError):
        members = {"error": error.code, "error_description": error.message}
    return problem(error.status, detail, error.code, members)
