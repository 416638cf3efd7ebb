"""The pages to log in by a link or a code that is sent by mail."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from piccolo_api_fastapi.access.optional_user import optional
from piccolo_api_fastapi.accounts.email_login import EmailLogin, email_login_router
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.pages.declared import Action, Page, PageSet, Step, operations_of
from piccolo_api_fastapi.pages.entering import after_first_step
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.users import UserT

_CODE = "email_login_code"


def email_login_pages(
    email_login: EmailLogin[UserT],
    login: Login[UserT],
    session: SessionAuth[UserT],
    *,
    captcha: Any = None,
) -> PageSet:
    """
    Make the pages to log in by e-mail.

    The page that a link opens does nothing by itself, since scanners of mail open links too.

    Args:
        email_login: Sends and accepts links and codes.
        login: The login that follows.
        session: The scheme that signs browsers in.
        captcha: The CAPTCHA of the form that sends mail.
    """
    api = operations_of(email_login_router(email_login, login, session, captcha=captcha))
    links, anybody = email_login.accounts.mailboxes.links, optional(session)
    of_link = links.paths["login"]
    return PageSet(
        folder=Path(__file__).parent,
        pages=(
            Page(name="email_login", path="/login/email", guard=anybody, is_entrance=True),
            Page(name=_CODE, path="/login/email/code", guard=anybody, is_entrance=True),
            # Without a guard: a session that has ended would lead away from the link.
            Page(name="email_login_link", path=of_link, takes_link=links.style == "query"),
        ),
        actions=(
            Action(
                path="/login/email",
                operation=api["request_login_by_email"],
                page="email_login",
                then=Step(_CODE, done="login_mailed", is_shown=True),
                keeps=("email",),
                hidden=("email",),
            ),
            Action(
                path="/login/email/code",
                operation=api["log_in_by_email_code"],
                page=_CODE,
                then=after_first_step,
                keeps=("email",),
            ),
            Action(
                path=of_link,
                operation=api["log_in_by_email_link"],
                page="email_login_link",
                then=_after_link,
                hidden=("token",),
                error_pages={"invalid_ticket": "email_login"},
            ),
        ),
        shown=("email_login_elsewhere",),
    )


def _after_link(answer: Mapping[str, Any]) -> Step:
    if answer["status"] == "confirm_code":
        return Step("email_login_elsewhere", is_shown=True)
    return after_first_step(answer)
