"""The user table, and the tables of password hashes and wrong passwords."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import BigInt, Boolean, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table
from typing_extensions import TypeVar

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.core.database.failure_counters import FailureCounter
from piccolo_api_fastapi.core.database.sqlite_ids import UniqueSerial
from piccolo_api_fastapi.core.database.statements import column_names
from piccolo_api_fastapi.core.database.user_tables import loads_by_columns, primary_key
from piccolo_api_fastapi.errors import IdentityTaken, InvalidCredentials, Unprocessable

from .identifiers import MAXIMUM_LENGTH

if TYPE_CHECKING:
    from .users import Users

MARKER = "pbkdf2_sha256$1$!$!"
"""
The value of `piccolo_user.password` for a user whose hash is in `auth_password`.

No password matches this value, and it has the form of a hash. `BaseUser` takes any other value for
a plain password. Whenever it loads such a row, it hashes the value on the event loop, and a
later `save()` would write that hash to the table.
"""

SERVICE_MARKER = "pbkdf2_sha256$1$!$service"
"""The value of the column for a service user; see `Users.create_service`."""

FORGET_AFTER = timedelta(days=1)
"""The time for which failures of a name that no user has are counted."""


def is_service(user: BaseUser) -> bool:
    """
    Whether a user is no person but a service, made by `Users.create_service`.

    ```python
    from piccolo_api_fastapi import Users, is_service

    reports = await Users().create_service("reports")
    assert is_service(reports)
    ```
    """
    marker: str = user.password
    return marker == SERVICE_MARKER


@loads_by_columns
class User(BaseUser, tablename="piccolo_user"):
    """
    Piccolo's user, on Piccolo's table, with its password hash in `auth_password`.

    `create_user`, `login` and `update_password` go through `Users`, so that Piccolo
    Admin and scripts work with `auth_table=User`. An object that was loaded saves the
    columns that were changed on it, not what somebody else changed meanwhile.

    ```python
    from piccolo_api_fastapi import User

    administrators = await User.objects().where(User.admin.eq(value=True))
    ```
    """

    id = UniqueSerial(primary_key=True, index=False)

    asks_afterwards: ClassVar[frozenset[str]] = frozenset()
    """The second factors that whatever calls `login` asks for; users with others can't log in."""

    _changed: frozenset[str]

    def __init__(self, _data: dict[Any, Any] | None = None, **values: Any) -> None:
        for column, value in (_data or {}).items():
            values[column if isinstance(column, str) else column._meta.name] = value
        exists = values.pop("_exists_in_db", False)
        # An empty password would be hashed, at the full price.
        values.setdefault("password", MARKER)
        super().__init__(**values)  # type: ignore[no-untyped-call]
        self._exists_in_db = exists
        vars(self)["_changed"] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if "_changed" in self.__dict__:
            vars(self)["_changed"] |= {name}

    def __str__(self) -> str:
        return f"<{type(self).__name__}: {primary_key(self)}>"

    __repr__ = __str__

    def save(self, columns: Any = None) -> Any:
        """Save the given columns, or those that were changed since the row was loaded."""
        if columns is None and self._exists_in_db:
            changed = [name for name in column_names(type(self)) if name in self._changed]
            # An UPDATE sets something: the key to itself, when nothing else.
            columns = changed or [self._meta.primary_key]
        return super().save(columns)

    def to_dict(self, *columns: Any) -> dict[str, Any]:
        """The row without its password."""
        values: dict[str, Any] = super().to_dict(*columns)
        values.pop("password", None)
        return values

    @classmethod
    async def create_user(cls, username: str, password: str, **extra_params: Any) -> "User":
        """
        Create a user by `Users.create`; inactive unless `active=True`, as Piccolo has it.

        Raises:
            ValueError: The username or the password is missing, unusable or taken.
        """
        if not username or not password:
            raise ValueError("A username and a password must be provided.")
        email = extra_params.pop("email", None) or None
        active = extra_params.pop("active", False)
        try:
            return await _users(cls).create(
                username, password, email=email, active=active, **extra_params
            )
        except (Unprocessable, IdentityTaken) as error:
            raise ValueError(_sentence(error)) from None

    @classmethod
    async def update_password(cls, user: str | Any, password: str) -> None:
        """
        Set a password by `Users.set_password`.

        Args:
            user: A username or a primary key.
            password: The new one.

        Raises:
            ValueError: There is no such user, or the password is not accepted.
        """
        users = _users(cls)
        row = await users.find(user) if isinstance(user, str) else await users.get(user)
        if row is None:
            raise ValueError("There is no such user.")
        await users.set_password(row, password)

    @classmethod
    async def login(cls, username: str, password: str) -> Any:
        """
        The primary key of an active user with this password, or `None`.

        A password is not enough for users with a second factor: they get `None`, and
        `authn_login_misconfigured` is emitted.
        """
        users = _users(cls)
        try:
            proof = await users.verify(username, password)
            await users.uphold(replace(proof, known=cls.asks_afterwards))
        except InvalidCredentials:
            return None
        return primary_key(proof.user)


class Password(AuthTable, Table, tablename="auth_password"):
    """
    The Argon2id hash of a user.

    ```python
    from piccolo_api_fastapi import Password

    hashes = await Password.count()
    ```
    """

    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    hash = Text(secret=True)
    changed_at = Timestamptz()
    superseded = Varchar(
        length=64,
        null=True,
        default=None,
        secret=True,
        help_text=(
            "SHA-256 of the PBKDF2 string that this row replaced. Found in the old column "
            "again, since somebody saved a stale object, it counts for nothing."
        ),
    )


class PasswordFailures(AuthTable, FailureCounter, Table, tablename="auth_password_failure"):
    """
    The number of wrong passwords in a row, for an account or for an unknown name.

    Wrong codes of second factors that came with one session or app are counted here too.

    ```python
    from piccolo_api_fastapi import PasswordFailures

    failing = await PasswordFailures.count().where(PasswordFailures.failed_count > 0)
    ```
    """

    noun = "counts of wrong passwords"

    key = Varchar(length=64, primary_key=True, help_text="SHA-256 of the account, name or browser.")
    user = ForeignKey(User, null=True, default=None, index=True, on_delete=OnDelete.cascade)
    checking_until = BigInt(help_text="Milliseconds since 1970: the end of a check.")
    is_admitted = Boolean(help_text="The last decision.")
    changed_at = BigInt(index=True, help_text="When a guess was last admitted.")

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Counts without failures, or of a name that no user has, a day after the last guess."""
        is_old = cls.changed_at < int((now - FORGET_AFTER).timestamp() * 1000)
        return is_old & (cls.user.is_null() | (cls.failed_count == 0))


class FoldedIdentifiers(AuthTable, Table, tablename="auth_folded_identifier"):
    """
    The username and the address of a user whose row spells them in another form than this
    library does: in upper case, in punycode or with decomposed letters.

    ```python
    from piccolo_api_fastapi import FoldedIdentifiers

    older = await FoldedIdentifiers.count()
    ```

    `fold_users` writes the rows. Look-ups compare what they find with the row of the user, so a
    row that is out of date finds nobody.
    """

    noun = "folded identifiers"

    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    username = Varchar(length=MAXIMUM_LENGTH, null=True, default=None, index=True)
    email = Varchar(length=MAXIMUM_LENGTH, null=True, default=None, index=True)


UserT = TypeVar("UserT", bound=BaseUser, default=User)


def _users(table: type[User]) -> "Users[User]":
    from .users import Users  # `users` imports this module

    return Users(table)


def _sentence(error: Unprocessable | IdentityTaken) -> str:
    if isinstance(error, Unprocessable):
        return " ".join(item.msg for item in error.errors)
    return str(error.detail)
