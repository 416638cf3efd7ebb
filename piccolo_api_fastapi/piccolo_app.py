"""The Piccolo app: put `piccolo_api_fastapi.piccolo_app` into `APP_REGISTRY`."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import ForeignKey
from piccolo.columns.base import OnDelete
from piccolo.conf.apps import AppConfig
from piccolo.table import Table, create_table_class

from .clock import utcnow
from .jwt_auth import RefreshFamily, delete_expired_families
from .rate_limiting import PiccoloStore, RateLimitState
from .session_auth import Session, delete_expired_sessions
from .tickets import Ticket, delete_expired_tickets
from .users import Password, User

TableT = TypeVar("TableT", bound=Table)


@dataclass(frozen=True, slots=True)
class AuthTables:
    """
    The tables of this library, bound to one user table. Iterating gives them all.

    Args:
        password: Argon2id hashes.
        session: Sessions.
        refresh_family: Refresh families.
        ticket: Challenges of logins, and what mailed links carry.
        rate_limit_state: What a `PiccoloStore` keeps.
    """

    password: type[Password]
    session: type[Session]
    refresh_family: type[RefreshFamily]
    ticket: type[Ticket]
    rate_limit_state: type[RateLimitState]

    def __iter__(self) -> Iterator[type[Table]]:
        return (getattr(self, field.name) for field in fields(self))


@cache
def auth_tables(user: type[BaseUser] = User) -> AuthTables:
    """
    The tables, bound to a user table of your own.

    Put them into the `table_classes` of your own Piccolo app, instead of registering
    this one, and let `piccolo migrations new … --auto` write the migration.

    Args:
        user: A subclass of `BaseUser` with a table of its own; any primary key.
    """
    if user is User:
        return AuthTables(Password, Session, RefreshFamily, Ticket, RateLimitState)
    return AuthTables(
        password=_bind(Password, user, unique=True),
        session=_bind(Session, user, index=True),
        refresh_family=_bind(RefreshFamily, user, index=True),
        ticket=_bind(Ticket, user, index=True),
        rate_limit_state=_copy(RateLimitState, user),
    )


async def clean() -> None:
    """Delete expired sessions, refresh families, tickets and counts of rate limits."""
    now = utcnow()
    sessions = await delete_expired_sessions(now=now)
    families = await delete_expired_families(now=now)
    tickets = await delete_expired_tickets(now=now)
    await PiccoloStore().sweep()
    print(  # noqa: T201 - a command
        f"Deleted {sessions} sessions, {families} refresh families and {tickets} tickets."
    )


def _bind(kind: type[TableT], user: type[BaseUser], **options: Any) -> type[TableT]:
    key: Any = ForeignKey(user, null=False, on_delete=OnDelete.cascade, **options)
    return _copy(kind, user, {"user": key})


def _copy(
    kind: type[TableT], user: type[BaseUser], columns: dict[str, Any] | None = None
) -> type[TableT]:
    name = f"{user._meta.tablename}_{kind._meta.tablename}"  # noqa: SLF001
    table = create_table_class(
        f"{user.__name__}{kind.__name__}", (kind,), {"tablename": name}, columns or {}
    )
    return cast("type[TableT]", table)


APP_CONFIG = AppConfig(
    app_name="piccolo_api_fastapi",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=list(auth_tables()),
    migration_dependencies=["piccolo.apps.user.piccolo_app"],
    commands=[clean],
)
