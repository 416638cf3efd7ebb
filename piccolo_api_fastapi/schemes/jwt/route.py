"""The route class of the token endpoint."""

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import InvalidRequest, Unprocessable


class TokenRoute(AuthRoute):
    """A route of the token endpoint, which answers validation errors as OAuth errors."""

    documents_422 = False

    def translate(self, error: Exception) -> HTTPException:
        """Translate an error; a form or JSON that does not validate is an `invalid_request`."""
        if isinstance(error, RequestValidationError | Unprocessable):
            return InvalidRequest()
        return super().translate(error)
