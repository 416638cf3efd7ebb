"""`auth_tables`: the declared tables, bound to a user table."""

from collections.abc import Iterator
from functools import cache

from piccolo.apps.user.tables import BaseUser
from piccolo.table import Table

from piccolo_api_fastapi.accounts.mailboxes import EmailChange, EmailStatus
from piccolo_api_fastapi.accounts.social import OAuthAccount
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.auth_tables import attribute_of, bind, declared_tables
from piccolo_api_fastapi.core.events.log import EventRecord
from piccolo_api_fastapi.login.known_devices import KnownDevice
from piccolo_api_fastapi.login.mfa.email_codes import SentCode
from piccolo_api_fastapi.login.mfa.passkeys import Passkey, PasskeyOwner
from piccolo_api_fastapi.login.mfa.recovery_codes import RecoveryCode
from piccolo_api_fastapi.login.mfa.totp import TOTPSecret
from piccolo_api_fastapi.login.tickets import Ticket
from piccolo_api_fastapi.mail.delivery import UnsentMail
from piccolo_api_fastapi.mail.notices import KnownBrowser
from piccolo_api_fastapi.rate_limiting import RateLimitState
from piccolo_api_fastapi.schemes.api_tokens import APIToken
from piccolo_api_fastapi.schemes.jwt import RefreshFamily
from piccolo_api_fastapi.schemes.sessions import Session
from piccolo_api_fastapi.users import (
    FoldedIdentifiers,
    Password,
    PasswordFailures,
    Role,
    User,
    UserRole,
)


class AuthTables:
    """
    The declared tables, bound to one user table. Iterating gives them all.

    ```python
    from piccolo_api_fastapi import auth_tables

    tables = auth_tables()
    assert tables.session in list(tables)
    ```

    Each table is an attribute by the name of its class in snake case, those of other packages
    too. A table that is declared later is there from then on. The annotations below are for type
    checkers; the tables are found by name.

    Args:
        user: The user table.
    """

    password: type[Password]
    password_failures: type[PasswordFailures]
    folded_identifiers: type[FoldedIdentifiers]
    known_device: type[KnownDevice]
    session: type[Session]
    refresh_family: type[RefreshFamily]
    ticket: type[Ticket]
    totp_secret: type[TOTPSecret]
    recovery_code: type[RecoveryCode]
    sent_code: type[SentCode]
    passkey: type[Passkey]
    passkey_owner: type[PasskeyOwner]
    api_token: type[APIToken]
    email_status: type[EmailStatus]
    email_change: type[EmailChange]
    oauth_account: type[OAuthAccount]
    unsent_mail: type[UnsentMail]
    known_browser: type[KnownBrowser]
    event: type[EventRecord]
    rate_limit_state: type[RateLimitState]
    role: type[Role]
    user_role: type[UserRole]

    def __init__(self, user: type[BaseUser]) -> None:
        self._user = user

    def __getattr__(self, name: str) -> type[Table]:
        for table in declared_tables():
            if attribute_of(table) == name:
                return self._own(table)
        raise AttributeError(f"No table is called {name!r}. Is its feature imported?")

    def __iter__(self) -> Iterator[type[Table]]:
        return map(self._own, declared_tables())

    def _own(self, table: type[Table]) -> type[Table]:
        return table if self._user is User else bind(table, self._user)


@cache
def _tables_of(user: type[BaseUser]) -> AuthTables:
    return AuthTables(user)


@configured
def auth_tables(user: type[BaseUser] = User) -> AuthTables:
    """
    The tables of authentication, bound to a user table of your own.

    ```python
    from piccolo.apps.user.tables import BaseUser
    from piccolo.columns import UUID
    from piccolo_api_fastapi import auth_tables

    class Customer(BaseUser, tablename="customers"):
        id = UUID(primary_key=True)

    tables = [Customer, *auth_tables(Customer)]
    ```

    Put them into the `table_classes` of your own Piccolo app, instead of registering this one,
    and let `piccolo migrations new … --auto` write the migration. Import features of other
    packages before.

    Args:
        user: A subclass of `BaseUser` with a table of its own; any primary key.
    """
    tables = _tables_of(user)
    list(tables)  # bound from now on
    return tables
