"""What the routers of accounts have in common."""

from collections.abc import Callable
from typing import Any, TypeAlias

from fastapi import APIRouter, Depends
from pydantic import BaseModel, SecretStr

from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.accounts.limits import unless_refused
from piccolo_api_fastapi.accounts.service import Accounts
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import (
    HasherBusy,
    InvalidCredentials,
    LoginRefused,
    StepUpRequired,
    TooManyRequests,
)
from piccolo_api_fastapi.rate_limiting import RateLimit

Check: TypeAlias = Callable[..., Any] | None
"""A dependency that may refuse a request, such as a `Captcha`."""

_TAG = tag("accounts", "Register, verify an address, change a password, and close an account.")

PROOF = (InvalidCredentials, StepUpRequired, LoginRefused, TooManyRequests, HasherBusy)
"""The errors of a route that asks for the password or for step-up."""


def new_router(accounts: Accounts[Any], operation_prefix: str | None) -> APIRouter:
    """A router without routes, whose operation ids begin with the name of all schemes."""
    prefix = prefix_of(operation_prefix, *accounts.schemes)
    return AuthRouter(users=accounts.users.table, prefix=prefix, tag=_TAG)


def taking(model: type[BaseModel], endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint whose body is a model that is made together with the router."""
    endpoint.__annotations__["body"] = model
    return endpoint


def before(accounts: Accounts[Any], *checks: Check) -> list[Any]:
    """The dependencies of a route that needs no login: CSRF, rate limits, a CAPTCHA."""
    return [Depends(check) for check in (accounts.csrf, *checks) if check is not None]


def to_a_mailbox(limit: RateLimit | None) -> list[Check]:
    """The limit of mail to one mailbox. Check it last, so that refused requests don't count."""
    return [] if limit is None else [unless_refused(limit)]


def secret_of(text: SecretStr | None) -> str | None:
    """The text of a secret that may be missing."""
    return None if text is None else text.get_secret_value()
