"""The pages that need mail: to verify an address, to change it, and to reset a password."""

from collections.abc import Callable, Mapping
from typing import Any

from piccolo_api_fastapi.accounts import Accounts
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.pages.declared import Action, Page, Step

_LOGIN = "login"


def mail_pages(
    api: Mapping[str, AuthRoute], accounts: Accounts[Any], anybody: Callable[..., Any]
) -> tuple[Page, ...]:
    """
    Make the pages. Those that links open are where the links lead.

    Args:
        api: The operations of accounts.
        accounts: The accounts.
        anybody: The guard of pages that are for everybody, which finds who is signed in.
    """
    links = accounts.mailboxes.links
    paths, by_query = links.paths, links.style == "query"
    return (
        Page(name="verify_email", path=paths["verify"], guard=anybody, takes_link=by_query),
        Page(name="forgot_password", path="/forgot-password"),
        Page(name="reset_password", path=paths["reset"], takes_link=by_query),
        Page(name="email", path="/email", shows=api["get_me"], in_menu=True),
        Page(name="confirm_email", path=paths["change"], guard=anybody, takes_link=by_query),
        Page(name="undo_email", path=paths["undo"], takes_link=by_query),
    )


def mail_actions(api: Mapping[str, AuthRoute], accounts: Accounts[Any]) -> tuple[Action, ...]:
    """
    Make the forms.

    Args:
        api: The operations of accounts.
        accounts: The accounts.
    """
    paths = accounts.mailboxes.links.paths
    return (
        *_verification(api, paths),
        *_reset(api, paths),
        Action(
            path="/email",
            operation=api["change_email"],
            page="email",
            then=Step("email", done="confirm_address"),
            keeps=("email",),
        ),
        Action(
            path=paths["change"],
            operation=api["confirm_email_change"],
            page="confirm_email",
            hidden=("token",),
            then=Step("account", done="changed_email"),
        ),
        Action(
            path=paths["undo"],
            operation=api["undo_email_change"],
            page="undo_email",
            hidden=("token",),
            then=Step(_LOGIN, done="undone_email"),
        ),
    )


def _verification(api: Mapping[str, AuthRoute], paths: Mapping[str, str]) -> tuple[Action, ...]:
    def verified(answer: Mapping[str, Any]) -> Step:
        must_choose = answer["status"] == "choose_password"
        return Step(_LOGIN, done="choose_password" if must_choose else "verified", keeps_next=True)

    return (
        Action(
            path=paths["verify"],
            operation=api["verify_email"],
            page="verify_email",
            then=verified,
            keeps=("email",),
            hidden=("token",),
        ),
        Action(
            path=f"{paths['verify']}/request",
            operation=api["request_email_verification"],
            page="verify_email",
            then=Step("verify_email", done="check_mail", is_shown=True),
            keeps=("email",),
            hidden=("email",),
        ),
    )


def _reset(api: Mapping[str, AuthRoute], paths: Mapping[str, str]) -> tuple[Action, ...]:
    return (
        Action(
            path="/forgot-password",
            operation=api["forgot_password"],
            page="forgot_password",
            then=Step("forgot_password", done="reset_sent"),
            keeps=("email",),
        ),
        Action(
            path=paths["reset"],
            operation=api["reset_password"],
            page="reset_password",
            then=Step(_LOGIN, done="reset_password"),
            hidden=("token",),
            error_pages={"invalid_ticket": "forgot_password"},
        ),
    )
