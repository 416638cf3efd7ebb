"""The page of API tokens."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from piccolo_api_fastapi.access.identity import ACCOUNT, Identity
from piccolo_api_fastapi.pages.declared import Action, Page, PageSet, Step, operations_of
from piccolo_api_fastapi.schemes.api_tokens import TokenAuth, token_router
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.users import UserT

LIFETIMES = (7, 30, 90, 365)
"""The lifetimes to choose from, in days, as far as the scheme allows them."""


def token_pages(tokens: TokenAuth[UserT], session: SessionAuth[UserT]) -> PageSet:
    """
    Make the page of API tokens.

    Args:
        tokens: The scheme of the tokens.
        session: The scheme that signs browsers in.
    """
    api = operations_of(token_router(tokens, session))
    new = Step("api_token", is_shown=True)
    return PageSet(
        folder=Path(__file__).parent,
        pages=(
            Page(name="api_tokens", path="/api-tokens", shows=api["list_api_tokens"], in_menu=True),
        ),
        actions=(
            Action(
                path="/api-tokens",
                operation=api["create_api_token"],
                page="api_tokens",
                then=new,
                keeps=("name", "scopes", "expires_at"),
                lists=("scopes",),
            ),
            Action(
                path="/api-tokens/{token_id}/rotate",
                operation=api["rotate_api_token"],
                page="api_tokens",
                then=new,
            ),
            Action(
                path="/api-tokens/{token_id}/revoke",
                operation=api["revoke_api_token"],
                page="api_tokens",
                then=Step("api_tokens", done="token_revoked"),
                is_repeatable=True,
            ),
        ),
        shown=("api_token",),
        facts={"scopes": _scopes, "lifetimes": _lifetimes(tokens)},
    )


def _scopes(caller: Identity[Any] | None) -> list[str]:
    """The scopes that a caller can give to a token, which manages no account."""
    return sorted(caller.scopes - {ACCOUNT}) if caller else []


def _lifetimes(tokens: TokenAuth[Any]) -> Callable[[object], list[tuple[int, str]]]:
    """Make the function that lists lifetimes in days, and when each ends."""
    longest = tokens.lifetimes.expires_in

    def lifetimes(_: object) -> list[tuple[int, str]]:
        now, lengths = tokens.clock(), (timedelta(days=days) for days in LIFETIMES)
        allowed = [length for length in lengths if length < longest]
        return [(length.days, (now + length).isoformat()) for length in allowed]

    return lifetimes
