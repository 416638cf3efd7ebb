"""The route class of the token endpoint."""

from functools import cache
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from piccolo_api_fastapi.core.http.problems import (
    PROBLEM_MEDIA_TYPE,
    TOKEN_BODIES,
    either,
    schema_of,
)
from piccolo_api_fastapi.core.http.route import AuthRoute, code_of, validation_error
from piccolo_api_fastapi.errors import (
    AuthError,
    DeadChallenge,
    GrantRefused,
    InvalidCode,
    InvalidCredentials,
    InvalidGrant,
    InvalidRequest,
    InvalidTicket,
    LoginRefused,
    Unprocessable,
    WrongLoginCode,
    oauth_members,
)

_ERRORS = {
    405: "invalid_request",
    413: "invalid_request",
    415: "invalid_request",
    500: "server_error",
    503: "temporarily_unavailable",
}
"""The codes of RFC 6749 sections 5.2 and 4.1.2.1 that say the same as a status."""

GRANT_ERRORS: dict[type[AuthError], type[AuthError]] = {
    InvalidCredentials: InvalidGrant,
    InvalidTicket: DeadChallenge,
    InvalidCode: WrongLoginCode,
    LoginRefused: GrantRefused,
}
"""The errors of a failed login, and those that tell of them as RFC 6749 section 5.2 has it."""


class TokenRoute(AuthRoute):
    """A route of the token endpoint, which answers every error in the form of RFC 6749."""

    documents_422 = False
    media_type = "application/json"

    def document(
        self, documented: dict[int | str, dict[str, Any]], *errors: type[AuthError]
    ) -> None:
        """Add errors to the documented responses, in the form of this route."""
        super().document(documented, *errors)
        for status, response in documented.items():
            contents = dict(response.get("content", {}))
            if problem := contents.pop(PROBLEM_MEDIA_TYPE, None):
                contents[self.media_type] = _with_oauth_members(problem)
                documented[status] = response | {"content": contents}

    def members(self, error: HTTPException) -> dict[str, Any]:
        """Return `error` and `error_description` too, which OAuth clients read."""
        name = _ERRORS.get(error.status_code, code_of(error))
        return oauth_members(name, str(error.detail)) | super().members(error)

    def translate(self, error: Exception) -> HTTPException:
        """Translate an error; a form or JSON that does not validate is an `invalid_request`."""
        if isinstance(error, RequestValidationError):
            error = validation_error(error)
        if isinstance(error, Unprocessable):
            return _invalid_request(error)
        for kind, grant_error in GRANT_ERRORS.items():
            if isinstance(error, kind):
                return grant_error(str(error.detail) if kind is LoginRefused else None)
        return super().translate(error)


def _invalid_request(error: Unprocessable) -> InvalidRequest:
    """Return the error of a request that does not validate, with the names of what is missing."""
    missing = [str(one.loc[-1]) for one in error.errors if one.type == "missing"]
    return InvalidRequest(f"The request lacks {' and '.join(missing)}." if missing else None)


def _with_oauth_members(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of an error, with `error` and `error_description` in it."""
    whole: dict[str, Any] = {}
    for schema in content["schema"].get("anyOf", [content["schema"]]):
        whole = either(whole, next((full for plain, full in _bodies() if plain == schema), schema))
    examples = {name: _as_oauth(example) for name, example in content["examples"].items()}
    return content | {"schema": whole, "examples": examples}


@cache
def _bodies() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the schemas of errors, without and with the members of OAuth."""
    return [(schema_of(plain), schema_of(full)) for plain, full in TOKEN_BODIES.items()]


def _as_oauth(example: dict[str, Any]) -> dict[str, Any]:
    value = example["value"]
    name = _ERRORS.get(value["status"]) or value["code"]
    return example | {"value": value | oauth_members(name, value["detail"]) | value}
