"""A feature of another package: what it declares is known wherever the library's own is."""

import importlib
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from fastapi import FastAPI
from piccolo.apps.user.tables import BaseUser
from piccolo.columns import UUID
from piccolo.table import create_db_tables, drop_db_tables

from piccolo_api_fastapi import (
    ConfigurationError,
    JWTAuth,
    Login,
    Notices,
    SessionAuth,
    User,
    Users,
    auth_commands,
    auth_tables,
    delete_expired,
    jwt_router,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.access.step_up import StepUp, acr, amr
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.user_tables import user_table_of
from piccolo_api_fastapi.features import (
    AuthEvent,
    EventKind,
    declare_commands,
    declare_events,
    declare_factor,
    emit,
)
from piccolo_api_fastapi.mail import SecondFactorChanged
from piccolo_api_fastapi.piccolo_app import APP_CONFIG
from piccolo_api_fastapi.piccolo_app.commands import list_events
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, SECRET, new_client


class Tenant(BaseUser, tablename="outside_tenant"):
    """A user table of a project, with a key of another type."""

    id = UUID(primary_key=True)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


@pytest.fixture
def doors(undeclared: None) -> Iterator[Any]:
    """The feature, freshly imported."""
    yield importlib.import_module("tests.outside_doors")
    del sys.modules["tests.outside_doors"]


@pytest.fixture
async def tenants(database: Any, doors: Any, clock: FrozenClock) -> AsyncIterator[Users[Tenant]]:
    """Users of the project, and all tables that are bound to them."""
    tables = [Tenant, *auth_tables(Tenant)]
    for table in tables:
        table._meta._db = database
    await create_db_tables(*tables)
    yield Users(Tenant, clock=clock)
    await drop_db_tables(*tables)


def test_tables(doors: Any) -> None:
    """The tables are bound with the options of their own foreign keys, and found by name."""
    tables = auth_tables(Tenant)
    assert tables.door_code in list(tables)
    assert issubclass(tables.door_code, doors.DoorCode)
    assert user_table_of(tables.door_code) is Tenant
    assert user_table_of(tables.door) is Tenant
    assert (auth_tables().door_code, auth_tables().door) == (doors.DoorCode, doors.Door)
    assert "auth_door_code" not in {table._meta.tablename for table in APP_CONFIG.table_classes}
    for name, target in (("user", Tenant), ("door", tables.door)):
        own: Any = tables.door_code._meta.get_column_by_name(name)
        original: Any = doors.DoorCode._meta.get_column_by_name(name)
        assert own._foreign_key_meta.resolved_references is target
        assert {**own._meta.params, "references": None} == {
            **original._meta.params,
            "references": None,
        }
    behind: Any = tables.door._meta.get_column_by_name("behind")
    assert behind._foreign_key_meta.resolved_references is tables.door
    assert doors.DoorCodes(Users()).doors is doors.Door


async def test_expiry(tenants: Users[Tenant], doors: Any, clock: FrozenClock) -> None:
    """Expired rows are swept with all others, and a new password ends the rest."""
    ada = await tenants.create("ada", PASSWORD)
    codes = doors.DoorCodes(tenants)
    await codes.add(ada, "D-1", clock.now + timedelta(hours=1))
    await codes.add(ada, "D-2", clock.now + timedelta(hours=3))
    clock.advance(timedelta(hours=1))
    deleted = await delete_expired(auth_tables(Tenant), now=clock.now)
    assert deleted["door codes"] == 1
    assert "auth_door" not in deleted
    assert await delete_expired_rows(codes.doors, now=clock.now) == 0
    assert await codes.doors.count() == 2
    assert await codes.table.select(codes.table.code) == [{"code": "D-2"}]
    await tenants.set_password(ada, "another horse battery")
    assert await codes.table.count() == 0


async def test_login(tenants: Users[Tenant], doors: Any, clock: FrozenClock) -> None:
    """The factor is asked for at login, counts as a second one and is told by mail."""
    ada = await tenants.create("ada", PASSWORD, email="ada@example.com")
    codes, outbox = doors.DoorCodes(tenants), Outbox()
    for code in ("D-1", "D-2"):
        await codes.add(ada, code, clock.now + timedelta(hours=1))
    login, jwt = Login(tenants, factors=[codes]), JWTAuth(tenants, secret=SECRET)
    app = FastAPI()
    app.include_router(session_router(SessionAuth(tenants), login))
    app.include_router(jwt_router(jwt, login))
    app.include_router(doors.door_router())
    notices = Notices(tenants, mail=outbox)
    stop = subscribe(notices)
    async with new_client(app) as client:
        body = {"username": "ada", "password": PASSWORD}
        challenge = (await client.post("/login", json=body)).json()
        assert challenge["methods"] == ["door_code"]
        step = {"challenge": challenge["challenge"], "code": "D-1"}
        answer = (await client.post("/login/mfa", json=step)).json()
        assert uuid.UUID(answer["user"]["id"]) == ada.id
        answer = await client.post("/token", data={"grant_type": "password", **body})
        step = {"challenge": answer.json()["challenge"], "code": "D-2"}
        token = (await client.post("/token/mfa", json=step)).json()["access_token"]
        claims = pyjwt.decode(token, options={"verify_signature": False})
        assert (claims["acr"], claims["amr"]) == ("mfa", ["otp", "geo", "pwd", "mfa"])
        answer = await client.post("/door")
        assert (answer.status_code, answer.json()["code"]) == (409, "door_open")
        documented = (await client.get("/openapi.json")).json()["paths"]["/door"]["post"]
        assert "door_open" in str(documented["responses"]["409"])
    await emit(AuthEvent("door_closed", clock.now, ada.id))
    stop()
    await notices.wait()
    opened = [message for message in outbox.messages if isinstance(message, doors.DoorOpened)]
    assert [message.text() for message in opened] == ["Hello,\n\nThe front door was opened.\n"] * 2
    [closed] = [one for one in outbox.messages if isinstance(one, SecondFactorChanged)]
    assert closed.change == "Your door was closed."


async def test_mail_is_kept(tenants: Users[Tenant], doors: Any, clock: FrozenClock) -> None:
    """A message that could not be sent is sent at the next event, whoever declared it."""
    ada = await tenants.create("ada", PASSWORD, email="ada@example.com")
    outbox, is_down = Outbox(), True

    async def mail(message: Any) -> None:
        if is_down:
            raise OSError
        await outbox(message)

    notices = Notices(tenants, mail=mail)
    notices(AuthEvent("door_opened", clock.now, ada.id, {"door": "back"}))
    await notices.wait()
    assert await auth_tables(Tenant).unsent_mail.count() == 1
    is_down = False
    clock.advance(timedelta(minutes=5))
    notices(AuthEvent("authn_token_created", clock.now, ada.id))
    await notices.wait()
    message: Any
    [message] = outbox.messages
    assert isinstance(message, doors.DoorOpened)
    assert message.door == "back"


def test_factors(doors: Any, clock: FrozenClock) -> None:
    """A factor counts for what it is declared to be worth, and an undeclared one for nothing."""
    at = clock.now
    for names, level, methods in (
        (["badge"], "single_factor", ("sc",)),
        (["badge", "password"], "single_factor", ("sc", "pwd")),
        (["password", "door_code"], "mfa", ("otp", "geo", "pwd", "mfa")),
        (["badge_with_pin"], "mfa", ("sc", "pin", "mfa")),
        (["password", "nonsense"], "single_factor", ("pwd",)),
    ):
        factors = dict.fromkeys(names, at)
        assert (acr(factors), amr(factors)) == (level, methods)
    StepUp(mfa=True, within=timedelta(minutes=1)).check({"badge_with_pin": at}, at)


async def test_events_and_commands(
    doors: Any, database: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events are listed beside the library's own, and commands are offered with them."""
    await list_events()
    assert "| `door_opened` | success | A user opened a door. | `door` |" in capsys.readouterr().out
    found = {command.callable.__name__: command.callable for command in APP_CONFIG.get_commands()}
    own = {one.__name__: one for one in auth_commands()}
    doors.DoorCode._meta._db = doors.Door._meta._db = database
    await create_db_tables(doors.Door, doors.DoorCode)
    await found["count_door_codes"]()
    await own["count_door_codes"]()
    await drop_db_tables(doors.Door, doors.DoorCode)
    assert capsys.readouterr().out == "0\n0\n"


def test_names_are_unique(undeclared: None) -> None:
    """A feature can't change the meaning of a name; a command of the same name is replaced."""
    with pytest.raises(ConfigurationError, match="authn_login_success is declared twice"):
        declare_events(EventKind("authn_login_success", "Something else."))
    with pytest.raises(ConfigurationError, match="'password' exists"):
        declare_factor("password", amr=["pwd"], worth="both")
    declare_factor("password", amr=["pwd"], worth="first")

    async def clean() -> None:
        """Another one."""

    declare_commands(clean)
    found = [command.callable for command in APP_CONFIG.get_commands()]
    assert [one.__doc__ for one in found if one.__name__ == "clean"] == ["Another one."]


def test_it_is_gone() -> None:
    """The other tests know nothing of it."""
    assert "auth_door" not in {table._meta.tablename for table in auth_tables()}
    assert User in {user_table_of(table) for table in auth_tables()}
