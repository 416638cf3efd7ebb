"""The pages of log-ins with providers: buttons, linked accounts, and where providers lead back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from piccolo_api_fastapi.access.person_only import in_person
from piccolo_api_fastapi.accounts.social import SocialLogin, oauth_router
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import ConfigurationError, Unprocessable
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.pages.declared import Action, Page, PageSet, Step, operations_of
from piccolo_api_fastapi.schemes.jwt import JWTAuth
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.users import UserT

from .presenting import CALLBACK, presents_callback, presents_confirmation

_LINKED = "linked_accounts"


def social_pages(
    social: SocialLogin[UserT], login: Login[UserT], session: SessionAuth[UserT], prefix: str
) -> PageSet:
    """
    Make the pages of log-ins with providers. Providers lead back to a page of this set.

    Args:
        social: The log-ins with providers.
        login: The login that follows.
        session: The scheme that signs browsers in.
        prefix: The path of the pages.

    Raises:
        ConfigurationError: `social` has a page of errors below the prefix, where there is none.
    """
    if f"{prefix}/" in social.paths.get("error", ""):
        raise ConfigurationError(
            "Pages show the errors of log-ins with providers themselves: leave out `error` in "
            "SocialLogin(paths=…)."
        )
    api = operations_of(oauth_router(social, login, session, jwt=_apps(social)))
    begin = _begin(api, social)
    return PageSet(
        folder=Path(__file__).parent,
        pages=(
            Page(
                name=_LINKED,
                path="/linked-accounts",
                shows=api["list_oauth_accounts"],
                in_menu=True,
            ),
            Page(
                name="confirm_link",
                path="/linked-accounts/confirm",
                guard=in_person(session),
                presents=presents_confirmation(social),
            ),
            _callback(api, social, begin),
        ),
        actions=(begin, *_changes(api, social)),
        for_scripts=(api["complete_oauth_form"],),
        shown=("oauth_begun",),
        facts={"providers": {one.name: one.title for one in social.providers.values()}},
    )


def _apps(social: SocialLogin[Any]) -> JWTAuth[Any] | None:
    """The scheme of the apps that log in with providers as well, if there are any."""
    if not social.apps:
        return None
    return next((one for one in social.accounts.schemes if isinstance(one, JWTAuth)), None)


def _callback(api: Mapping[str, AuthRoute], social: SocialLogin[Any], begin: Action) -> Page:
    complete = api["complete_oauth"]
    return Page(
        name=CALLBACK,
        path=complete.path,
        shows=complete,
        is_callback=True,
        presents=presents_callback(social, begin),
    )


def _begin(api: Mapping[str, AuthRoute], social: SocialLogin[Any]) -> Action:
    return Action(
        path="/login/oauth/{provider}",
        operation=api["begin_oauth"],
        page="login",
        then=Step("oauth_begun", is_shown=True),
        next_for=_next_for(social),
        error_texts=CALLBACK,
    )


def _changes(api: Mapping[str, AuthRoute], social: SocialLogin[Any]) -> tuple[Action, ...]:
    """The forms that change which accounts are linked."""
    return (
        Action(
            path="/linked-accounts/{provider}/link",
            operation=api["link_oauth_account"],
            page=_LINKED,
            then=Step("oauth_begun", is_shown=True),
            next_for=_next_for(social),
        ),
        Action(
            path="/linked-accounts/confirm",
            operation=api["confirm_oauth_account"],
            page="confirm_link",
            then=Step(_LINKED, done="oauth_linked"),
        ),
        Action(
            path="/linked-accounts/{account_id}/unlink",
            operation=api["unlink_oauth_account"],
            page=_LINKED,
            then=Step(_LINKED, done="oauth_unlinked"),
            is_repeatable=True,
        ),
    )


def _next_for(social: SocialLogin[Any]) -> Callable[[str], str | None]:
    """
    Make the function that turns an address of the pages into one that `SocialLogin` accepts.

    A fragment is left out. What has no such form, such as a URL of another origin, becomes the
    default of `SocialLogin`.
    """

    def next_for(wanted: str) -> str | None:
        try:
            return social.next_path(quote(wanted.partition("#")[0], safe="/?%!$&'()*+,;=:~"))
        except Unprocessable:
            return None

    return next_for
