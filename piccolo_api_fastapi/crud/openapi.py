"""What OpenAPI shows of the routes of a table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, create_model
from pydantic import Field as PydanticField

from .columns import kind_of
from .includes import Include, Parent
from .models import attribute, many_of, nothing, shown_type
from .query import Grammar

if TYPE_CHECKING:
    from .crud import Crud

ID = "key_of_row"
"""The attribute of the primary key in the model of one of several changes."""

_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "Entity tags, of which the row must have one.",
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Entity tags. If the row has one of them, the response is 304 and empty.",
}
"""The header that asks whether a row has changed."""

_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The entity tag of the row."}}


@dataclass(frozen=True, slots=True)
class Bodies:
    """The models of bodies in OpenAPI."""

    row: Any
    page: Any
    many: Any
    options: Any
    create_many: Any
    update_many: Any
    delete_many: Any


def bodies_of(crud: "Crud") -> Bodies:
    """Make the models of bodies."""
    name, row = crud.name, crud.output.model
    view = _view(crud)
    shown: Any = row | view
    key = kind_of(crud.table._meta.primary_key)
    options = create_model(
        f"{name}Option",
        __doc__=f"A row of {name} to choose.",
        id=(key.shown, ...),
        label=(str, ...),
    )
    total = (int, PydanticField(default_factory=int, description="Only with `count`.", ge=0))
    return Bodies(
        shown,
        _page(f"{name}Page", shown, total=total),
        create_model(f"{name}List", __doc__=f"Rows of {name}.", items=(list[row], ...)),  # type: ignore[valid-type]
        _page(f"{name}Options", options),
        many_of(f"{name}CreateMany", crud.inputs["create"].model, crud.max_bulk),
        many_of(f"{name}UpdateMany", _with_id(crud, key.given), crud.max_bulk),
        many_of(f"{name}DeleteMany", key.given, crud.max_bulk, "ids"),
    )


def _page(name: str, item: Any, **further: Any) -> type[BaseModel]:
    text = "Where the next page begins; null at the end."
    following = (str | None, PydanticField(..., description=text))
    fields: Any = {"items": (list[item], ...), "next": following, **further}
    return create_model(name, __doc__="A page.", **fields)


def _with_id(crud: "Crud", key: Any) -> type[BaseModel]:
    """Make the model of the changes of one of several rows."""
    name = crud.table._meta.primary_key._meta.name
    fields: Any = {ID: (key, PydanticField(..., alias=name))}
    model = crud.inputs["update"].model
    return create_model(f"{crud.name}UpdateOne", __base__=model, __doc__=model.__doc__, **fields)


def _view(crud: "Crud") -> type[BaseModel]:
    """Make the model of a row with some of its fields, or with relations."""
    fields: dict[str, Any] = {}
    kinds = {name: shown_type(field) for name, field in crud.output.fields.items()}
    kinds |= {name: _related(crud, include) for name, include in crud.includes.items()}
    for name, kind in kinds.items():
        further: Any = {"default_factory": nothing, "alias": name}
        fields[attribute(name)] = (kind, PydanticField(**further))
    doc = f"Some fields of a row of {crud.name}, or a row with its relations."
    return create_model(f"{crud.name}View", __doc__=doc, **fields)


def _related(crud: "Crud", include: Include) -> Any:
    model: Any = include.model
    if isinstance(include, Parent):
        return shown_type(crud.output.fields[include.name]) | model | None
    return list[model]


def query_of(grammar: Grammar) -> list[dict[str, Any]]:
    """Return the parameters of a query string."""
    return [parameter.documented() for parameter in grammar.parameters.values()]


def if_match(*, is_required: bool) -> dict[str, Any]:
    """Return the header that names the version of a row."""
    return {**_IF_MATCH, "required": is_required}


def with_etag(status: int, description: str, **headers: str) -> dict[int | str, dict[str, Any]]:
    """
    Return the documented success of a route that returns a row.

    Args:
        status: The status.
        description: A sentence.
        headers: Further headers, with their descriptions.
    """
    further = {
        name: {"schema": {"type": "string"}, "description": text} for name, text in headers.items()
    }
    return {status: {"description": description, "headers": _ETAG | further}}
