"""The route class of the token endpoint."""

from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from piccolo_api_fastapi.core.http.problems import (
    PROBLEM_MEDIA_TYPE,
    TOKEN_BODIES,
    either,
    schema_of,
)
from piccolo_api_fastapi.core.http.route import AuthRoute, code_of
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
        for response in documented.values():
            if problem := response.get("content", {}).pop(PROBLEM_MEDIA_TYPE, None):
                _add_oauth_members(problem)
                response["content"][self.media_type] = problem

    def members(self, error: HTTPException) -> dict[str, Any]:
        """Return `error` and `error_description` too, which OAuth clients read."""
        name = _ERRORS.get(error.status_code, code_of(error))
        return oauth_members(name, str(error.detail)) | super().members(error)

    def translate(self, error: Exception) -> HTTPException:
        """Translate an error; a form or JSON that does not validate is an `invalid_request`."""
        if isinstance(error, RequestValidationError | Unprocessable):
            return InvalidRequest()
        for kind, grant_error in GRANT_ERRORS.items():
            if isinstance(error, kind):
                return grant_error(str(error.detail) if kind is LoginRefused else None)
        return super().translate(error)


def _add_oauth_members(content: dict[str, Any]) -> None:
    """Add `error` and `error_description` to the schema and the examples of an error."""
    pairs = [(schema_of(plain), schema_of(full)) for plain, full in TOKEN_BODIES.items()]
    schemas = content["schema"].get("anyOf", [content["schema"]])
    content["schema"] = {}
    for schema in schemas:
        whole = next((full for plain, full in pairs if plain == schema), schema)
        content["schema"] = either(content["schema"], whole)
    for example in content["examples"].values():
        value = example["value"]
        name = _ERRORS.get(value["status"]) or value["code"]
        example["value"] = value | oauth_members(name, value["detail"]) | value
