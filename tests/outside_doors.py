"""A feature of another package: codes for doors. It changes no file of the library."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from piccolo.apps.user.tables import BaseUser
from piccolo.columns import UUID, ForeignKey, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi import User, Users
from piccolo_api_fastapi.errors import Conflict, InvalidCode
from piccolo_api_fastapi.features import (
    AuthEvent,
    AuthRoute,
    AuthTable,
    EventKind,
    Message,
    SecondFactor,
    bound,
    declare_commands,
    declare_events,
    declare_factor,
    declare_notices,
    emit,
    primary_key,
    responses,
)

declare_events(
    EventKind("door_opened", "A user opened a door.", ("door",)),
    EventKind("door_closed", "A user closed a door."),
)


class Door(AuthTable, Table, tablename="auth_door"):
    """A door. It belongs to no user."""

    name = Varchar(length=20)
    behind: ForeignKey[Any] = ForeignKey("self", null=True, default=None)


class DoorCode(AuthTable, Table, tablename="auth_door_code"):
    """A code for one door, for some time."""

    noun = "door codes"
    ends_with_password = True

    id = UUID(primary_key=True)
    user = ForeignKey(
        User, null=True, default=None, index=True, on_delete=OnDelete.set_null, help_text="Whose."
    )
    door = ForeignKey(Door, null=False, on_delete=OnDelete.restrict)
    code = Varchar(length=8, unique=True, secret=True)
    expires_at = Timestamptz(index=True)

    @classmethod
    def expired(cls, now: datetime) -> Any:
        """Codes whose time is over."""
        return cls.expires_at <= now


class DoorOpen(Conflict):
    """The door is open already."""

    code = "door_open"
    message = "The door is open already."


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOpened(Message):
    """To the owner of a code that was used."""

    title = "A door was opened"
    is_kept = True

    door: str

    def body(self) -> str:
        """Which door."""
        return f"The {self.door} door was opened."


class DoorCodes(SecondFactor):
    """Codes of doors, as a second factor."""

    name = "door_code"
    amr = ("otp", "geo")
    notices = {"door_opened": DoorOpened, "door_closed": "Your door was closed."}  # noqa: RUF012

    def __init__(self, users: Users[Any]) -> None:
        self.users = users
        self.table = bound(DoorCode, users.table)
        self.doors = bound(Door, users.table)

    async def add(self, user: BaseUser, code: str, expires_at: datetime) -> None:
        """Give a user a code for a new door."""
        door = self.doors(name="front")
        await door.save()
        await self.table.insert(
            self.table(
                id=uuid4(),
                user=primary_key(user),
                door=primary_key(door),
                code=code,
                expires_at=expires_at,
            )
        )

    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has a code."""
        return await self.table.exists().where(self.table.user == primary_key(user))

    def accepts(self, code: str) -> bool:
        """Whether it begins as they do."""
        return code.startswith("D-")

    async def verify(self, user: BaseUser, code: str) -> None:
        """Use a code up."""
        table, now = self.table, self.users.clock()
        mine = (table.user == primary_key(user)) & (table.code == code) & (table.expires_at > now)
        if not await table.delete().where(mine).returning(table.id):
            raise InvalidCode
        await emit(AuthEvent("door_opened", now, primary_key(user), {"door": "front"}))


declare_factor("badge", amr=["sc"], worth="first")
declare_factor("badge_with_pin", amr=["sc", "pin"], worth="both")


async def count_door_codes() -> None:
    """Print the number of door codes."""
    print(await DoorCode.count())  # noqa: T201 - a command


declare_notices({"door_locked": "Your door was locked."})
declare_commands(count_door_codes)


def door_router() -> APIRouter:
    """The route `POST /door`, which refuses everybody."""
    router = APIRouter(route_class=AuthRoute)

    @router.post("/door", responses=responses(DoorOpen))
    async def open_door() -> None:
        raise DoorOpen

    return router
