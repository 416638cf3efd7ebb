"""How FastAPI writes a row that an endpoint returns: by its public columns."""

from typing import Any

from fastapi.encoders import encoders_by_class_tuples, jsonable_encoder
from piccolo.apps.user.tables import BaseUser
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable


def encode_row(row: Table) -> Any:
    """
    Return the columns of a row that are not `secret`, ready for JSON.

    Args:
        row: The row.
    """
    columns = (column._meta for column in row._meta.columns if not column._meta.secret)
    return jsonable_encoder({column.name: getattr(row, column.name) for column in columns})


def hide_secret_columns() -> None:
    """Make FastAPI write users and the rows of this library's tables by `encode_row`."""
    encoders_by_class_tuples[encode_row] = (BaseUser, AuthTable)
