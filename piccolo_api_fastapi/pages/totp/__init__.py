"""The pages of authenticator apps and recovery codes."""

from pathlib import Path

from piccolo_api_fastapi.login.mfa.totp import TOTP, mfa_router
from piccolo_api_fastapi.pages.declared import Action, Page, PageSet, Step, operations_of
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.users import UserT


def totp_pages(totp: TOTP, session: SessionAuth[UserT]) -> PageSet:
    """
    Make the pages of authenticator apps and recovery codes.

    Args:
        totp: The authenticators.
        session: The scheme that signs browsers in.
    """
    api = operations_of(mfa_router(totp, session))
    state = api["get_mfa"]
    return PageSet(
        folder=Path(__file__).parent,
        pages=(
            Page(name="mfa", path="/mfa", shows=state, in_menu=True),
            Page(name="totp", path="/mfa/totp", shows=state),
            Page(name="new_codes", path="/mfa/recovery-codes", shows=state),
        ),
        actions=(
            Action(
                path="/mfa/totp",
                operation=api["begin_totp"],
                page="totp",
                then=Step("totp_scan", is_shown=True),
            ),
            Action(
                path="/mfa/totp/confirm",
                operation=api["confirm_totp"],
                page="totp_again",
                then=Step("recovery_codes", done="totp_confirmed", is_shown=True),
            ),
            Action(
                path="/mfa/totp/remove",
                operation=api["remove_totp"],
                page="mfa",
                then=Step("mfa", done="totp_removed"),
            ),
            Action(
                path="/mfa/recovery-codes",
                operation=api["replace_recovery_codes"],
                page="new_codes",
                then=Step("recovery_codes", is_shown=True),
            ),
        ),
        shown=("totp_scan", "totp_again", "recovery_codes"),
    )
