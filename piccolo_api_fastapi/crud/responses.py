"""The responses of the routes of a table."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.errors import FieldError, PreconditionRequired, Unprocessable

from .columns import kind_of
from .crud import Crud
from .etags import tags_in
from .hooks import Row
from .query import split
from .reader import Page

JSON = "application/json"

_json = partial(to_json, inf_nan_mode="null")  # which JSON does not have


class Responses:
    """
    Reads what requests say beside their bodies, and makes responses.

    Args:
        crud: The table.
        require_match: Whether changes must name the version that they change.
    """

    def __init__(self, crud: Crud, *, require_match: bool) -> None:
        self._crud = crud
        self._require_match = require_match
        key = crud.table._meta.primary_key
        self.key_name: str = key._meta.name
        self.key_kind = kind_of(key)

    def key(self, text: str) -> Any:
        """
        Return the primary key in a path.

        Raises:
            Unprocessable: It is not of the type of the column.
        """
        try:
            return self.key_kind.parse(_without_nul(text))
        except (ValueError, ArithmeticError) as error:
            raise Unprocessable([FieldError(("path", "id"), str(error), "key_invalid")]) from None

    def if_match(self, request: Request) -> str | None:
        """
        Return the header `If-Match`.

        Raises:
            PreconditionRequired: It is missing, and must not be.
        """
        found = request.headers.getlist("if-match")
        if found:
            return ", ".join(found)
        if self._require_match:
            raise PreconditionRequired
        return None

    def row(self, row: Row, status: int = 200, **headers: str) -> Response:
        """Return a whole row with its entity tag."""
        shown = self._crud.presenter.render(row)
        tag = self._crud.presenter.etag(row, shown)
        return Response(_json(shown), status, {**headers, "ETag": tag}, JSON)

    def created(self, request: Request, row: Row) -> Response:
        """Return a new row with its place."""
        key = quote(self.key_kind.write(row[self.key_name]), safe="")
        return self.row(row, 201, Location=f"{quote(request.url.path)}/{key}")

    def found(self, request: Request, row: Row) -> Response:
        """Return a row, or 304 if the client has it."""
        if request.scope["query_string"]:  # some fields only, or relations along
            return Response(_json(self._crud.presenter.render(row)), media_type=JSON)
        response = self.row(row)
        known = request.headers.getlist("if-none-match")
        if known:
            tags = tags_in(", ".join(known), weak=True)
            if tags is None or response.headers["etag"] in tags:
                return Response(status_code=304, headers={"ETag": response.headers["etag"]})
        return response

    def rows(self, rows: Any, status: int) -> Response:
        """Return the rows of a bulk request."""
        shown = [self._crud.presenter.render(row) for row in rows]
        return Response(_json({"items": shown}), status, media_type=JSON)

    def keys(self, keys: Sequence[Any]) -> Response:
        """Return the primary keys of a bulk request."""
        show = self.key_kind.show
        return Response(
            _json({"ids": [show(key) if show else key for key in keys]}), media_type=JSON
        )

    def page(self, request: Request, page: Page, following: str = "cursor") -> Response:
        """
        Return a page.

        Args:
            request: The request.
            page: The page.
            following: The name of the parameter that asks for the next page.
        """
        render = self._crud.presenter.render
        body: Row = {"items": [render(row) for row in page.items], "next": page.next}
        if page.total is not None:
            body["total"] = page.total
        return self._page(request, body, following)

    def options(self, request: Request, page: Page) -> Response:
        """Return a page of options."""
        return self._page(request, {"items": self._options(page), "next": page.next}, "cursor")

    def _options(self, page: Page) -> list[Row]:
        show = self.key_kind.show
        return [item | {"id": show(item["id"])} if show else item for item in page.items]

    def _page(self, request: Request, body: Row, following: str) -> Response:
        headers = {}
        if body["next"] is not None:
            query = self._next(request, body["next"], following)
            headers["Link"] = f'<?{query}>; rel="next"'
        return Response(_json(body), headers=headers, media_type=JSON)

    def _next(self, request: Request, place: str, following: str) -> str:
        """Return the query of the next page, encoded anew, so that no text of a client is sent."""
        sent = split(request.scope["query_string"])
        pairs = [(name, text) for name, texts in sent.items() for text in texts]
        kept = [(name, text) for name, text in pairs if name != following]
        return urlencode([*kept, (following, place)])


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("The key has a NUL.")
    return text
