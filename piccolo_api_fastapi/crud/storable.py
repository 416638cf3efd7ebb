"""Values from models of the application, which may take what a column can't hold."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from piccolo.columns import Email
from piccolo.utils.sql_values import convert_to_sql_value
from pydantic import BaseModel, Json, TypeAdapter, ValidationError
from pydantic import Field as PydanticField
from pydantic_core import to_jsonable_python

from piccolo_api_fastapi.core.http.parsing import strict_json
from piccolo_api_fastapi.errors import FieldError, Unprocessable

from .fields import Field

_JSON: Any = Json


class Storable:
    """
    Checks the values of a column.

    Args:
        model: The model that they come from.
        field: The column.
    """

    def __init__(self, model: type[BaseModel], field: Field) -> None:
        self._field = field
        annotation: Any = field.kind.given
        if isinstance(field.column, Email):  # what an address is, the model says
            annotation = Annotated[str, PydanticField(max_length=field.column.length)]
        self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        self._is_text = takes_text(model, field.name, with_json=False)

    def checked(self, value: Any) -> Any:
        """
        Return a value that the column can hold.

        Raises:
            Unprocessable: It can't.
        """
        if value is None:
            return None
        place = ("body", self._field.name)
        try:
            return self._adapter.validate_python(self._plain(value))
        except ValidationError as error:
            errors = [FieldError(place, one["msg"], one["type"]) for one in error.errors()]
        except ValueError:
            errors = [FieldError(place, "This is not JSON.", "json_invalid")]
        raise Unprocessable(errors)

    def _plain(self, value: Any) -> Any:
        """Return a value without enumerations and models."""
        if not self._field.is_json:
            return convert_to_sql_value(value, self._field.column)
        if self._is_text and isinstance(value, str):
            return strict_json(value.encode())
        return to_jsonable_python(value)


def takes_text(model: type[BaseModel], name: str, *, with_json: bool = True) -> bool:
    """
    Return whether a model takes the text of a JSON column, and not its value.

    Args:
        model: The model.
        name: The name of the column.
        with_json: Whether `Json` counts, which takes a text and has its value.
    """
    field = model.model_fields[name]
    found = [*_members(field.annotation), *field.metadata]
    is_json = any(one is _JSON or isinstance(one, _JSON) for one in found)
    return with_json if is_json else str in found


def _members(annotation: Any) -> list[Any]:
    """Return the members of a union, perhaps annotated, without what stands in brackets."""
    origin = get_origin(annotation)
    if origin not in {Annotated, Union, UnionType}:
        return [annotation]
    return [member for inner in get_args(annotation) for member in _members(inner)]
