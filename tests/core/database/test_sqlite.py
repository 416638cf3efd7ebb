"""`PersistentSQLiteEngine`: faster than Piccolo's, and as right."""

import asyncio
import contextvars
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from piccolo.engine.sqlite import SQLiteEngine, TransactionType
from piccolo.table import create_db_tables

from piccolo_api_fastapi import (
    ConfigurationError,
    PersistentSQLiteEngine,
    Session,
    SessionAuth,
    User,
    Users,
    jwt_router,
    session_router,
)
from piccolo_api_fastapi.core.database.outages import is_outage
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.schemes.jwt import JWTAuth
from piccolo_api_fastapi.testing import FrozenClock, assert_single_winner, race
from tests.conftest import (
    PASSWORD,
    SECRET,
    STOCK,
    bearer,
    get_tokens,
    log_in,
    new_client,
    use_engine,
)


@asynccontextmanager
async def started(folder: Path, **options: Any) -> AsyncIterator[PersistentSQLiteEngine]:
    """An engine with empty tables that keeps connections meanwhile."""
    engine = PersistentSQLiteEngine(str(folder / "kept.sqlite"), **options)
    use_engine(engine)
    await create_db_tables(*STOCK)
    await engine.start_connection_pool()
    yield engine
    await engine.close_connection_pool()


@pytest.fixture
async def engine(memory_path: Path) -> AsyncIterator[PersistentSQLiteEngine]:
    """The engine, started, with empty tables."""
    async with started(memory_path) as engine:
        yield engine


@pytest.fixture
async def impatient(memory_path: Path) -> AsyncIterator[PersistentSQLiteEngine]:
    """The engine, started, which waits for no longer than a moment."""
    async with started(memory_path, timeout=0.05) as engine:
        yield engine


@pytest.fixture
async def users(engine: Any) -> Users[User]:
    """Its users, one of whom is ada."""
    users = Users()
    await users.create("ada", PASSWORD, email="ada@example.com")
    return users


_OTHERS: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    """Tell the connections of the other tests from those of this one."""
    _OTHERS.update(threading.enumerate())
    yield
    _OTHERS.clear()


def threads() -> int:
    """How many connections there are."""
    names = [thread.name for thread in set(threading.enumerate()) - _OTHERS]
    return sum("_connection_worker_thread" in name for name in names)


async def are_left(number: int) -> bool:
    """Whether so many are left, once the threads of those that were closed have ended."""
    deadline = time.monotonic() + 10
    while threads() > number and time.monotonic() < deadline:  # noqa: ASYNC110 - threads end
        await asyncio.sleep(0.001)
    return threads() == number


async def count_users() -> int:
    """A statement outside any transaction."""
    return int(await User.count())


async def test_an_application(users: Users[User]) -> None:
    """Log in, ask, refresh and log out, by cookie and by token."""
    session, jwt = SessionAuth(users), JWTAuth(users, secret=SECRET)
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(jwt_router(jwt), prefix="/auth")
    async with new_client(app) as client:
        assert (await log_in(client)).status_code == 200
        assert len((await client.get("/auth/sessions")).json()) == 1
        assert (await client.post("/auth/logout")).status_code == 204
        header = bearer((await get_tokens(client))["access_token"])
        assert (await client.get("/auth/token/families", headers=header)).status_code == 200
    assert await Session.count() == 0


async def test_connections_are_kept(users: Users[User]) -> None:
    """
    Any number of statements shares the connections, however many come at once: one has
    written, and two read.
    """
    for _ in range(3):
        await race(count_users, 50)
        assert 2 <= threads() <= 3


async def test_a_refresh_has_one_winner(users: Users[User]) -> None:
    """State still changes once, whoever comes at once."""
    ada = await users.find("ada")
    assert ada is not None

    await assert_single_winner(lambda: promote().run())


async def test_transactions_are_apart(users: Users[User], engine: PersistentSQLiteEngine) -> None:
    """Nobody outside sees what a transaction has not committed, nor what it rolls back."""
    async with engine.transaction(transaction_type=TransactionType.immediate) as block:
        await users.create("grace", PASSWORD)
        assert await count_users() == 2
        assert await asyncio.gather(*(by_another_request() for _ in range(5))) == [1] * 5
        await block.rollback()  # type: ignore[no-untyped-call]
    assert await count_users() == 1


async def by_another_request() -> int:
    """The same statement from a task that knows of no transaction."""
    return await contextvars.Context().run(asyncio.ensure_future, count_users())


async def test_writers_wait(users: Users[User]) -> None:
    """Writers at once wait for each other and lose nothing."""

    async def write(number: int) -> None:
        async with transaction(User):
            await User.insert(User(username=f"user{number}", email=f"{number}@example.com"))

    await asyncio.gather(*(write(number) for number in range(20)))
    assert await count_users() == 21


async def test_transactions_take_turns(users: Users[User], engine: PersistentSQLiteEngine) -> None:
    """
    Transactions at once need one connection, which none of them holds any longer than it runs;
    one that only reads has its own, and waits for nobody.
    """

    async def write(number: int) -> int:
        async with transaction(User):
            await User.insert(User(username=f"user{number}", email=f"{number}@example.com"))
            return threads()

    assert max(await asyncio.gather(*map(write, range(24)))) <= 3
    before = threads()
    async with engine.transaction(transaction_type=TransactionType.immediate):
        await User.update({User.admin: True}, force=True)
        reading = contextvars.Context().run(asyncio.ensure_future, read_apart(engine, before))
        await asyncio.wait_for(reading, 10)
    assert await are_left(before)


async def read_apart(engine: PersistentSQLiteEngine, before: int) -> None:
    """Read in a deferred transaction: on one more connection than there were."""
    async with engine.transaction():
        assert await User.count().where(User.admin.eq(value=True)) == 0
        assert threads() == before + 1


ADMIN = "UPDATE piccolo_user SET admin = 1"
ORPHAN = "UPDATE auth_password SET user = 9"


@pytest.mark.parametrize(
    ("statements", "error"),
    [
        ((ADMIN, "SELECT 1 FROM nowhere"), sqlite3.OperationalError),
        ((ADMIN, ORPHAN), sqlite3.IntegrityError),
        ((ADMIN, "PRAGMA defer_foreign_keys = 1", ORPHAN), sqlite3.IntegrityError),
        ((ADMIN, "ROLLBACK"), sqlite3.OperationalError),
    ],
    ids=["statement", "constraint", "commit", "nothing-to-commit"],
)
async def test_a_transaction_that_fails(
    users: Users[User],
    engine: PersistentSQLiteEngine,
    statements: tuple[str, ...],
    error: type[Exception],
) -> None:
    """
    A transaction that fails in its body or at its end leaves nothing written; neither its task
    nor the next transaction is in it.
    """
    with pytest.raises(error):
        await run_in_a_transaction(engine, *statements)
    assert not engine.transaction_exists()
    await run_in_a_transaction(engine)
    assert len(await promote().run()) == 1


async def run_in_a_transaction(engine: PersistentSQLiteEngine, *statements: str) -> None:
    """One that writes from the start."""
    async with engine.transaction(transaction_type=TransactionType.immediate):
        for statement in statements:
            await User.raw(statement)


async def test_a_transaction_that_cannot_begin(impatient: PersistentSQLiteEngine) -> None:
    """A transaction waits for another process as long as a statement, and is outside then."""
    with closing(sqlite3.connect(impatient.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        failed = await asyncio.wait_for(
            race(lambda: run_in_a_transaction(impatient, ADMIN), 24), 30
        )
        assert {type(error) for error in failed} == {sqlite3.OperationalError}
        writer.execute("ROLLBACK")
    assert not impatient.transaction_exists()
    await run_in_a_transaction(impatient, ADMIN)


@pytest.mark.parametrize("steps", range(12))
async def test_a_transaction_that_is_cancelled(
    users: Users[User], engine: PersistentSQLiteEngine, steps: int
) -> None:
    """Wherever tasks are cancelled in their transactions, others go on, in none of them."""

    async def write() -> None:
        async with engine.transaction(transaction_type=TransactionType.immediate):
            await User.update({User.admin: True}, force=True)
            await asyncio.sleep(0)
            raise LookupError

    tasks = [asyncio.create_task(write()) for _ in range(24)]
    for _ in range(steps):
        await asyncio.sleep(0.0001 * steps)
    for task in tasks:
        task.cancel()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert {type(result) for result in results} <= {LookupError, asyncio.CancelledError}
    async with engine.transaction(transaction_type=TransactionType.immediate):
        assert await User.count().where(User.admin.eq(value=True)) == 0
    assert len(await promote().run()) == 1
    assert await are_left(3) or threads() < 3


async def test_transactions_elsewhere(users: Users[User], engine: PersistentSQLiteEngine) -> None:
    """A transaction in another event loop has a connection of its own; nested ones are one."""

    async def write() -> None:
        block = engine.transaction(transaction_type=TransactionType.immediate)
        async with block as outer, engine.transaction() as inner:
            await User.update({User.admin: True}, force=True)
            assert outer is inner

    await asyncio.to_thread(lambda: asyncio.run(write()))
    assert await User.count().where(User.admin.eq(value=True)) == 1
    await write()
    assert await are_left(2)


async def test_cancelled(users: Users[User]) -> None:
    """A task that gives up leaves nothing open."""
    tasks = [asyncio.create_task(count_users()) for _ in range(24)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await race(count_users) == [1] * 24


async def test_cancelled_while_opening(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection whose task gives up while it is opened is kept for the next one."""
    opened: list[Any] = []
    is_opening, goes_on = asyncio.Event(), asyncio.Event()
    get_connection = engine.get_connection

    async def open_slowly(_: Any) -> Any:
        opened.append(await get_connection())
        is_opening.set()
        await goes_on.wait()
        return opened[-1]

    monkeypatch.setattr(PersistentSQLiteEngine, "get_connection", open_slowly)
    task = asyncio.create_task(promote().run())
    await is_opening.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    goes_on.set()
    try:
        assert await promote().run() == []
        assert len(opened) == 1
    finally:
        await opened[0].close()  # a thread of its own would outlive the tests


async def test_a_file_that_can_not_be_opened(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An opening that fails gives its turn to the next one."""

    async def fail(_: Any) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(PersistentSQLiteEngine, "get_connection", fail)
        for _ in range(3):
            with pytest.raises(sqlite3.OperationalError):
                await promote().run()
    assert await promote().run() == []


async def test_begun_by_hand(users: Users[User], engine: PersistentSQLiteEngine) -> None:
    """A transaction that a raw statement begins ends with it, as it does with Piccolo."""
    await User.raw("BEGIN IMMEDIATE")
    await User.raw("UPDATE piccolo_user SET admin = 1")
    async with engine.transaction(transaction_type=TransactionType.immediate):
        assert await User.count().where(User.admin.eq(value=True)) == 1


async def test_failures(users: Users[User]) -> None:
    """A statement that fails takes no other with it; foreign keys are enforced."""
    for _ in range(5):
        with pytest.raises(sqlite3.OperationalError):
            await User.raw("SELECT 1 FROM nowhere")
        with pytest.raises(sqlite3.IntegrityError):
            await User.raw("INSERT INTO auth_password (user, hash, changed_at) VALUES (9, '', '')")
    assert await count_users() == 1


async def test_elsewhere(users: Users[User]) -> None:
    """`run_sync` and another event loop have connections of their own."""
    assert await asyncio.to_thread(lambda: User.count().run_sync()) == 1
    assert await asyncio.to_thread(lambda: asyncio.run(count_users())) == 1


async def test_begin_and_end(memory_path: Path) -> None:
    """Before it is started and after it is closed it is Piccolo's engine; twice is no harm."""
    engine = PersistentSQLiteEngine(str(memory_path / "kept.sqlite"))
    use_engine(engine)
    await create_db_tables(*STOCK)
    assert await count_users() == 0
    for _ in range(2):
        await engine.start_connection_pool()
        await engine.start_connection_pool()
        assert await count_users() == 0
        assert await are_left(1)
        await engine.close_connection_pool()
        await engine.close_connection_pool()
        assert await are_left(0)
    assert await count_users() == 0


async def test_begun_at_once(memory_path: Path) -> None:
    """Two tasks that start it share its connections."""
    engine = PersistentSQLiteEngine(str(memory_path / "kept.sqlite"))
    await asyncio.gather(engine.start_connection_pool(), engine.start_connection_pool())
    await engine.close_connection_pool()
    assert await are_left(0)


async def test_no_database(memory_path: Path) -> None:
    """A file that is no database leaves no connection open, and can be mended."""
    path = memory_path / "kept.sqlite"
    path.write_text("This is not a database, but a text that is long enough to be one." * 20)
    engine = PersistentSQLiteEngine(str(path))
    with pytest.raises(sqlite3.DatabaseError):
        await engine.start_connection_pool()
    assert await are_left(0)
    path.unlink()
    await engine.start_connection_pool()
    await engine.close_connection_pool()


async def test_readers_do_not_wait(users: Users[User], engine: PersistentSQLiteEngine) -> None:
    """The file is in WAL mode: a writer that takes its time holds up no reader."""
    assert await User.raw("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    with sqlite3.connect(engine.path, isolation_level=None) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert await asyncio.wait_for(count_users(), 5) == 1
        writer.execute("ROLLBACK")
    writer.close()


async def test_nobody_who_reads_waits_for_writers(
    users: Users[User], engine: PersistentSQLiteEngine, clock: FrozenClock
) -> None:
    """
    While a writer keeps the file and others queue, requests read, also those that are due to
    record activity; once it lets go, what queued is written, and so is the activity.
    """
    users.clock = clock
    session = SessionAuth(users)
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")

    @app.get("/me", dependencies=[Depends(session)])
    async def me() -> None:
        return None

    async with new_client(app) as client:
        await log_in(client)
        clock.advance(timedelta(minutes=2))
        with closing(sqlite3.connect(engine.path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            queued = [asyncio.create_task(promote().run()) for _ in range(5)]
            answers = await asyncio.wait_for(race(lambda: client.get("/me"), 24), 15)
            assert {getattr(answer, "status_code", answer) for answer in answers} == {200}
            assert await User.raw("WITH u AS (SELECT 1 AS n) SELECT n FROM u") == [{"n": 1}]
            assert not any(task.done() for task in queued)
            writer.execute("ROLLBACK")
        assert sum(len(rows) for rows in await asyncio.gather(*queued)) == 1
        assert await Session.select(Session.last_seen_at) != [{"last_seen_at": clock.now}]
        assert (await client.get("/me")).status_code == 200
        assert await Session.select(Session.last_seen_at) == [{"last_seen_at": clock.now}]


def promote() -> Any:
    """A statement that writes, and is done once."""
    change = User.update({User.admin: True}).where(User.admin.eq(value=False))
    return change.returning(User.id)


async def test_a_writer_that_waits_for_too_long(impatient: PersistentSQLiteEngine) -> None:
    """A statement waits for its turn no longer than for the lock: it is a 503 then."""
    with closing(sqlite3.connect(impatient.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        failed = await asyncio.wait_for(race(lambda: promote().run(), 100), 30)
        assert {type(error) for error in failed} == {sqlite3.OperationalError}
        assert all(is_outage(error) for error in failed if isinstance(error, Exception))
        writer.execute("ROLLBACK")
    assert await promote().run() == []


async def test_logs(memory_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It logs as Piccolo does."""
    path = str(memory_path / "kept.sqlite")
    engine = PersistentSQLiteEngine(path, log_queries=True, log_responses=True)
    use_engine(engine)
    await create_db_tables(*STOCK)
    await engine.start_connection_pool()
    await User.raw("SELECT {} AS answer", 42)
    await engine.close_connection_pool()
    printed = capsys.readouterr().out
    assert "SELECT 42 AS answer" in printed
    assert "{'answer': 42}" in printed


@pytest.mark.parametrize(
    ("path", "connections"), [("app.sqlite", 0), (":memory:", 1), ("file::memory:", 1)]
)
def test_configuration(path: str, connections: int) -> None:
    """It keeps one or more connections to a file."""
    with pytest.raises(ConfigurationError):
        PersistentSQLiteEngine(path, connections=connections)


def test_options() -> None:
    """What SQLiteEngine takes, it takes too; a writer waits for half a minute."""
    engine = PersistentSQLiteEngine("app.sqlite", timeout=5)
    assert isinstance(engine, SQLiteEngine)
    assert engine.connection_kwargs["timeout"] == 5
    assert PersistentSQLiteEngine("app.sqlite").connection_kwargs["timeout"] == 30
