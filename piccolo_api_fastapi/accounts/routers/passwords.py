"""The routers that reset a forgotten password, and change a known one."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.accounts.schemas import (
    Accepted,
    ChangePasswordIn,
    EmailIn,
    ResetPasswordIn,
)
from piccolo_api_fastapi.accounts.service import Accounts
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    HasherBusy,
    InvalidTicket,
    TooManyRequests,
    WeakPassword,
)
from piccolo_api_fastapi.mail.delivery import Later

from .shared import (
    PROOF,
    Check,
    before,
    new_router,
    secret_of,
    to_a_mailbox,
)


@configured
def reset_password_router(
    accounts: Accounts[Any], *, captcha: Check = None, operation_prefix: str | None = None
) -> APIRouter:
    """
    The router of `POST /forgot-password` and `POST /reset-password`.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import Accounts, reset_password_router
    from piccolo_api_fastapi.mail import ConsoleMail

    app = FastAPI()
    accounts = Accounts(mail=ConsoleMail(), base_url="http://localhost:8000")
    app.include_router(reset_password_router(accounts), prefix="/auth")
    ```

    Args:
        accounts: The accounts whose passwords are reset.
        captcha: A `Captcha`, or any dependency that refuses a request, checked before a link is
            sent.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `accounts`.

    Raises:
        ConfigurationError: `accounts` has no mail.
    """
    if not accounts.has_mail:
        raise ConfigurationError("reset_password_router needs Accounts(mail=…, base_url=…).")
    router = new_router(accounts, operation_prefix)
    _add_request(router, accounts, captcha)
    _add_reset(router, accounts)
    return router


def _add_request(router: APIRouter, accounts: Accounts[Any], captcha: Check) -> None:
    limits = accounts.limits
    by_account = to_a_mailbox(limits.reset_by_account)

    @router.post(
        "/forgot-password",
        operation_id="forgot_password",
        summary="Request a link for a new password",
        status_code=202,
        dependencies=before(accounts, limits.mail_by_address, captcha, *by_account),
        responses=shared_responses(TooManyRequests),
    )
    async def forgot_password(body: EmailIn, later: Later) -> Accepted:
        """The response is the same if the address is unknown."""
        address = await accounts.accept(body.email)
        later.add(accounts.mailboxes.send.later, accounts.request_reset, address)
        return Accepted()


def _add_reset(router: APIRouter, accounts: Accounts[Any]) -> None:
    @router.post(
        "/reset-password",
        operation_id="reset_password",
        summary="Set a new password",
        status_code=204,
        dependencies=before(accounts, accounts.limits.verify_by_address),
        responses=shared_responses(InvalidTicket, TooManyRequests, WeakPassword, HasherBusy),
    )
    async def reset_password(
        body: ResetPasswordIn, later: Later, request: Request, response: Response
    ) -> None:
        """Use the link. All sessions are signed out; sign in with the new password."""
        password = body.password.get_secret_value()
        user = await accounts.reset_password(body.token.get_secret_value(), password)
        # Otherwise a flood of wrong passwords could keep the owner out after the reset, too.
        await accounts.login.remember(user, request, response)
        later.add(accounts.send_owed, user)


@configured
def change_password_router(
    accounts: Accounts[Any], *, operation_prefix: str | None = None
) -> APIRouter:
    """
    The router of `POST /change-password`.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import Accounts, SessionAuth, change_password_router

    app = FastAPI()
    accounts = Accounts(schemes=[SessionAuth()])
    app.include_router(change_password_router(accounts), prefix="/auth")
    ```

    Args:
        accounts: The accounts whose passwords change.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `accounts`.

    Raises:
        ConfigurationError: `accounts` has no schemes.
    """
    router, identity = new_router(accounts, operation_prefix), accounts.guard.identity

    @router.post(
        "/change-password",
        operation_id="change_password",
        summary="Change my password",
        status_code=204,
        responses=shared_responses(*PROOF, WeakPassword),
    )
    async def change_password(
        body: ChangePasswordIn,
        later: Later,
        caller: Annotated[Identity[Any], Depends(identity)],
        request: Request,
        response: Response,
    ) -> None:
        """All other sessions of the user are signed out."""
        current, new = secret_of(body.current_password), body.new_password.get_secret_value()
        try:
            await accounts.change_password(caller, current, new, request, response)
        except WeakPassword as weak:
            errors = [replace(error, loc=("body", "new_password")) for error in weak.errors]
            raise WeakPassword(errors) from None
        later.add(accounts.send_owed, caller.user)

    return router
