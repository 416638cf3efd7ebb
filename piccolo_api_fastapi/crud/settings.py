"""The arguments of `Crud`: checked, and made into its parts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import BigInt, Column, Integer
from piccolo.table import Table

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import FLAGS
from piccolo_api_fastapi.access.in_use import refuse_other_users, users_of
from piccolo_api_fastapi.access.optional_user import Optional
from piccolo_api_fastapi.access.permissions import checked_permission, declare_permissions
from piccolo_api_fastapi.errors import ConfigurationError

from . import parameters
from .fields import Field, dotted, foreign_keys, refuse_secrets
from .models import Given, Input, Output, make_input, make_output
from .permissions import strict_of
from .query import Grammar
from .relations import Relations, leads_to_users
from .scopes import EVERYBODY, Scope, scope_of_owner
from .sql import table_of

if TYPE_CHECKING:
    from .crud import Crud

MAX_ROWS = 1_000
"""The largest page and bulk request."""

UNSAID: Any = object()
"""Stands for `owner` where nothing was said: `None` says that rows have none."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Grammars:
    """The parameters of each kind of route."""

    list: Grammar
    read: Grammar


def check_sizes(page_size: int, max_page_size: int, max_bulk: int) -> None:
    """Refuse pages and bulk requests that are empty or too large."""
    if not 1 <= page_size <= max_page_size <= MAX_ROWS or not 1 <= max_bulk <= MAX_ROWS:
        raise ConfigurationError(
            f"page_size must be at least 1 and at most max_page_size, and max_page_size and "
            f"max_bulk at most {MAX_ROWS}."
        )


def checked_model_name(name: str) -> str:
    """Return the name of the models in OpenAPI."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"name is {name!r}; use letters and digits, such as 'Movie'.")
    return name


def user_table_of(guard: Guard[Any] | Optional[Any]) -> type[BaseUser]:
    """Return the user table of a guard."""
    table: type[BaseUser] = users_of("Crud", strict_of(guard).schemes).table
    return table


def scope_of(
    table: type[Table],
    guard: Guard[Any] | Optional[Any],
    owner: Column | None,
    sees_all: str | None,
    *,
    public_read: bool,
) -> Scope:
    """
    Return the scope of a table, and let the roles of the guard know that of who sees all.

    Raises:
        ConfigurationError: Rows lead to a user and it is not said whose they are, the owner is of
            another user table, or a setting is not valid.
    """
    users = user_table_of(guard)
    if owner is UNSAID and leads_to_users(table):
        raise ConfigurationError(
            f"Rows of {table.__name__} lead to a user. Say whose they are by owner=, or by "
            "owner=None that everybody sees and changes all of them."
        )
    if owner is UNSAID or owner is None:
        if sees_all is not None or public_read:
            raise ConfigurationError(
                "sees_all and public_read need owner=, as everybody sees all rows."
            )
        return EVERYBODY
    if sees_all is not None and sees_all not in FLAGS:
        declare_permissions(strict_of(guard), checked_permission(sees_all, "sees_all"))
    return scope_of_owner(owner, users, sees_all, public_read=public_read)


def check_related(guard: Guard[Any] | Optional[Any], related: "Sequence[Crud]") -> None:
    """Refuse a `Crud` of other users, whose primary keys stand for other people there."""
    refuse_other_users("Crud", strict_of(guard), *[strict_of(crud.guard) for crud in related])


def output_of(table: type[Table], name: str, read: Given | None) -> Output:
    """Return what clients read."""
    output = make_output(table, name, read)
    refuse_secrets("read", [field.column for field in output.fields.values()])
    if table._meta.primary_key._meta.name not in output.fields:
        raise ConfigurationError("read must have the primary key, by which rows are named.")
    return output


def inputs_of(
    table: type[Table],
    name: str,
    scope: Scope,
    given: Mapping[str, Given | None],
    write: Given,
) -> dict[str, Input]:
    """
    Return what clients write, by operation.

    Args:
        table: The table.
        name: The name of the models.
        scope: The rows that callers see.
        given: The columns of each operation, where they differ from `write`.
        write: The columns of both.
    """
    inputs = {}
    for operation, columns in given.items():
        wanted = write if columns is None else columns
        setting = "write" if columns is None else operation
        patch = operation == "update"
        model_name = f"{name}{operation.capitalize()}"
        one = make_input(table, model_name, setting, wanted, patch=patch)
        _refuse_protected(table, scope, setting, one)
        inputs[operation] = one
    return inputs


def _refuse_protected(table: type[Table], scope: Scope, setting: str, given: Input) -> None:
    key = table._meta.primary_key._meta.name
    if key in given.fields and setting != "create":
        raise ConfigurationError(f"{setting}={key} is the primary key, which never changes.")
    owner = scope.path[0]._meta.name if len(scope.path) == 1 else ""
    if owner in given.fields:
        raise ConfigurationError(f"{setting}={owner} is the owner, who is always the caller.")


def check_columns(
    crud: "Crud",
    relations: Relations,
    *,
    filters: Sequence[Column],
    sort: Sequence[Column],
    search: Sequence[Column],
) -> None:
    """
    Refuse columns that would leak what a caller may not see.

    Raises:
        ConfigurationError: A column is secret, of another table, or sorted by without being read;
            the owner is filtered by where nobody sees other owners; or a related table has owners
            and it is not said who sees its rows.
    """
    for setting, columns in {"filters": filters, "sort": sort, "search": search}.items():
        refuse_secrets(setting, columns)
        for column in columns:
            _check_place(crud, relations, setting, column)
    for column in sort:
        fields: Iterable[Field] = crud.output.fields.values()
        if column._meta.call_chain:
            fields = relations.fields_of(column._meta.table)
        if column._meta.name not in {field.name for field in fields}:
            raise ConfigurationError(f"sort={dotted(column)} must be in read: order shows it.")
    owner = crud.scope.path[0]._meta.name if len(crud.scope.path) == 1 else ""
    if crud.scope.sees_all is None and owner in map(dotted, filters):
        raise ConfigurationError(f"filters={owner} is the owner, who is always the caller.")
    for given in crud.inputs.values():
        for _, key in foreign_keys(given.fields.values()):
            relations.scope_of(key)
    _check_path(crud)


def _check_place(crud: "Crud", relations: Relations, setting: str, column: Column) -> None:
    chain = column._meta.call_chain
    first = chain[0]._meta.table if chain else column._meta.table
    if table_of(first) != table_of(crud.table):
        raise ConfigurationError(
            f"{setting}={dotted(column)} must be a column of {crud.table.__name__}, or be reached "
            "from one."
        )
    for key in chain:
        relations.scope_of(key)


def _check_path(crud: "Crud") -> None:
    """Make sure that clients say to which owner a new row belongs, if it is not they themselves."""
    fields = crud.inputs["create"].fields
    if len(crud.scope.path) > 1 and fields and crud.scope.path[0]._meta.name not in fields:
        name = crud.scope.path[0]._meta.name
        raise ConfigurationError(f"create must have {name}, by which a new row has an owner.")


def check_replace(crud: "Crud") -> None:
    """
    Refuse to replace rows that have columns which never change.

    Raises:
        ConfigurationError: A column is in `create`, and not in `update`.
    """
    key = crud.table._meta.primary_key._meta.name
    fixed = sorted(crud.inputs["create"].fields.keys() - crud.inputs["update"].fields - {key})
    if fixed:
        raise ConfigurationError(
            f"Replacing a row would change {', '.join(fixed)}: what create= has, update= must have."
        )


def version_of(crud: "Crud", column: Column | None) -> Field | None:
    """Return the field that counts changes."""
    if column is None:
        return None
    field = crud.output.fields.get(column._meta.name)
    is_written = any(column._meta.name in given.fields for given in crud.inputs.values())
    if field is None or not isinstance(column, Integer | BigInt) or is_written or field.is_null:
        raise ConfigurationError(
            "version must be an Integer column that is never null, in read and not in write."
        )
    return field


def grammars_of(
    crud: "Crud",
    *,
    filters: Sequence[Column],
    sort: Sequence[Column],
    search: Sequence[Column],
    paging: tuple[str, int, int],
) -> Grammars:
    """
    Return the parameters of the routes.

    Args:
        crud: The table.
        filters: The columns to filter by.
        sort: The columns to sort by.
        search: The columns that `q` searches.
        paging: The kind of paging, the size of a page and its maximum.
    """
    shape = [
        parameters.fields_of(list(crud.output.fields)),
        *parameters.include_of(list(crud.includes)),
    ]
    of_list = [
        *parameters.filters_of(filters),
        *parameters.search_of(search),
        *parameters.sort_of(sort),
        *parameters.paging_of(*paging),
        *shape,
        parameters.count_of(),
    ]
    return Grammars(Grammar(parameters.checked(of_list), paging[1]), Grammar(shape))
