"""Query strings: what a client asks of a list, taken strictly."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from piccolo.columns import Column

from piccolo_api_fastapi.errors import FieldError, Unprocessable

from .kind import Kind
from .operators import Condition

MAX_PARAMETERS = 50

_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Order:
    """
    A column by which a list is ordered.

    Args:
        name: The name in the query.
        column: The column, perhaps of a joined table.
        kind: What its values are like.
        is_null: Whether there may be no value.
        descending: Whether high values come first.
        prefix: The number of characters that count of a long text, which no cursor could hold.
    """

    name: str
    column: Column
    kind: Kind
    is_null: bool
    descending: bool = False
    prefix: int | None = None


@dataclass(slots=True)
class ListQuery:
    """
    What a client asks of a list.

    Args:
        limit: The maximum number of rows.
        filters: The columns, their conditions and values.
        search: The text that some column must contain.
        order: The columns by which the rows are ordered, without the primary key.
        cursor: The cursor, as it was sent.
        offset: The number of rows to leave out.
        fields: The names of the fields; `None` for all.
        include: The names of relations.
        count: How to count all rows, `exact` or `capped`.
        sent: The parameters as they were sent, decoded.
    """

    limit: int
    filters: list[tuple[Column, Condition, Any]] = field(default_factory=list)
    search: str | None = None
    order: list[Order] = field(default_factory=list)
    cursor: str | None = None
    offset: int = 0
    fields: frozenset[str] | None = None
    include: tuple[str, ...] = ()
    count: str | None = None
    sent: dict[str, list[str]] = field(default_factory=dict)


Read = Callable[[ListQuery, list[str]], None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    A parameter of a query string.

    Args:
        name: The name.
        schema: The JSON schema of its value.
        description: A sentence for OpenAPI.
        read: Adds the values to a query, or raises `ValueError`.
        is_repeated: Whether it may be sent several times.
        is_list: Whether its value is a list with commas.
    """

    name: str
    schema: dict[str, Any]
    description: str
    read: Read
    is_repeated: bool = False
    is_list: bool = False

    def documented(self) -> dict[str, Any]:
        """Return the parameter for OpenAPI."""
        entry = {"name": self.name, "in": "query", "required": False, "schema": self.schema}
        if self.is_list or self.is_repeated:
            entry |= {"style": "form", "explode": self.is_repeated}
        return entry | {"description": self.description}


class Grammar:
    """
    The parameters that a route takes.

    Args:
        parameters: The parameters.
        limit: The number of rows if a client does not say.
    """

    def __init__(self, parameters: Sequence[Parameter], limit: int = 1) -> None:
        self.parameters = {parameter.name: parameter for parameter in parameters}
        self._limit = limit

    def parse(self, raw: bytes) -> ListQuery:
        """
        Return what a query string asks.

        Raises:
            Unprocessable: A parameter is unknown, repeated or not valid.
        """
        query = ListQuery(self._limit)
        if not raw:
            return query
        query.sent = split(raw)
        errors = [
            refused(name, why)
            for name, texts in query.sent.items()
            if (why := self._read(query, name, texts)) is not None
        ]
        if errors:
            raise Unprocessable(errors)
        return query

    def _read(self, query: ListQuery, name: str, texts: list[str]) -> str | None:
        """Add a parameter to a query. Returns why it is refused."""
        parameter = self.parameters.get(name)
        if parameter is None:
            return UNKNOWN
        if len(texts) > 1 and not parameter.is_repeated:
            return "Send this parameter once."
        try:
            parameter.read(query, texts)
        except (ValueError, ArithmeticError) as error:
            return str(error)
        return None


UNKNOWN = "There is no such parameter."


def refused(name: str, why: str) -> FieldError:
    """Return the error of a parameter."""
    code = "extra_forbidden" if why is UNKNOWN else "parameter_invalid"
    return FieldError(("query", name[:100]), why, code)


def split(raw: bytes) -> dict[str, list[str]]:
    """Return the texts of each parameter."""
    sent: dict[str, list[str]] = {}
    for part in raw.split(b"&"):
        if not part:
            continue
        name, _, text = part.partition(b"=")
        sent.setdefault(_decoded(name), []).append(_decoded(text))
        if len(sent) > MAX_PARAMETERS:
            raise Unprocessable([refused("", f"Send at most {MAX_PARAMETERS} parameters.")])
    return sent


def _decoded(raw: bytes) -> str:
    if b"%" in raw or b"+" in raw:
        if _NO_ESCAPE.search(raw):
            raise Unprocessable([refused("", "A percent sign must begin an escape.")])
        raw = unquote_to_bytes(raw.replace(b"+", b" "))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unprocessable([refused("", "The query must be UTF-8.")]) from None
    if "\x00" in text:
        raise Unprocessable([refused("", "The query has a NUL.")])
    return text
