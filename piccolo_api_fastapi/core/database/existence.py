"""Whether the tables exist in the database of the application, and if not, what to do."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from piccolo.apps.user.tables import BaseUser
from piccolo.conf.apps import Finder
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.errors import ConfigurationError, StoreUnavailable

from .auth_tables import tables_of
from .outages import is_logged_outage
from .sqlite_ids import refuse_reused_ids
from .transactions import engine_of

_NO_SUCH_DATABASE = "3D000"
"""The SQLSTATE. While the application serves it is an outage, but at start-up a mistake."""

_EXTRAS = {"SQLite": "sqlite", "PostgreSQL": "postgres"}
"""The extras of the drivers that Piccolo names."""

_RUN = "run `piccolo migrations forwards all`"


async def check_tables(user_tables: Iterable[type[BaseUser]]) -> None:
    """
    Select no row from each user table, and from the tables of authentication of its users.

    Args:
        user_tables: The user tables.

    Raises:
        ConfigurationError: Piccolo has no database, tables or columns are missing in it, or it
            gives the ids of deleted users to new ones.
        StoreUnavailable: The database is not available.
    """
    for user_table in user_tables:
        engine = _engine(user_table)
        problems: dict[type[Table], str] = {}
        for table in (user_table, *tables_of(user_table)):
            if problem := await _problem(table):
                problems[table] = problem
        if problems:
            raise _missing(problems, engine, _remedy(problems, user_table))
        await refuse_reused_ids(user_table)


async def check_table(table: type[Table]) -> None:
    """
    Select no row from a table of the application.

    Args:
        table: The table, neither one of users nor of authentication.

    Raises:
        ConfigurationError: Piccolo has no database, or the table or a column is missing in it.
        StoreUnavailable: The database is not available.
    """
    engine = _engine(table)
    if problem := await _problem(table):
        raise _missing({table: problem}, engine, _own_remedy(table))


def _missing(problems: Mapping[type[Table], str], engine: Any, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_subject(problems)} in {_name(engine)}. If this is the right database, {remedy}."
    )


def mistake(error: BaseException) -> str:
    """
    Return what to do about a missing driver or database, or an empty string for other errors.

    Args:
        error: The error of Piccolo or of the driver.
    """
    text = str(error)
    for name, extra in _EXTRAS.items():
        if text.startswith(f"{name} driver not found"):
            install = f"pip install 'piccolo-api-fastapi[{extra}]'"
            return f"The driver for {name} is not installed. It needs an extra: {install}."
    if getattr(error, "sqlstate", "") == _NO_SUCH_DATABASE:
        return f"The server answers: {text}. Create it, or correct its name in piccolo_conf.py."
    return ""


def _engine(table: type[Table]) -> Any:
    try:
        return engine_of(table)
    except Exception as error:  # noqa: BLE001 - whatever the application's piccolo_conf.py raises
        raise ConfigurationError(
            mistake(error)
            or f"Piccolo has no database: {error}. Put a piccolo_conf.py with DB = … into the "
            "folder where the application starts, or set PICCOLO_CONF to the name of the module."
        ) from None


async def _problem(table: type[Table]) -> str:
    """Return what the database says against selecting the columns of a table, if anything."""
    try:
        await table.select().limit(0)
    except Exception as error:  # noqa: BLE001 - each driver has its own
        if found := mistake(error):
            raise ConfigurationError(found) from None
        if is_logged_outage(error):
            raise StoreUnavailable from None
        return str(error)
    return ""


def _subject(problems: Mapping[type[Table], str]) -> str:
    table, problem = next(iter(problems.items()))
    others = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"The table {table._meta.tablename}{others} can't be read ({problem})"


def _name(engine: Any) -> str:
    if isinstance(engine, SQLiteEngine):
        return f"the SQLite file {Path(engine.path).absolute()}"
    config = engine.config
    return f"the database {config.get('database') or urlsplit(config.get('dsn', '')).path[1:]!r}"


def _remedy(problems: Iterable[type[Table]], user_table: type[BaseUser]) -> str:
    are_registered = {table._meta.tablename for table in problems} <= _migrated()
    is_stock = user_table._meta.tablename == BaseUser._meta.tablename
    if are_registered:
        make = "; after an upgrade, run `piccolo migrations new <app> --auto` first"
        return _RUN if is_stock else f"{_RUN}{make}"
    if is_stock:
        return (
            'add "piccolo.apps.user.piccolo_app" and "piccolo_api_fastapi.piccolo_app" to '
            f"APP_REGISTRY in piccolo_conf.py and {_RUN}"
        )
    return (
        f"add {user_table.__name__} and auth_tables({user_table.__name__}) to the table_classes of "
        f"your Piccolo app, run `piccolo migrations new <app> --auto` and {_RUN}"
    )


def _own_remedy(table: type[Table]) -> str:
    make = "run `piccolo migrations new <app> --auto`"
    if table._meta.tablename in _migrated():
        return f"{_RUN}; after a change of the table, {make} first"
    return f"add {table.__name__} to the table_classes of your Piccolo app, {make} and {_RUN}"


def _migrated() -> set[str]:
    """Return the names of the tables that migrations make; none if Piccolo can't find its apps."""
    try:
        tables = Finder().get_table_classes()
    except Exception:  # noqa: BLE001 - whatever the application's piccolo_conf.py raises
        return set()
    return {table._meta.tablename for table in tables}
