"""What is done with mailboxes, a statement or two at a time."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows, factor_tables
from piccolo_api_fastapi.core.database.outages import is_unique_violation
from piccolo_api_fastapi.errors import IdentityTaken, InvalidTicket
from piccolo_api_fastapi.login.tickets import Ticket
from piccolo_api_fastapi.users.identifiers import no_email

from .tables import EmailChange, EmailStatus

UNDO_TOKEN = OpaqueToken("undo")

CODE_LENGTH = 6

Sending: TypeAlias = Literal["verification", "reset", "change"]
"""What is sent to people who may not be signed in, or at their word to others: not too often."""


async def begin(
    table: type[EmailStatus], user: Any, email: str, now: datetime, *, activates: bool
) -> None:
    """Note that the address of a new user is to be verified."""
    row = table(
        user=user,
        email=email,
        is_registered=True,
        activates=activates,
        verification_sent_at=now,
    )
    await table.insert(row)


async def is_waiting(table: type[EmailStatus], user: Any, email: str) -> bool:
    """Whether a user is inactive only until this address is verified."""
    return await table.exists().where(
        table.user == user, table.email == email, table.activates.eq(value=True)
    )


async def is_new(table: type[EmailStatus], user: Any, email: str) -> bool:
    """Whether somebody registered with this address and nobody verified it yet."""
    return await table.exists().where(
        table.user == user,
        table.email == email,
        table.is_registered.eq(value=True),
        table.verified_at.is_null(),
    )


async def contest(table: type[EmailStatus], user: Any) -> None:
    """Note that an unverified address was registered again; nobody compared the passwords yet."""
    await table.update({table.uncompared: table.uncompared + 1}).where(
        table.user == user, table.verified_at.is_null()
    )


async def compared(table: type[EmailStatus], user: Any, *, is_same: bool) -> None:
    """They were compared. It is contested for good unless they are the same, as all others are."""
    values: dict[Any, Any] = {table.uncompared: table.uncompared - 1}
    if not is_same:
        values[table.is_contested] = True
    await table.update(values).where(table.user == user, table.uncompared > 0)


@dataclass(frozen=True, slots=True)
class Before:
    """
    What an account was before its address was verified.

    Args:
        activates: Whether it waited for that to be active.
        is_contested: Whether it was registered again, for all that is known with another password.
        is_new: Whether somebody registered it, and no address of it was ever verified.
    """

    activates: bool
    is_contested: bool
    is_new: bool


async def verify(table: type[EmailStatus], user: Any, email: str, now: datetime) -> Before:
    """Note that an address is verified, and forget how that came about."""
    # Locks the row, so that what it held is still so when it is forgotten.
    [row] = (
        await table.insert(table(user=user, email=email))
        .on_conflict(target=table.user, action="DO UPDATE", values=[table.email])
        .returning(
            table.activates,
            table.is_contested,
            table.uncompared,
            table.is_registered,
            table.verified_at,
        )
    )
    await table.update(
        {
            table.verified_at: now,
            table.activates: False,
            table.is_contested: False,
            table.uncompared: 0,
            table.verification_sent_at: None,
            table.failed_count: 0,
            table.waits_until: 0,
        }
    ).where(table.user == user)
    is_contested = row["is_contested"] or row["uncompared"] > 0
    is_new = row["is_registered"] and row["verified_at"] is None
    return Before(row["activates"], is_contested, is_new)


async def may_send(
    table: type[EmailStatus],
    user: Any,
    email: str,
    sending: Sending,
    *,
    now: datetime,
    since: datetime,
) -> bool:
    """
    Whether a message may go out now. Of several at once, one may.

    Args:
        table: Where the last time is kept.
        user: The primary key.
        email: Its address, for users of whom nothing is known yet.
        sending: What.
        now: The present time.
        since: Not if one went out after this.
    """
    name, column = table._meta.get_formatted_tablename(), f"{sending}_sent_at"
    await table.insert(table(user=user, email=email)).on_conflict(
        target=table.user, action="DO NOTHING"
    )
    sent = await table.raw(
        f'UPDATE {name} SET "{column}" = {{}} WHERE "user" = {{}} '  # noqa: S608 - our own names
        f'AND ("{column}" IS NULL OR "{column}" <= {{}}) RETURNING "user"',
        now,
        user,
        since,
    )
    return bool(sent)


async def forget_sending(table: type[EmailStatus], user: Any, sending: Sending) -> None:
    """A message did not go out: the next request may send another at once."""
    column = table._meta.get_column_by_name(f"{sending}_sent_at")
    await table.update({column: None}).where(table.user == user)


@dataclass(frozen=True, slots=True)
class Binding:
    """
    What a mailed secret is bound to; the data of its ticket.

    Args:
        email: The address that it was sent to.
        old: The address at that time, where another is asked for.
        code: The hash of a code of six digits.
    """

    email: str
    old: str = ""
    code: str = field(default="", repr=False)

    def write(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, ticket: Ticket) -> "Binding":
        """What a ticket is bound to."""
        return cls(**json.loads(ticket.data))


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**CODE_LENGTH):0{CODE_LENGTH}}"


async def count_guess(table: type[Ticket], user: Any, purpose: str, now: datetime) -> Ticket:
    """
    The live ticket of a user for a code.

    Raises:
        InvalidTicket: There is none.
    """
    rows = (
        await table.update({table.attempts: table.attempts + 1})
        .where(
            table.user == user,
            table.purpose == purpose,
            table.used_at.is_null(),
            table.expires_at > now,
        )
        .returning(*table.all_columns())
    )
    if not rows:
        raise InvalidTicket
    return table(**rows[0], _exists_in_db=True)


async def hold_address(users: type[BaseUser], user: Any, email: str) -> dict[str, Any] | None:
    """
    Whether this is the address of a user, and will be until the transaction ends: `active`, and
    when they logged in last.
    """
    key = users._meta.primary_key
    rows = (
        await users.update({users.email: users.email})
        .where(key == user, users.email == email)
        .returning(users.active, users.last_login)
    )
    return dict(rows[0]) if rows else None


async def activate(users: type[BaseUser], user: Any) -> None:
    """Let a user log in who was waiting for it, and did not before they were disabled."""
    key = users._meta.primary_key
    await users.update({users.active: True}).where(key == user, users.last_login.is_null())


async def move_address(users: type[BaseUser], user: Any, new: str, *, old: str) -> bool:
    """
    Change the address of a user, and a username that is an address.

    Args:
        users: The user table.
        user: The primary key.
        new: In its normal form.
        old: Only if it is still this one, and the user may log in; any, if empty.

    Returns:
        Whether it still was.

    Raises:
        IdentityTaken: The new one belongs to somebody else.
    """
    name, key = _names(users)
    try:
        moved = await users.raw(
            f'UPDATE {name} SET "email" = {{}}, "username" = '  # noqa: S608 - our own names
            'CASE WHEN "username" LIKE {} THEN {} ELSE "username" END '
            f'WHERE {key} = {{}} AND ("email" = {{}} AND "active" OR {{}} = \'\') '
            f"RETURNING {key}",
            new,
            "%@%",
            new,
            user,
            old,
            old,
        )
    except Exception as error:  # noqa: BLE001 - drivers have no common class
        raise (IdentityTaken() if is_unique_violation(error) else error) from None
    return bool(moved)


async def release_address(
    users: type[BaseUser], status: type[EmailStatus], user: Any, email: str
) -> None:
    """
    Take an address from somebody else who registered it and never verified it, for somebody
    who has. Older rows may be in upper case.

    They keep their account, without an address.
    """
    name, key = _names(users)
    known = status._meta.get_formatted_tablename()
    nobody = no_email()
    await users.raw(
        f'UPDATE {name} SET "email" = {{}}, "username" = '  # noqa: S608 - our own names
        'CASE WHEN lower("username") = {} THEN {} ELSE "username" END '
        f'WHERE lower("email") = {{}} AND {key} <> {{}} AND {key} IN '
        f'(SELECT "user" FROM {known} WHERE lower("email") = {{}} AND "is_registered" '
        'AND "verified_at" IS NULL)',
        nobody,
        email,
        nobody,
        email,
        user,
        email,
    )


async def refuse_if_taken(users: type[BaseUser], user: Any, email: str) -> None:
    """
    The unique index knows exact text only; older rows may be in upper case.

    Raises:
        IdentityTaken: The address belongs to somebody else.
    """
    name, key = _names(users)
    rows = await users.raw(
        f'SELECT 1 FROM {name} WHERE lower("email") = {{}} AND {key} <> {{}} LIMIT 1',  # noqa: S608 - our own names
        email,
        user,
    )
    if rows:
        raise IdentityTaken


async def remember_change(
    table: type[EmailChange], user: Any, email: str, now: datetime, expires_at: datetime
) -> str:
    """Let the owner of the old address undo a change. Returns the secret of the link."""
    token = UNDO_TOKEN.generate()
    row = table(
        id=uuid4(),
        user=user,
        digest=UNDO_TOKEN.digest(token),
        email=email,
        created_at=now,
        expires_at=expires_at,
    )
    await table.insert(row)
    return token


async def find_change(
    table: type[EmailChange], user: Any, email: str, now: datetime
) -> EmailChange | None:
    """The last change from an address that can be undone."""
    query = table.objects().where(
        table.user == user,
        table.email == email,
        table.undone_at.is_null(),
        table.expires_at > now,
    )
    change: EmailChange | None = await query.order_by(table.created_at, ascending=False).first()
    return change


async def undo_change(table: type[EmailChange], token: str, now: datetime) -> dict[str, Any]:
    """
    Use the secret of an undo link up, and with it those of later changes.

    Returns:
        `user`, the old address as `email`, and `created_at`, when it was changed.

    Raises:
        InvalidTicket: It is unknown, used or expired.
    """
    if (digest := UNDO_TOKEN.digest(token)) is None:
        raise InvalidTicket
    rows = (
        await table.update({table.undone_at: now})
        .where(table.digest == digest, table.undone_at.is_null(), table.expires_at > now)
        .returning(table.user, table.email, table.created_at)
    )
    if not rows:
        raise InvalidTicket
    [change] = rows
    later = (table.user == change["user"]) & (table.created_at >= change["created_at"])
    await table.delete().where(later, table.undone_at.is_null())
    return dict(change)


async def end_factors(users: type[BaseUser], user: Any, since: datetime) -> bool:
    """
    Delete the second factors that a user set up since a moment.

    Before the user is locked: whoever sets one up locks that first, and then the user.

    Returns:
        Whether there were any.
    """
    ended = []
    for table in factor_tables(users):
        since_column = table._meta.get_column_by_name(table.factor_since)  # type: ignore[attr-defined]
        condition: Any = (table.user == user) & (since_column >= since)  # type: ignore[attr-defined]
        ended += await table.delete().where(condition).returning(table._meta.primary_key)
    return bool(ended)


async def end_factors_of_new(
    users: type[BaseUser], status: type[EmailStatus], user: Any, *, only_if_contested: bool
) -> None:
    """
    Delete all second factors of a user who registered and never verified an address.

    Before the user is locked, for the same reason.

    Args:
        users: The user table.
        status: What is known of addresses.
        user: The primary key.
        only_if_contested: Whether to spare those of an account that was registered once.
    """
    new = status.select(status.user).where(
        status.user == user, status.is_registered.eq(value=True), status.verified_at.is_null()
    )
    if only_if_contested:
        new = new.where(status.is_contested.eq(value=True) | (status.uncompared > 0))
    for table in factor_tables(users):
        owner: Any = table.user  # type: ignore[attr-defined]
        await table.delete().where(owner == user, owner.is_in(new))


async def delete_expired_email_changes(
    table: type[EmailChange] = EmailChange, *, now: datetime, batch: int = 500
) -> int:
    """Delete changes of address that can no longer be undone. Returns the number of rows."""
    return await delete_expired_rows(table, now=now, batch=batch)


def _names(users: type[BaseUser]) -> tuple[str, str]:
    """The names of the user table and of its key, for SQL."""
    key = users._meta.primary_key._meta.db_column_name
    return users._meta.get_formatted_tablename(), f'"{key}"'
