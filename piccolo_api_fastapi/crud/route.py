"""The route class of `crud_router`: larger bodies, and entity tags that caches may ask about."""

from typing import Any, ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from piccolo_api_fastapi.core.http.route import AuthRoute, Handler, methods_of, problem_response
from piccolo_api_fastapi.errors import AuthError, NotFound

MAXIMUM_BODY = 1024 * 1024

MERGE_PATCH = "application/merge-patch+json"


class CrudRoute(AuthRoute):
    """A route of a table. The guards of its application and routers apply as well."""

    is_public: ClassVar[bool] = False
    maximum_body: ClassVar[int] = MAXIMUM_BODY

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve a request. A key that begins with `_` is that of no row: where another route has
        this path, the method is the one that is wrong.
        """
        if not scope["path_params"].get("id", "").startswith("_"):
            await super().handle(scope, receive, send)
            return
        methods = self.allowed_methods(scope)
        error: HTTPException = HTTPException(405) if methods else NotFound()
        response = problem_response(error, Request(scope))
        response.headers["Cache-Control"] = "no-store"
        if methods:
            response.headers["Allow"] = ", ".join(sorted(methods))
        await response(scope, receive, send)

    def is_json(self, content_type: str) -> bool:
        """Return whether a content type is JSON; for a change, also a merge patch (RFC 7396)."""
        is_patch = content_type.strip().lower() == MERGE_PATCH and "PATCH" in (self.methods or ())
        return is_patch or super().is_json(content_type)

    def allowed_methods(self, scope: Scope) -> set[str]:
        """Return the methods of a path. A word such as `_bulk` is not taken for a key."""
        is_word = scope["path"].rpartition("/")[2].startswith("_")
        return methods_of(scope, "{id}" if is_word else None)

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
