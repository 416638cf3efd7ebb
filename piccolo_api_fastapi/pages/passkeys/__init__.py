"""The pages of passkeys, and their part in the pages to log in and to present a factor again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.mfa.passkeys import Passkeys, passkey_login_router, passkey_router
from piccolo_api_fastapi.login.router import reauthentication_router
from piccolo_api_fastapi.pages.declared import Action, Page, PageSet, Step, operations_of
from piccolo_api_fastapi.pages.entering import after_first_step
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.schemes.sessions.router import session_router
from piccolo_api_fastapi.users import UserT

_PARSED = ("credential",)


def passkey_pages(passkeys: Passkeys, login: Login[UserT], session: SessionAuth[UserT]) -> PageSet:
    """
    Make the pages of passkeys.

    The script of these pages asks for the options of a ceremony as JSON. It sends what the
    browser made or signed by a form.

    Args:
        passkeys: The passkeys.
        login: The login, which knows the passkeys.
        session: The scheme that signs browsers in.

    Raises:
        ConfigurationError: `login` does not know `passkeys`.
    """
    api = operations_of(passkey_login_router(passkeys, login, session))
    api |= operations_of(session_router(session, login))
    api |= operations_of(reauthentication_router(login, session))
    api |= operations_of(passkey_router(passkeys, session))
    mine = api["list_passkeys"]
    return PageSet(
        folder=Path(__file__).parent,
        pages=(
            Page(name="passkeys", path="/passkeys", shows=mine, in_menu=True),
            Page(name="passkey", path="/passkeys/edit", shows=mine, reads=("id",)),
        ),
        actions=(*_ways_in(api), *_changes(api)),
        for_scripts=(
            api["begin_login_passkey"],
            api["begin_login_credential"],
            api["begin_reauthentication"],
            api["begin_passkey"],
        ),
        shown=("passkey_codes",),
        facts={"rp_id": passkeys.party.id},
    )


def _ways_in(api: Mapping[str, AuthRoute]) -> tuple[Action, ...]:
    """The forms that present a passkey."""
    return (
        Action(
            path="/login/passkey",
            operation=api["log_in_passkey"],
            page="login",
            then=after_first_step,
            keeps=("_credential_id",),
            parsed=_PARSED,
            error_texts="passkeys",
        ),
        Action(
            path="/login/mfa/passkey",
            operation=api["log_in_mfa"],
            page="login_mfa",
            hidden=("challenge", "_methods"),
            parsed=_PARSED,
            # What was signed is sent once, so that a challenge is used up even if it was wrong.
            error_pages={"invalid_ticket": "login", "invalid_code": "login"},
            error_texts="passkeys",
        ),
        Action(
            path="/reauthenticate/passkey",
            operation=api["reauthenticate"],
            page="reauthenticate",
            hidden=("_acr",),
            parsed=_PARSED,
            error_texts="passkeys",
        ),
    )


def _changes(api: Mapping[str, AuthRoute]) -> tuple[Action, ...]:
    """The forms that change which passkeys there are."""
    return (
        Action(
            path="/passkeys",
            operation=api["add_passkey"],
            page="passkeys",
            then=_after_adding,
            keeps=("name",),
            parsed=_PARSED,
        ),
        Action(
            path="/passkeys/{passkey_id}/rename",
            operation=api["rename_passkey"],
            page="passkey",
            then=Step("passkeys", done="passkey_renamed"),
            keeps=("_id", "name"),
        ),
        Action(
            path="/passkeys/{passkey_id}/remove",
            operation=api["remove_passkey"],
            page="passkey",
            then=Step("passkeys", done="passkey_removed"),
            keeps=("_id",),
            is_repeatable=True,
        ),
    )


def _after_adding(answer: Mapping[str, Any]) -> Step:
    if answer["recovery_codes"]:
        return Step("passkey_codes", done="passkey_added", is_shown=True)
    return Step("passkeys", done="passkey_added", keeps_next=True)
