"""The choices of a column, of which bodies and filters take no others."""

from dataclasses import replace
from typing import Annotated, Any

from piccolo.columns import Column
from pydantic import AfterValidator, Field
from pydantic_core import to_jsonable_python

from .kind import Kind


def with_choices(kind: Kind, column: Column) -> Kind:
    """
    Return a kind of which only the choices of a column are valid.

    Args:
        kind: The kind, that of the elements if the column is an array.
        column: The column.
    """
    found: Any = column._meta.get_choices_dict()
    if not found:
        return kind
    allowed = [choice["value"] for choice in found.values()]
    enum: Any = {
        "enum": [to_jsonable_python(kind.show(one) if kind.show else one) for one in allowed]
    }

    def check(value: Any) -> Any:
        if value not in allowed:
            raise ValueError("This is not one of the choices.")
        return value

    return replace(
        kind,
        given=Annotated[kind.given, AfterValidator(check), Field(json_schema_extra=enum)],
        shown=Annotated[kind.shown, Field(json_schema_extra=enum)],
        parse=lambda text: check(kind.parse(text)),
        restore=kind.restore or kind.parse,
        schema=kind.schema | enum,
    )
