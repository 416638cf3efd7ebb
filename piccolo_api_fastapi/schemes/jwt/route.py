"""The route class of the token endpoint."""

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import (
    InvalidRequest,
    Unprocessable,
)


class TokenRoute(AuthRoute):
    """A route of the token endpoint: its validation errors are OAuth errors too."""

    documents_422 = False

    def translate(self, error: Exception) -> HTTPException:
        """As elsewhere, with `invalid_request` for a form or JSON that does not validate."""
        if isinstance(error, RequestValidationError | Unprocessable):
            return InvalidRequest()
        return super().translate(error)
