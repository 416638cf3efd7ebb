"""Rows as a model of the application shows them, whatever others have stored."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError


def dump(
    model: type[BaseModel], values: Mapping[str, Any], wanted: Collection[str] | None = None
) -> dict[str, Any]:
    """
    Return what a model shows of a row.

    A row may have a value that the model refuses, such as an email address that is empty. It is
    shown as it is, so that one such row does not make a list fail. The serializers of the model
    run all the same.

    Args:
        model: The model.
        values: The values of its fields.
        wanted: The names of the fields to show; `None` for all.
    """
    try:
        made = model.model_validate(dict(values))
    except ValidationError:
        made = _each_alone(model, values)
    some = None if wanted is None else set(wanted)
    return made.model_dump(mode="json", by_alias=True, include=some, warnings=False)


def _each_alone(model: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    """Validate each value alone. A refused list or object is left out: it may hold anything."""
    made = model.model_construct()
    vars(made).update({name: _alone(model, name, value) for name, value in values.items()})
    return made


def _alone(model: type[BaseModel], name: str, value: Any) -> Any:
    made = model.model_construct()
    try:
        model.__pydantic_validator__.validate_assignment(made, name, value)
    except ValidationError:
        return None if isinstance(value, dict | list) else value
    return vars(made)[name]
