"""The check at start-up that the tables exist, and the sentence that says what to do."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import Depends, FastAPI, WebSocket
from fastapi.openapi.models import HTTPBearer
from piccolo.columns import Varchar
from piccolo.conf.apps import AppConfig, AppRegistry
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table, create_db_tables
from starlette.requests import HTTPConnection
from uvicorn.lifespan.on import LifespanOn

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    JWTAuth,
    Session,
    SessionAuth,
    User,
    Users,
    auth_tables,
    crud_router,
    install,
    installation,
    optional,
    session_router,
)
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.core.database import existence
from tests.conftest import OWN, PG, SECRET, STOCK, reaches_no_sql, use_engine
from tests.models import Customer, Member

CONF = "conf_of_existence"


@pytest.fixture
async def empty(database: Any, database_name: str, memory_path: Path) -> AsyncIterator[Any]:
    """A database of the same kind without tables, which all tables are looked for in."""
    if isinstance(database, SQLiteEngine):
        use_engine(SQLiteEngine(path=str(memory_path / "empty.sqlite")))
        yield User._meta.db
    else:
        name = f"{database_name}_empty"
        await database._run_in_new_connection(f'CREATE DATABASE "{name}"')
        use_engine(PostgresEngine(config={**PG, "database": name}))
        yield User._meta.db
        await database._run_in_new_connection(f'DROP DATABASE "{name}" WITH (FORCE)')
    use_engine(database)


@pytest.fixture
def conf(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The `piccolo_conf` of an application, without apps."""
    module: Any = ModuleType(CONF)
    module.APP_REGISTRY = AppRegistry(apps=[])
    monkeypatch.setitem(sys.modules, CONF, module)
    monkeypatch.setenv("PICCOLO_CONF", CONF)
    return module


def make_app(table: Any = User, **options: Any) -> FastAPI:
    """An installed application for users of this table."""
    app = FastAPI(**options)
    install(app)
    app.include_router(session_router(SessionAuth(Users(table))), prefix="/auth")
    return app


async def start(app: FastAPI, caplog: pytest.LogCaptureFixture) -> str:
    """What a server logs when the application starts and stops; empty if it started."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        lifespan = LifespanOn(uvicorn.Config(app, lifespan="on", log_config=None))
        await lifespan.startup()
        await lifespan.shutdown()
    logged = [record.message for record in caplog.records if record.name == "uvicorn.error"]
    assert lifespan.should_exit is bool(logged)
    assert logged[1:] == ["Application startup failed. Exiting."] * lifespan.should_exit
    return "".join(logged[:1])


@pytest.mark.parametrize("table", [User, Customer, Member])
async def test_all_there(
    database: Any, statements: list[str], caplog: pytest.LogCaptureFixture, table: Any
) -> None:
    """Nothing is said where all tables exist, and no row is read."""
    assert await start(make_app(table), caplog) == ""
    others = [statement for statement in statements if not statement.endswith("LIMIT 0")]
    assert all("sqlite_master" in statement for statement in others)


async def test_forgotten_migrations(
    empty: Any, conf: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A database without tables is named, with the command and without a traceback."""
    conf.APP_REGISTRY = AppRegistry(
        apps=["piccolo.apps.user.piccolo_app", "piccolo_api_fastapi.piccolo_app"]
    )
    said = await start(make_app(), caplog)
    assert said.startswith("The table piccolo_user and ")
    assert name_of(empty) in said
    assert said.endswith("If this is the right database, run `piccolo migrations forwards all`.")
    assert "Traceback" not in said
    await create_db_tables(*STOCK)
    assert await start(make_app(), caplog) == ""


def name_of(engine: Any) -> str:
    """How a message calls a database."""
    if isinstance(engine, SQLiteEngine):
        return f"the SQLite file {engine.path}"
    return f"the database {engine.config['database']!r}"


async def test_a_migration_of_an_upgrade(
    empty: Any, conf: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One table or one column that is missing is named."""
    conf.APP_REGISTRY = AppRegistry(apps=["piccolo_api_fastapi.piccolo_app"])
    await create_db_tables(*STOCK)
    await Session.raw("ALTER TABLE auth_session DROP COLUMN factors")
    said = await start(make_app(), caplog)
    assert said.startswith("The table auth_session can't be read (")
    assert "factors" in said
    await Session.raw("DROP TABLE auth_session")
    said = await start(make_app(), caplog)
    assert said.startswith("The table auth_session can't be read (")
    assert said.endswith("run `piccolo migrations forwards all`.")


@pytest.mark.parametrize("registry", [None, AppRegistry(apps=[])])
async def test_apps_that_are_not_registered(
    empty: Any, conf: Any, caplog: pytest.LogCaptureFixture, registry: Any
) -> None:
    """Without the apps no migration makes the tables, so the message says where they belong."""
    conf.APP_REGISTRY = registry
    said = await start(make_app(), caplog)
    assert 'add "piccolo.apps.user.piccolo_app" and "piccolo_api_fastapi.piccolo_app" to' in said
    said = await start(make_app(Customer), caplog)
    assert "add Customer and auth_tables(Customer) to the table_classes of your Piccolo app" in said
    assert "`piccolo migrations new <app> --auto`" in said


async def test_tables_of_an_own_app(
    empty: Any, conf: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables that an app of the project has, and its database has not, need its migrations."""
    shop: Any = ModuleType("shop_of_existence")
    shop.APP_CONFIG = AppConfig("shop", "", [Customer, *auth_tables(Customer)])
    monkeypatch.setitem(sys.modules, shop.__name__, shop)
    conf.APP_REGISTRY = AppRegistry(apps=[shop.__name__])
    said = await start(make_app(Customer), caplog)
    assert said.startswith("The table customer and ")
    assert said.endswith(
        "run `piccolo migrations forwards all`;"
        " after an upgrade, run `piccolo migrations new <app> --auto` first."
    )
    await create_db_tables(*OWN)
    assert await start(make_app(Customer), caplog) == ""


class ExistingFilm(Table):
    """A table with routes."""

    title = Varchar()


async def test_tables_with_routes(
    database: Any, conf: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of a `crud_router` is looked for as well, in a mounted application too."""
    ExistingFilm._meta._db = database
    app, inner = make_app(), FastAPI()
    inner.include_router(crud_router(ExistingFilm, SessionAuth()), prefix="/films")
    app.mount("/inner", inner)
    said = await start(app, caplog)
    assert said.startswith("The table existing_film can't be read (")
    assert said.endswith(
        "add ExistingFilm to the table_classes of your Piccolo app, "
        "run `piccolo migrations new <app> --auto` and run `piccolo migrations forwards all`."
    )
    films: Any = ModuleType("films_of_existence")
    films.APP_CONFIG = AppConfig("films", "", [ExistingFilm])
    monkeypatch.setitem(sys.modules, films.__name__, films)
    conf.APP_REGISTRY = AppRegistry(apps=[films.__name__])
    said = await start(app, caplog)
    assert said.endswith(
        "run `piccolo migrations forwards all`;"
        " after a change of the table, run `piccolo migrations new <app> --auto` first."
    )
    await ExistingFilm.create_table()
    assert await start(app, caplog) == ""
    await ExistingFilm.alter().drop_table()


@reaches_no_sql
@pytest.mark.parametrize("has_module", [True, False])
async def test_without_configuration(
    database: Any,
    conf: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_module: bool,
) -> None:
    """Without `piccolo_conf.py`, or one that sets no `DB`, the message says what to write."""
    if not has_module:
        monkeypatch.setenv("PICCOLO_CONF", "no_such_conf")
    monkeypatch.setattr(User._meta, "_db", None)
    said = await start(make_app(), caplog)
    assert said.startswith("Piccolo has no database: ")
    assert ("no_such_conf" in said) is not has_module
    assert "Put a piccolo_conf.py with DB = … into the folder" in said


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_another_database(conf: Any, caplog: pytest.LogCaptureFixture, database: Any) -> None:
    """A database that does not exist is named, without the password of the DSN."""
    address = f"{PG['user']}:{PG['password'] or 'hidden'}@{PG['host']}:{PG['port']}"
    use_engine(postgres(dsn=f"postgresql://{address}/nowhere"))
    said = await start(make_app(), caplog)
    use_engine(database)
    assert said == (
        'The server answers: database "nowhere" does not exist. '
        "Create it, or correct its name in piccolo_conf.py."
    )
    assert "hidden" not in said


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_database_of_a_dsn(empty: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A DSN names the database; the message does not show its password."""
    name = empty.config["database"]
    address = f"{PG['user']}:{PG['password'] or 'hidden'}@{PG['host']}:{PG['port']}"
    use_engine(postgres(dsn=f"postgresql://{address}/{name}"))
    said = await start(make_app(), caplog)
    assert f"in the database '{name}'. If this is the right database" in said
    assert "hidden" not in said


@pytest.mark.parametrize("when", ["import", "query"])
async def test_without_driver(
    database: Any,
    conf: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    """Without the driver the message names the extra, and no migrations."""
    extra = database.engine_type
    name = {"sqlite": "SQLite", "postgres": "PostgreSQL"}[extra]
    problem = f"{name} driver not found. Try running `pip install 'piccolo[{extra}]'`"

    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(problem)

    if when == "import":
        monkeypatch.setattr(existence, "engine_of", fail)
    else:
        monkeypatch.setattr(type(database), "run_querystring", fail)
    assert await start(make_app(), caplog) == (
        f"The driver for {name} is not installed. "
        f"It needs an extra: pip install 'piccolo-api-fastapi[{extra}]'."
    )


def postgres(**config: Any) -> PostgresEngine:
    """An engine that can't connect; Piccolo would warn of it when it is made."""
    engine = PostgresEngine(config=PG)
    engine.config = config
    return engine


async def test_tables_made_in_the_lifespan(empty: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The check comes after the application's own lifespan, which ends if the check fails."""
    happened: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await create_db_tables(*(STOCK[1:] if happened else STOCK[:1]))
        try:
            yield
        finally:
            happened.append("ended")

    app = make_app(lifespan=lifespan)
    assert "The table auth_" in await start(app, caplog)
    assert happened == ["ended"]
    assert await start(app, caplog) == ""
    assert happened == ["ended", "ended"]


async def test_a_database_that_is_down(
    database: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage at start-up is no reason not to start; nor is a database that does not answer."""
    if isinstance(database, SQLiteEngine):
        use_engine(SQLiteEngine(path="/nowhere/app.sqlite"))
    else:
        use_engine(postgres(**PG | {"port": 1}))
    assert await start(make_app(), caplog) == ""
    use_engine(database)
    assert {record.name for record in caplog.records} == {"piccolo_api_fastapi"}
    reason, consequence = caplog.messages
    assert reason.startswith("The database is not available: ")
    assert consequence == "The database is not available, so its tables were not checked."
    monkeypatch.setattr(installation, "CHECK_SECONDS", 0)
    assert await start(make_app(), caplog) == ""
    assert "its tables were not checked" in caplog.text


class Anybody(Scheme[User]):
    """A scheme that has no table of users."""

    transport = "header"
    challenge = "Bearer"
    documented_errors = ()
    scheme_name = "Anybody"
    model = HTTPBearer()

    async def authenticate(self, connection: HTTPConnection) -> None:
        """Nobody is known."""


async def test_only_if_used(empty: Any, database: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Only tables of guards are looked for, of mounted ones as well; the check can be left out."""
    app, inner, unchecked = FastAPI(), FastAPI(), FastAPI()
    install(app)
    install(unchecked, check_tables=False)
    session, jwt = SessionAuth(Users(Customer)), JWTAuth(Users(Customer), secret=SECRET)
    use_engine(database)
    for table in OWN:
        table._meta._db = empty

    @app.get("/", dependencies=[Depends(Anybody())])
    async def root() -> None:
        return None

    assert await start(app, caplog) == ""

    @inner.websocket("/ws")
    @unchecked.websocket("/ws")
    async def ws(
        socket: WebSocket, user: Annotated[Any, Depends(optional(AnyOf(session, jwt)))]
    ) -> None:
        return None

    app.mount("/inner", inner)
    assert "The table customer and " in await start(app, caplog)
    assert await start(unchecked, caplog) == ""


async def test_ids_that_are_reused(
    database: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application does not start if the ids of deleted users are given to new users."""

    async def refuse(table: type[Table]) -> None:
        raise ConfigurationError(f"The ids of {table.__name__} are reused.")

    monkeypatch.setattr(existence, "refuse_reused_ids", refuse)
    assert "The ids of User are reused." in await start(make_app(), caplog)
