"""The route class of `crud_router`: larger bodies, and entity tags that caches may ask about."""

from typing import Any, ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.core.http.route import AuthRoute, Handler
from piccolo_api_fastapi.errors import AuthError

MAXIMUM_BODY = 1024 * 1024


class CrudRoute(AuthRoute):
    """A route of a table."""

    maximum_body: ClassVar[int] = MAXIMUM_BODY

    def members(self, error: HTTPException) -> dict[str, Any]:
        """Return the members of the body of an error: those of bulk requests say which row."""
        place = error.place if isinstance(error, AuthError) else ()
        return super().members(error) | ({"loc": list(place)} if place else {})

    def get_route_handler(self) -> Handler:
        """Let clients keep what has an entity tag, and ask whether it is still so."""
        handle = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await handle(request)
            if request.method == "HEAD":
                response.body = b""  # its length stays
            if "etag" in response.headers and response.status_code < 400:  # noqa: PLR2004
                response.headers["Cache-Control"] = "private, no-cache"
            return response

        return tagged
