"""The pages to log in and out, to present a factor again, and to end sessions."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.optional_user import optional
from piccolo_api_fastapi.access.person_only import in_person
from piccolo_api_fastapi.access.step_up import MULTI_FACTOR, acr
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.mfa.second_factor import SecondFactor
from piccolo_api_fastapi.login.router import reauthentication_router
from piccolo_api_fastapi.pages.declared import Action, Page, PageSet, Step, operations_of
from piccolo_api_fastapi.pages.entering import after_first_step
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.schemes.sessions.router import session_router
from piccolo_api_fastapi.users import UserT


def session_pages(
    session: SessionAuth[UserT], login: Login[UserT], *, captcha: Any = None
) -> PageSet:
    """
    Make the pages to log in and out, to present a factor again, and to end sessions.

    Args:
        session: The scheme.
        login: The login.
        captcha: The CAPTCHA of the log-in.
    """
    api = operations_of(session_router(session, login, captcha=captcha))
    api |= operations_of(reauthentication_router(login, session))
    person = in_person(session, enrolling=True)
    return PageSet(
        folder=Path(__file__).parent,
        pages=(
            Page(name="login", path="/login", guard=optional(session), is_entrance=True),
            Page(name="logout", path="/logout"),
            Page(name="sessions", path="/sessions", shows=api["list_sessions"], in_menu=True),
            Page(name="reauthenticate", path="/reauthenticate", guard=person, reads=("acr",)),
        ),
        actions=(
            Action(
                path="/login",
                operation=api["log_in"],
                page="login",
                then=after_first_step,
                keeps=("username",),
            ),
            *(_second_step(api) if login.factors else ()),
            Action(
                path="/logout",
                operation=api["log_out"],
                page="logout",
                then=Step("login", done="logged_out"),
            ),
            Action(
                path="/sessions/{session_id}/end",
                operation=api["end_session"],
                page="sessions",
                then=Step("sessions", done="session_ended"),
                is_repeatable=True,
            ),
            Action(
                path="/sessions/end-others",
                operation=api["end_other_sessions"],
                page="sessions",
                query=("everything",),
                then=Step("sessions", done="others_ended"),
            ),
            Action(
                path="/reauthenticate",
                operation=api["reauthenticate"],
                page="reauthenticate",
                hidden=("_acr",),
            ),
        ),
        shown=("login_mfa",),
        facts={
            "asks_code": _has_second_factor,
            "factors": [one.name for one in _every(login)],
            "signing": [one.name for one in _every(login) if one.signs_challenge],
            "sends_code": [one.name for one in _every(login) if one.sends_code],
        },
        texts=_names(login),
    )


def _second_step(api: Mapping[str, AuthRoute]) -> tuple[Action, ...]:
    hidden, error_pages = ("challenge", "_methods"), {"invalid_ticket": "login"}
    return (
        Action(
            path="/login/mfa",
            operation=api["log_in_mfa"],
            page="login_mfa",
            keeps=("method",),
            hidden=hidden,
            error_pages=error_pages,
        ),
        Action(
            path="/login/mfa/send",
            operation=api["send_login_code"],
            page="login_mfa",
            then=Step("login_mfa", done="code_sent", is_shown=True),
            keeps=("method",),
            hidden=hidden,
            error_pages=error_pages,
        ),
    )


def _has_second_factor(caller: Identity[Any] | None) -> bool:
    """Whether a caller logged in, or enrolled since, with a second factor that can be asked for."""
    return caller is not None and acr(caller.factors) == MULTI_FACTOR


def _names(login: Login[Any]) -> dict[str, str]:
    """The texts of factors that the package does not know."""
    names = {one.name: one.name.replace("_", " ").capitalize() for one in _every(login)}
    labels = {f"factor.{name}": label for name, label in names.items()}
    labels |= {f"hint.{name}": f"The code of: {label}" for name, label in names.items()}
    return labels | {f"send.{name}": f"Send me a code: {label}" for name, label in names.items()}


def _every(login: Login[Any]) -> Iterator[SecondFactor]:
    for factor in login.factors:
        yield from (factor, *factor.companions)
