"""`accounts_router`: all routes of accounts."""

from typing import Any

from fastapi import APIRouter

from piccolo_api_fastapi.core.configuration import configured

from .routers import (
    change_email_router,
    change_password_router,
    me_router,
    register_router,
    reset_password_router,
    verify_email_router,
)
from .routers.shared import Check
from .service import Accounts


@configured
def accounts_router(
    accounts: Accounts[Any], *, captcha: Check = None, operation_prefix: str | None = None
) -> APIRouter:
    """
    The routes of all six routers that the configuration of `accounts` allows.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import Accounts, SessionAuth, accounts_router

    app = FastAPI()
    accounts = Accounts(schemes=[SessionAuth()])
    app.include_router(accounts_router(accounts), prefix="/auth")
    ```

    Args:
        accounts: The accounts that the routes serve.
        captcha: A `Captcha`, or any dependency that refuses a request, checked before a
            registration and before a link for a new password is sent.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `accounts`.
    """
    router, named = APIRouter(), {"operation_prefix": operation_prefix}
    router.include_router(register_router(accounts, captcha=captcha, **named))
    if accounts.has_mail:
        router.include_router(verify_email_router(accounts, **named))
        router.include_router(reset_password_router(accounts, captcha=captcha, **named))
    if accounts.schemes:
        router.include_router(change_password_router(accounts, **named))
        router.include_router(me_router(accounts, **named))
    if accounts.has_mail and accounts.schemes:
        router.include_router(change_email_router(accounts, **named))
    return router
