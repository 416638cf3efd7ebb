"""The error body (RFC 9457), and its documentation in OpenAPI."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from piccolo_api_fastapi.errors import (
    AuthError,
    EmailNotVerified,
    EnrolmentRequired,
    InsufficientScope,
    MFARequired,
    StepUpRequired,
    TokenRequestError,
    Unprocessable,
)

from .bodies import shown
from .operations import NextStep

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


class StepUpBody(ErrorBody):
    """The body of a 401 that asks for a factor (RFC 9470)."""

    code: Annotated[str, shown(const="insufficient_user_authentication")]
    max_age: Annotated[
        int | SkipJsonSchema[None], Field(description="The maximum age of the factor in seconds.")
    ] = None
    acr_values: Annotated[
        str | SkipJsonSchema[None],
        Field(description="`mfa` for any second factor, or the name of the factor."),
    ] = None
    next: NextStep


class EnrolmentRequiredBody(ErrorBody):
    """The body of a 403 that asks the user to set up a second factor."""

    code: Annotated[str, shown(const="mfa_enrolment_required")]
    next: NextStep


class EmailNotVerifiedBody(ErrorBody):
    """The body of a 403 that asks the user to verify their e-mail address."""

    code: Annotated[str, shown(const="email_not_verified")]
    next: NextStep


class TokenErrorBody(ErrorBody):
    """The body of every error of the token endpoint: that of RFC 6749, and a problem."""

    error: Annotated[str, Field(description="A code for OAuth clients. `code` says more.")]
    error_description: Annotated[str, Field(description="The sentence of `detail` in ASCII.")]


class TokenEmailNotVerifiedBody(TokenErrorBody):
    """The body of a 403 of the token endpoint that asks the user to verify their address."""

    code: Annotated[str, shown(const="email_not_verified")]
    next: NextStep


class MFARequiredBody(TokenErrorBody):
    """The password was right. Send a code with the challenge to `POST /token/mfa`."""

    code: Annotated[str, shown(const="mfa_required")]
    error: Annotated[str, shown(const="mfa_required")]
    challenge: str
    methods: Annotated[list[str], Field(description="The factors that the user can choose from.")]
    expires_in: Annotated[int, Field(description="The lifetime of the challenge in seconds.")]
    next: NextStep


BODIES: dict[type[AuthError], type[BaseModel]] = {
    AuthError: ErrorBody,
    EmailNotVerified: EmailNotVerifiedBody,
    EnrolmentRequired: EnrolmentRequiredBody,
    MFARequired: MFARequiredBody,
    StepUpRequired: StepUpBody,
    TokenRequestError: TokenErrorBody,
    Unprocessable: ValidationErrorBody,
}
"""The model of the body of each kind of error."""

TOKEN_BODIES: dict[type[BaseModel], type[BaseModel]] = {
    ErrorBody: TokenErrorBody,
    EmailNotVerifiedBody: TokenEmailNotVerifiedBody,
}
"""The models that the token endpoint has instead of others."""

_MEMBERS: dict[type[AuthError], dict[str, Any]] = {
    EmailNotVerified: {
        "next": {
            "action": "verify_email",
            "href": "/auth/verify-email",
            "send_href": "/auth/verify-email/request",
        }
    },
    EnrolmentRequired: {"next": {"action": "enrol_factor", "href": "/auth/mfa/totp"}},
    MFARequired: {
        "challenge": "tkt_…",
        "methods": ["totp", "recovery_code"],
        "expires_in": 600,
        "next": {
            "action": "present_factor",
            "href": "/auth/token/mfa",
            "send_href": "/auth/token/mfa/send",
        },
    },
    StepUpRequired: {
        "max_age": 300,
        "acr_values": "mfa",
        "next": {"action": "reauthenticate", "href": "/auth/reauthenticate"},
    },
}
"""The members of examples."""


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


def responses(*errors: type[AuthError]) -> dict[int | str, dict[str, Any]]:
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
    """
    return deepcopy(shared_responses(*errors))


def shared_responses(*errors: type[AuthError]) -> dict[int | str, dict[str, Any]]:
    """
    Return `responses` for the routes of the library, which share them and never change them.

    Args:
        errors: The error classes.
    """
    return dict(_responses(errors))


@cache
def _responses(errors: tuple[type[AuthError], ...]) -> dict[int | str, dict[str, Any]]:
    documented: dict[int | str, dict[str, Any]] = {}
    add_responses(documented, *errors)
    return documented


def errors_of(dependencies: Iterable[object]) -> list[type[AuthError]]:
    """Return the errors that dependencies declare as `documented_errors`."""
    return [error for call in dependencies for error in getattr(call, "documented_errors", ())]


def add_responses(documented: dict[int | str, dict[str, Any]], *errors: type[AuthError]) -> None:
    """
    Add errors to the `responses=` of a route, which keep what they say already.

    The mapping changes; the responses in it are replaced, since routes share them.

    Args:
        documented: The responses of the route.
        errors: The error classes to add.
    """
    for error in errors:
        headers, schema, example = _documentation(error)  # type: ignore[arg-type]  # it is hashable
        new = {"description": phrase(error.status), "content": {PROBLEM_MEDIA_TYPE: {}}}
        response = documented.setdefault(error.status, new)
        contents = response.get("content", {})
        if PROBLEM_MEDIA_TYPE not in contents:
            continue  # the application documents this status itself
        documented[error.status] = response = dict(response)
        if headers:
            response["headers"] = response.get("headers", {}) | headers
        content = dict(contents[PROBLEM_MEDIA_TYPE])
        content["schema"] = either(content.get("schema", {}), schema)
        content["examples"] = dict(content.get("examples", {}))
        content["examples"].setdefault(error.code, example)
        response["content"] = contents | {PROBLEM_MEDIA_TYPE: content}


@cache
def _documentation(
    error: type[AuthError],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The headers, the schema and the example of an error."""
    example = {"summary": error.message, "value": _example(error)}
    return _documented_headers(error), _schema(body_of(error)), example


def either(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what fits one of two schemas, with the most detailed body first."""
    known = one.get("anyOf", [one] if one else [])
    every = known if other in known else [*known, other]
    every = sorted(every, key=lambda schema: -len(schema["properties"]))
    return every[0] if len(every) == 1 else {"anyOf": every}


def body_of(error: type[AuthError]) -> type[BaseModel]:
    """Return the model of the body of an error."""
    return next(BODIES[kind] for kind in error.__mro__ if kind in BODIES)


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a body, which refers to nothing."""
    return deepcopy(_schema(model))


def _documented_headers(error: type[AuthError]) -> dict[str, Any]:
    if issubclass(error, InsufficientScope):
        return {"WWW-Authenticate": {"schema": {"type": "string"}}}
    names = {
        401: ("WWW-Authenticate",),
        429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
        503: ("Retry-After",),
    }
    return {name: {"schema": {"type": "string"}} for name in names.get(error.status, ())}


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema["description"] = schema["description"].partition("\n\n")[0]
    # Without the title, generators of clients name each body after its operation.
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("title", None)
    # This is so in every schema. Where it is said, TypeScript can't tell the bodies apart.
    schema.pop("additionalProperties", None)
    for name, member in schema["properties"].items():
        if member.get("default", name) is None:
            del member["default"]
    written: dict[str, Any] = _written_out(schema, schema.pop("$defs", {}))
    return written


def _written_out(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Write a schema without references. A discriminator needs them."""
    if isinstance(schema, list):
        return [_written_out(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _written_out(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {
        name: _written_out(part, definitions)
        for name, part in schema.items()
        if name != "discriminator"
    }


def _example(error: type[AuthError]) -> dict[str, Any]:
    detail: Any = error.message
    if issubclass(error, Unprocessable):
        detail = [{"loc": ["body"], "msg": error.message, "type": error.code}]
    members = dict(_MEMBERS.get(error, {}))
    if issubclass(error, TokenRequestError):
        members |= {"error": error.error, "error_description": error.message}
    return problem(error.status, detail, error.code, members)
