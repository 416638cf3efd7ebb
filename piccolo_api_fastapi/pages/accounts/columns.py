"""The inputs for the columns of the user table that users fill in themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from piccolo.columns import Column
from pydantic import NaiveDatetime

from piccolo_api_fastapi.accounts import Accounts
from piccolo_api_fastapi.accounts.columns import column_of

_INPUTS: Mapping[Any, str] = MappingProxyType(
    {
        bool: "checkbox",
        int: "number",
        float: "number",
        Decimal: "number",
        date: "date",
        time: "time",
        NaiveDatetime: "datetime-local",
    }
)
"""Inputs by type. A time with a zone is a text: browsers have no input for it."""

_FRACTIONS = frozenset({float, Decimal, time, NaiveDatetime})
"""The types whose inputs would refuse values between steps of 1, or of a minute."""

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
        type: The type of the input in HTML, or `select`.
        autocomplete: What browsers fill in, or `None`.
        hint: The help text of the column, or `None`.
        empty: What an input that was left empty stands for.
        choices: The values to choose from, if the column has choices.
        attributes: Further attributes of the input.
    """

    name: str
    label: str
    type: str
    autocomplete: str | None
    hint: str | None
    empty: Any
    choices: tuple[Any, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def conversions(self) -> dict[str, Any]:
        """What the values of the input are converted to, unless they are texts."""
        return {str(choice): choice for choice in self.choices}


def columns_of(accounts: Accounts[Any]) -> tuple[ColumnInput, ...]:
    """
    Return the inputs for the columns that users may fill in and change.

    Arrays have none, since no input of HTML has several values.
    """
    model = accounts.models.change
    if model is None:
        return ()
    table = accounts.users.table
    return tuple(
        _input(name, kind, column_of(table, name), described.description)
        for name, described in model.model_fields.items()
        if get_origin(kind := _kind_of(described.annotation)) is not list
    )


def _input(name: str, kind: Any, column: Column, hint: str | None) -> ColumnInput:
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    html = "select" if choices else _INPUTS.get(kind, "text")
    label = name.replace("_", " ").capitalize()
    attributes = {"step": "any"} if kind in _FRACTIONS else {}
    # Of a unique column, several users may have null, but not an empty text.
    empty = None if column._meta.null or html != "text" else ""
    return ColumnInput(name, label, html, _TOKENS.get(name), hint, empty, choices, attributes)


def _kind_of(annotation: Any) -> Any:
    """The type of a column: its annotation without `None`, which all have, and without bounds."""
    kind = next(kind for kind in get_args(annotation) if kind is not NoneType)
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind
