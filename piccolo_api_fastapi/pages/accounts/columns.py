"""The inputs for the columns of the user table that users fill in themselves."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, get_args

from pydantic.fields import FieldInfo

from piccolo_api_fastapi.accounts import Accounts

_INPUTS = MappingProxyType(
    {
        bool: "checkbox",
        int: "number",
        float: "number",
        Decimal: "number",
        date: "date",
        time: "time",
        datetime: "datetime-local",
    }
)

_TOKENS = MappingProxyType(
    {
        "first_name": "given-name",
        "last_name": "family-name",
        "name": "name",
        "phone": "tel",
        "country": "country",
        "date_of_birth": "bday",
    }
)
"""What browsers fill in, by the usual names of columns (WCAG 2.2, success criterion 1.3.5)."""


@dataclass(frozen=True, slots=True)
class ColumnInput:
    """
    The input for a column.

    Args:
        name: The name of the column.
        label: What it is called, unless the texts say otherwise: `column.<name>`.
        type: The type of the input in HTML.
        autocomplete: What browsers fill in, or `None`.
        hint: The help text of the column, or `None`.
        empty: What an input that was left empty stands for.
    """

    name: str
    label: str
    type: str
    autocomplete: str | None
    hint: str | None
    empty: Any


def columns_of(accounts: Accounts[Any]) -> tuple[ColumnInput, ...]:
    """Return the inputs for the columns that users may fill in and change."""
    model = accounts.models.change
    if model is None:
        return ()
    return tuple(_input(name, field) for name, field in model.model_fields.items())


def _input(name: str, field: FieldInfo) -> ColumnInput:
    kinds = get_args(field.annotation) or (field.annotation,)
    html = next((_INPUTS[kind] for kind in kinds if kind in _INPUTS), "text")
    label = name.replace("_", " ").capitalize()
    empty = "" if html == "text" else None
    return ColumnInput(name, label, html, _TOKENS.get(name), field.description, empty)
