"""The parameters of a `Crud`: built once, from the columns that it may filter and sort by."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from piccolo.columns import Column

from piccolo_api_fastapi.errors import ConfigurationError

from .columns import MAX_TEXT, kind_of
from .cursor import MAX_LENGTH
from .fields import dotted
from .kind import Kind
from .operators import MAX_VALUES, OPERATORS, operators_of, schema_of
from .pages import MAX_OFFSET
from .query import ListQuery, Order, Parameter
from .values import parse_bool, parse_integer

MAX_WHOLE = 255
"""Characters of a text by which rows are ordered as a whole, so that an index helps."""

PREFIX = 100
"""Characters by which rows are ordered, of texts that may be longer."""

_WORDS = {
    "": "equal to this",
    "ne": "another value than this. Missing ones are not among them",
    "lt": "less than this",
    "lte": "at most this",
    "gt": "greater than this",
    "gte": "at least this",
    "in": f"equal to one of these. Repeat it for up to {MAX_VALUES} values",
    "isnull": "missing, or not",
    "contains": "that contain this, whatever the case",
    "starts": "that start with this, whatever the case",
    "ends": "that end with this, whatever the case",
    "has": "that have this element",
}


def filters_of(columns: Iterable[Column]) -> list[Parameter]:
    """
    Return the parameters that filter by columns.

    Args:
        columns: The columns, perhaps of joined tables.
    """
    found = []
    for column in columns:
        kind = kind_of(column)
        found += [_filter(column, kind, operator) for operator in operators_of(column, kind)]
    return found


def _filter(column: Column, kind: Kind, operator: str) -> Parameter:
    name = dotted(column)
    read = _reader(column, operator, _parser(kind, operator))
    return Parameter(
        f"{name}__{operator}" if operator else name,
        schema_of(operator, kind),
        f"Rows whose `{name}` is {_WORDS[operator]}.".replace("is that ", ""),
        read,
        is_repeated=operator == "in",
    )


def _parser(kind: Kind, operator: str) -> Callable[[str], Any]:
    if operator == "isnull":
        return parse_bool
    if operator in {"contains", "starts", "ends"}:
        return _part
    return kind.parse if kind.element is None else kind.element.parse


def _part(text: str) -> str:
    if not 1 <= len(text) <= MAX_TEXT:
        raise ValueError(f"Use 1 to {MAX_TEXT} characters.")
    return text


def _reader(
    column: Column, operator: str, parse: Callable[[str], Any]
) -> Callable[[ListQuery, list[str]], None]:
    condition = OPERATORS[operator]

    def read(query: ListQuery, texts: list[str]) -> None:
        if operator != "in":
            query.filters.append((column, condition, parse(texts[0])))
            return
        if len(texts) > MAX_VALUES:
            raise ValueError(f"Send at most {MAX_VALUES} values.")
        query.filters.append((column, condition, [parse(text) for text in texts]))

    return read


def sort_of(columns: Sequence[Column]) -> list[Parameter]:
    """Return the parameter `sort`, if there are columns to sort by."""
    orders: dict[str, Order] = {}
    for column in columns:
        is_null = bool(column._meta.null or column._meta.call_chain)
        name = dotted(column)
        kind = kind_of(column)
        if not kind.is_compared:
            raise ConfigurationError(f"sort={name} is of a type that has no order.")
        order = Order(name, column, kind, is_null, prefix=_prefix(column, kind))
        orders[name] = order
        orders[f"-{name}"] = replace(order, descending=True)

    def read(query: ListQuery, texts: list[str]) -> None:
        for name in _listed(texts[0], orders):
            if all(order.name != orders[name].name for order in query.order):
                query.order.append(orders[name])

    words = "The columns to sort by. A hyphen puts high values first. Missing values come last."
    return [_list("sort", orders, words, read)] if orders else []


def _prefix(column: Column, kind: Kind) -> int | None:
    length = getattr(column, "length", None) or math.inf
    return PREFIX if kind.is_text and length > MAX_WHOLE else None


def fields_of(names: Sequence[str]) -> Parameter:
    """Return the parameter `fields`."""

    def read(query: ListQuery, texts: list[str]) -> None:
        query.fields = frozenset(_listed(texts[0], known))

    known = dict.fromkeys(names)
    return _list("fields", known, "The fields to return, beside the primary key.", read)


def include_of(names: Sequence[str]) -> list[Parameter]:
    """Return the parameter `include`, if there are relations."""
    known = dict.fromkeys(names)

    def read(query: ListQuery, texts: list[str]) -> None:
        query.include = tuple(dict.fromkeys(_listed(texts[0], known)))

    return [_list("include", known, "The relations to return along.", read)] if names else []


def _listed(text: str, known: Mapping[str, Any]) -> list[str]:
    names = text.split(",")
    if not all(name in known for name in names) or len(names) > len(known):
        raise ValueError(f"Use one or several of {', '.join(known)}.")
    return names


def _list(
    name: str,
    known: Mapping[str, Any],
    words: str,
    read: Callable[[ListQuery, list[str]], None],
) -> Parameter:
    schema = {
        "type": "array",
        "items": {"type": "string", "enum": list(known)},
        "minItems": 1,
        "maxItems": len(known),
    }
    return Parameter(name, schema, words, read, is_list=True)


def search_of(columns: Sequence[Column]) -> list[Parameter]:
    """
    Return the parameter `q`, if there are columns to search.

    Raises:
        ConfigurationError: A column has no text.
    """
    for column in columns:
        if not kind_of(column).is_text:
            raise ConfigurationError(f"search={dotted(column)} must be a column of texts.")

    def read(query: ListQuery, texts: list[str]) -> None:
        query.search = _part(texts[0])

    schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
    words = f"Rows of which {', '.join(map(dotted, columns))} contains this, whatever the case."
    return [Parameter("q", schema, words, read)] if columns else []


def paging_of(paging: str, size: int, maximum: int) -> list[Parameter]:
    """
    Return the parameters of pages.

    Args:
        paging: `cursor` or `offset`.
        size: The number of rows if a client does not say.
        maximum: The maximum number of rows.
    """

    def limit(query: ListQuery, texts: list[str]) -> None:
        query.limit = _between(texts[0], 1, maximum)

    def cursor(query: ListQuery, texts: list[str]) -> None:
        if not 1 <= len(texts[0]) <= MAX_LENGTH:
            raise ValueError("This is no cursor.")
        query.cursor = texts[0]

    def offset(query: ListQuery, texts: list[str]) -> None:
        query.offset = _between(texts[0], 0, MAX_OFFSET)

    number = {"type": "integer", "minimum": 1, "maximum": maximum, "default": size}
    found = [Parameter("limit", number, "The maximum number of rows.", limit)]
    if paging == "offset":
        places = {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}
        return [*found, Parameter("offset", places, "The number of rows to leave out.", offset)]
    text = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": MAX_LENGTH}
    words = "`next` of the page before. The other parameters must be the same."
    return [*found, Parameter("cursor", text, words, cursor)]


def count_of() -> Parameter:
    """Return the parameter `count`."""

    def read(query: ListQuery, texts: list[str]) -> None:
        if texts[0] not in {"exact", "capped"}:
            raise ValueError("Use exact or capped.")
        query.count = texts[0]

    schema = {"type": "string", "enum": ["exact", "capped"]}
    words = "Count all rows in `total`: `capped` stops after 1000, which 1001 tells."
    return Parameter("count", schema, words, read)


def _between(text: str, low: int, high: int) -> int:
    number = parse_integer(text)
    if not low <= number <= high:
        raise ValueError(f"Use a number from {low} to {high}.")
    return number


def checked(parameters: Sequence[Parameter]) -> list[Parameter]:
    """
    Return parameters whose names differ.

    Raises:
        ConfigurationError: Two have one name: a column is called like a parameter, or like
            another column with an operator.
    """
    names: set[str] = set()
    for parameter in parameters:
        if parameter.name in names:
            raise ConfigurationError(
                f"Two parameters are called {parameter.name}; leave one column out of filters."
            )
        names.add(parameter.name)
    return list(parameters)
