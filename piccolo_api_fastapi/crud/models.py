"""Pydantic models of rows: built per column, or made by the application."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from piccolo.columns import Column
from piccolo.querystring import QueryString
from piccolo.table import Table
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic import Field as PydanticField

from piccolo_api_fastapi.errors import ConfigurationError, FieldError, Unprocessable

from . import shown
from .fields import Field, field_of, own_fields, readable
from .hooks import Row
from .storable import Storable, takes_text

Given = Sequence[Column] | type[BaseModel]
"""Columns, or a model whose fields have their names."""


class Input:
    """
    The values that clients may write.

    Args:
        model: The model of a body.
        fields: The fields, of the same names.
        is_own: Whether the model was built here, so that it has checked its values.
        has_defaults: Whether the defaults of a model of the application are stored.
    """

    def __init__(
        self,
        model: type[BaseModel],
        fields: Sequence[Field],
        *,
        is_own: bool,
        has_defaults: bool = False,
    ) -> None:
        self.model = model
        self.fields = {field.name: field for field in fields}
        self._is_own = is_own
        self._columns = {} if is_own else {field.name: Storable(model, field) for field in fields}
        self._has_defaults = has_defaults

    def values(self, body: BaseModel | Mapping[str, Any]) -> Row:
        """
        Return the values to store: those that were sent, and the defaults of a model.

        A default that is `None` stands for that of the column.

        Raises:
            Unprocessable: The body is a mapping that is not valid, or a value does not fit its
                column.
        """
        if not isinstance(body, BaseModel):
            try:
                body = self.model.model_validate(dict(body))
            except ValidationError as error:
                raise _unprocessable(error) from None
        names = {attribute(name) if self._is_own else name: name for name in self.fields}
        return {
            name: self._stored(name, getattr(body, place))
            for place, name in names.items()
            if place in body.model_fields_set
            or (self._has_defaults and getattr(body, place, None) is not None)
        }

    def _stored(self, name: str, value: Any) -> Any:
        if not self._is_own:
            value = self._columns[name].checked(value)
        store = self.fields[name].kind.store
        return value if value is None or store is None else store(value)


class Output:
    """
    The values that clients read.

    Args:
        model: The model of a row.
        fields: The fields.
        is_own: Whether the model was built here, so that converters make the response.
    """

    def __init__(self, model: type[BaseModel], fields: Sequence[Field], *, is_own: bool) -> None:
        self.model = model
        self.fields = {field.name: field for field in fields}
        self.is_own = is_own
        self._shows = [(field.name, field.kind.show) for field in fields if field.kind.show]
        self._texts = {
            field.name
            for field in fields
            if not is_own and field.is_json and not takes_text(model, field.name)
        }

    def render(self, row: Row, wanted: Collection[str] | None = None) -> Row:
        """
        Return a row as JSON shows it.

        Args:
            row: The row, which is changed. It may have some of the columns, unless the application
                made the model.
            wanted: The fields to return of a model of the application, if not all.
        """
        if not self.is_own:
            decoded = {name: self._decoded(name, value) for name, value in row.items()}
            return shown.dump(self.model, decoded, wanted)
        for name, show in self._shows:
            if row.get(name) is not None:
                row[name] = show(row[name])
        return row

    def _decoded(self, name: str, value: Any) -> Any:
        is_json = name in self._texts and value is not None
        show = self.fields[name].kind.show
        return show(value) if is_json and show else value


def attribute(name: str) -> str:
    """
    Return the attribute of a column in a model that is built here.

    Columns may be called `json`, `schema` or `model_year`, which Pydantic keeps for itself. Their
    own names are those of the members in JSON.
    """
    return f"column_{name}"


def _unprocessable(error: ValidationError) -> Unprocessable:
    return Unprocessable(
        [FieldError(("body", *item["loc"]), item["msg"], item["type"]) for item in error.errors()]
    )


def make_input(table: type[Table], name: str, setting: str, given: Given, *, patch: bool) -> Input:
    """
    Make the input of an operation.

    Args:
        table: The table.
        name: The name of the model.
        setting: The argument that gives the columns.
        given: The columns or the model.
        patch: Whether any field may be left out.

    Raises:
        ConfigurationError: A column is of another table, or a field is no column.
    """
    if isinstance(given, type):
        fields = _fields_of(table, setting, given)
        return Input(given, fields, is_own=False, has_defaults=not patch)
    fields = own_fields(table, setting, given)
    definitions: Any = {attribute(field.name): _definition(field, patch=patch) for field in fields}
    doc = (
        f"The values to change of a row of {table.__name__}."
        if patch
        else (f"The values of a new row of {table.__name__}.")
    )
    config = ConfigDict(extra="forbid")
    model = create_model(name, __config__=config, __doc__=doc, **definitions)
    return Input(model, fields, is_own=True)


def make_output(table: type[Table], name: str, given: Given | None) -> Output:
    """
    Make the output of a table.

    Args:
        table: The table.
        name: The name of the model.
        given: The columns or the model; `None` for all that are not secret.
    """
    if isinstance(given, type):
        return Output(given, _fields_of(table, "read", given), is_own=False)
    fields = readable(table) if given is None else own_fields(table, "read", given)
    key = table._meta.primary_key
    if key._meta.name not in {field.name for field in fields}:
        fields.insert(0, field_of(key))
    doc = f"A row of {table.__name__}."
    return Output(shown_model(name, fields, doc), fields, is_own=True)


def shown_model(name: str, fields: Sequence[Field], doc: str) -> type[BaseModel]:
    """Make the model of rows in responses, for OpenAPI."""
    definitions: Any = {
        attribute(field.name): (shown_type(field), _described(field, is_required=True))
        for field in fields
    }
    return create_model(name, __doc__=doc, **definitions)


def shown_type(field: Field) -> Any:
    """Return the annotation of a value in a response."""
    return field.kind.shown | None if field.is_null else field.kind.shown


def _fields_of(table: type[Table], setting: str, model: type[BaseModel]) -> list[Field]:
    columns = {column._meta.name: column for column in table._meta.columns}
    names = list(model.model_fields)
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise ConfigurationError(
            f"{setting}={model.__name__} has the fields {', '.join(unknown)}, and "
            f"{table.__name__} has no such columns."
        )
    return [field_of(columns[name]) for name in names]


def _definition(field: Field, *, patch: bool) -> tuple[Any, Any]:
    annotation = field.kind.given | None if field.is_null else field.kind.given
    if not patch and not field.is_optional:
        return annotation, _described(field, is_required=True)
    default = _static_default(field)
    schema = {} if patch or default is None else {"default": default}
    return annotation, _described(field, is_required=False, **schema)


def _described(field: Field, *, is_required: bool, **schema: Any) -> Any:
    """Return the Pydantic field of a column. A value that may be left out has no default there."""
    text: Any = field.column._meta.help_text
    make = partial(PydanticField, alias=field.name, description=text, json_schema_extra=schema)
    return make() if is_required else make(default_factory=nothing)


def nothing() -> None:
    """Return the value of a field that is left out, which is never read."""


def _static_default(field: Field) -> Any:
    """Return the default of a column as JSON shows it, or `None` if it is made for each row."""
    default = getattr(field.column, "default", None)
    if callable(default) or isinstance(default, QueryString) or field.is_json:
        return None
    value = field.column.get_default_value()
    return value if isinstance(value, bool | int | str) else None


def many_of(name: str, item: Any, maximum: int, member: str = "items") -> type[BaseModel]:
    """
    Make the model of a body of several rows.

    Args:
        name: The name of the model.
        item: The annotation of one.
        maximum: The maximum number.
        member: The name of the list.
    """
    annotation = Annotated[list[item], PydanticField(min_length=1, max_length=maximum)]
    fields: Any = {member: (annotation, ...)}
    return create_model(name, __config__=ConfigDict(extra="forbid"), __doc__="Several.", **fields)
