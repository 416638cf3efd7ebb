"""`Kind`: what the values of a type of column are like."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """
    What values of a type of column are like.

    Args:
        given: The annotation of a value in a body.
        shown: The annotation of a value in a response.
        parse: Returns the value that a text in a query stands for, or raises `ValueError`.
        schema: The JSON schema of that text.
        show: Returns what JSON shows of a stored value; `None` to show it as it is.
        store: Returns what is stored of a value of a body; `None` to store it as it is.
        restore: Returns the value of a text in a cursor, in place of `parse`. It may raise
            `ValueError`, as clients can make cursors.
        write: Returns the text of a cursor for a value.
        is_ordered: Whether queries can ask for less and for more.
        is_text: Whether queries can ask for parts.
        is_compared: Whether queries can ask for equal values.
        element: The kind of the elements of an array.
        is_rounded: Whether Piccolo reads fewer digits than SQLite stores. A cursor has all.
    """

    given: Any
    shown: Any
    parse: Callable[[str], Any]
    schema: dict[str, Any]
    show: Convert | None = None
    store: Convert | None = None
    restore: Callable[[str], Any] | None = None
    write: Callable[[Any], str] = str
    is_ordered: bool = False
    is_text: bool = False
    is_compared: bool = True
    element: "Kind | None" = None
    is_rounded: bool = False


def form(
    kind: type,
    parse: Callable[[str], Any],
    schema: dict[str, Any],
    check: Convert | None = None,
    **further: Any,
) -> Kind:
    """
    Return a kind whose values JSON writes as texts of a certain form.

    Args:
        kind: The type of the values.
        parse: Returns the value of a text, or raises `ValueError`.
        schema: The JSON schema of the texts.
        check: Returns a value that comes from code, or raises `ValueError`.
        further: Further fields of the kind.
    """

    def read(value: Any) -> Any:
        is_value = isinstance(value, kind) and (kind is not date or type(value) is date)
        if not is_value and type(value) is not str:
            raise PydanticCustomError("string_type", "Input should be a valid string")
        try:
            if is_value:  # from code: JSON has no such value
                return value if check is None else check(value)
            return parse(str(value))
        except (ValueError, ArithmeticError) as error:
            raise PydanticCustomError("value_form", "{why}", {"why": str(error)}) from None

    documented = WithJsonSchema({"type": "string", **schema})
    return Kind(
        Annotated[Any, BeforeValidator(read), documented],
        Annotated[Any, documented],
        parse,
        {"type": "string", **schema},
        **further,
    )
