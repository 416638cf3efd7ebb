"""The router of `POST /register`."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.params import Depends as Dependency
from pydantic import BaseModel

from piccolo_api_fastapi.accounts.schemas import Accepted
from piccolo_api_fastapi.accounts.service import Accounts
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import (
    HasherBusy,
    IdentityTaken,
    TooManyRequests,
    ValueTaken,
    WeakPassword,
)
from piccolo_api_fastapi.mail.delivery import Later

from .shared import Check, before, new_router, taking, to_a_mailbox


@configured
def register_router(
    accounts: Accounts[Any], *, captcha: Check = None, operation_prefix: str | None = None
) -> APIRouter:
    """
    The router of `POST /register`.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import Accounts, register_router

    app = FastAPI()
    app.include_router(register_router(Accounts()), prefix="/auth")
    ```

    With mail, the response is always 202 and the result is sent by mail. Without mail, it is 201,
    or 409 if a value is taken: strangers can find out who has an account.

    Args:
        accounts: The accounts that are made.
        captcha: A `Captcha`, or any dependency that refuses a request.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `accounts`.
    """
    router, limits = new_router(accounts, operation_prefix), accounts.limits
    add = _register_by_mail if accounts.has_mail else _register_at_once
    by_account = limits.register_by_account if accounts.has_mail else None
    checks = before(accounts, limits.register_by_address, captcha, *to_a_mailbox(by_account))
    add(router, accounts, checks)
    return router


def _register_by_mail(
    router: APIRouter, accounts: Accounts[Any], checks: Sequence[Dependency]
) -> None:
    async def register(body: Any, later: Later) -> Accepted:
        """Request an account. The response is the same if the address already has one."""
        values = body.model_dump(include=set(accounts.models.extra), exclude_unset=True)
        password = body.password.get_secret_value()
        account = await accounts.prepare(body.username, body.email, password, values)
        if accounts.active_before_verified:  # who may sign in at once does not wait
            later.add(accounts.register, account)
        else:
            later.add(accounts.mailboxes.send.later, accounts.register, account)
        return Accepted()

    router.add_api_route(
        "/register",
        taking(accounts.models.register, register),
        methods=["POST"],
        operation_id="register",
        summary="Register",
        status_code=202,
        dependencies=checks,
        responses=shared_responses(TooManyRequests, WeakPassword, HasherBusy),
    )


def _register_at_once(
    router: APIRouter, accounts: Accounts[Any], checks: Sequence[Dependency]
) -> None:
    async def register(body: Any) -> BaseModel:
        """Make an account."""
        values = body.model_dump(include=set(accounts.models.extra), exclude_unset=True)
        password = body.password.get_secret_value()
        user = await accounts.register_and_tell(body.username, body.email, password, values)
        return accounts.models.describe(user, email_verified=False)

    router.add_api_route(
        "/register",
        taking(accounts.models.register, register),
        methods=["POST"],
        operation_id="register",
        summary="Register",
        status_code=201,
        dependencies=checks,
        response_model=accounts.models.me,
        responses=shared_responses(
            TooManyRequests, WeakPassword, IdentityTaken, ValueTaken, HasherBusy
        ),
    )
