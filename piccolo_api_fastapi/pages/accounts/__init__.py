"""The pages to register, to verify an address, for passwords, and to close the account."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from piccolo_api_fastapi.access.optional_user import optional
from piccolo_api_fastapi.accounts import Accounts
from piccolo_api_fastapi.accounts.router import accounts_router
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.mail.links import Links
from piccolo_api_fastapi.pages.declared import Action, Page, PageSet, Step, operations_of
from piccolo_api_fastapi.pages.next_url import safe_next
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.users import UserT

from .by_mail import mail_actions, mail_pages
from .columns import ColumnInput, columns_of


def account_pages(
    accounts: Accounts[UserT], session: SessionAuth[UserT], prefix: str, *, captcha: Any = None
) -> PageSet:
    """
    Make the pages of accounts. Without mail, there are none for what needs it.

    Args:
        accounts: The accounts.
        session: The scheme that signs browsers in.
        prefix: The path of the pages, with which the URL of mailed links must end.
        captcha: The CAPTCHA of the forms to register and to reset a password.

    Raises:
        ConfigurationError: Mailed links lead to other pages, or `accounts` has other schemes.
    """
    if session not in accounts.schemes or session not in accounts.guard.schemes:
        raise ConfigurationError("Pages needs Accounts(schemes=[session]), with its session.")
    if accounts.has_mail:
        _check_links(accounts.mailboxes.links, prefix)
    api = operations_of(accounts_router(accounts, captcha=captcha))
    columns = columns_of(accounts)
    kept = ("username", "email", *(column.name for column in columns))
    anybody = optional(session)
    pages, actions = list(_pages(api, anybody)), list(_actions(api, kept, columns, accounts))
    if accounts.has_mail:
        pages += mail_pages(api, accounts, anybody)
        actions += mail_actions(api, accounts)
    policy = accounts.users.policy
    return PageSet(
        folder=Path(__file__).parent,
        pages=tuple(pages),
        actions=tuple(actions),
        facts={
            "columns": columns,
            "has_mail": accounts.has_mail,
            "shortest_password": policy.minimum,
        },
        texts={f"column.{column.name}": column.label for column in columns},
    )


def _check_links(links: Links, prefix: str) -> None:
    if not urlsplit(links.base_url).path.endswith(prefix):
        raise ConfigurationError(
            f"The links that Accounts mails lead to other pages: base_url must end with {prefix}."
        )
    if any(safe_next(path, "") != path or set(path) & set("?#{}") for path in links.paths.values()):
        raise ConfigurationError("Pages needs paths= of Accounts without a query or parameters.")


def _pages(api: Mapping[str, AuthRoute], anybody: Callable[..., Any]) -> tuple[Page, ...]:
    me = api["get_me"]
    return (
        Page(name="register", path="/register", guard=anybody, is_entrance=True),
        Page(name="account", path="", shows=me, in_menu=True),
        Page(name="password", path="/password", shows=me, in_menu=True),
        Page(name="close", path="/close", shows=me),
    )


def _actions(
    api: Mapping[str, AuthRoute],
    kept: tuple[str, ...],
    columns: tuple[ColumnInput, ...],
    accounts: Accounts[Any],
) -> tuple[Action, ...]:
    chosen = {column.name: column.conversions for column in columns}
    changed = {column.name: {**column.conversions, "": column.empty} for column in columns}
    boxes = tuple(column.name for column in columns if column.type == "checkbox")
    registered = (
        Step("verify_email", done="check_mail", is_shown=True)
        if accounts.has_mail
        else Step("login", done="registered", keeps_next=True)
    )
    return (
        Action(
            path="/register",
            operation=api["register"],
            page="register",
            then=registered,
            keeps=kept,
            hidden=("email",),
            conversions=chosen,
            checkboxes=boxes,
        ),
        *(
            Action(
                path="",
                operation=change,
                page="account",
                then=Step("account", done="profile_changed"),
                keeps=kept,
                conversions=changed,
                checkboxes=boxes,
            )
            for change in [api.get("change_me")]
            if change is not None
        ),
        Action(
            path="/password",
            operation=api["change_password"],
            page="password",
            then=Step("account", done="changed_password"),
        ),
        Action(
            path="/close",
            operation=api["close_account"],
            page="close",
            then=Step("login", done="account_closed"),
        ),
    )
