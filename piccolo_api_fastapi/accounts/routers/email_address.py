"""The routers that verify an address, and change it."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.accounts.schemas import (
    Accepted,
    ChangeEmailIn,
    EmailIn,
    EmailVerified,
    TokenIn,
    VerifyEmailIn,
)
from piccolo_api_fastapi.accounts.service import Accounts
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import (
    HasherBusy,
    IdentityTaken,
    InvalidTicket,
    SessionEnded,
    TooManyRequests,
)
from piccolo_api_fastapi.mail.delivery import Later

from .shared import PROOF, before, new_router, secret_of, to_a_mailbox


@configured
def verify_email_router(
    accounts: Accounts[Any], *, operation_prefix: str | None = None
) -> APIRouter:
    """
    The router of `POST /verify-email/request` and `POST /verify-email`.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import Accounts, verify_email_router
    from piccolo_api_fastapi.mail import ConsoleMail

    app = FastAPI()
    accounts = Accounts(mail=ConsoleMail(), base_url="http://localhost:8000")
    app.include_router(verify_email_router(accounts), prefix="/auth")
    ```

    Args:
        accounts: The accounts whose addresses are verified.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `accounts`.

    Raises:
        ConfigurationError: `accounts` has no mail.
    """
    router = new_router(accounts, operation_prefix)
    _add_verification_request(router, accounts)
    _add_verification(router, accounts)
    return router


def _add_verification_request(router: APIRouter, accounts: Accounts[Any]) -> None:
    verification, limits = accounts.mailboxes.verification, accounts.limits

    @router.post(
        "/verify-email/request",
        operation_id="request_email_verification",
        summary="Send the link and the code again",
        status_code=202,
        dependencies=before(
            accounts, limits.mail_by_address, *to_a_mailbox(limits.mail_by_account)
        ),
        responses=shared_responses(TooManyRequests, HasherBusy),
    )
    async def request_email_verification(body: EmailIn, later: Later) -> Accepted:
        """The response is the same if the address is unknown, or verified already."""
        address = await accounts.accept(body.email)
        code = await verification.new_code()
        later.add(accounts.mailboxes.send.later, verification.request, address, code)
        return Accepted()


def _add_verification(router: APIRouter, accounts: Accounts[Any]) -> None:
    verification, limits = accounts.mailboxes.verification, accounts.limits

    @router.post(
        "/verify-email",
        operation_id="verify_email",
        summary="Verify an address",
        dependencies=before(accounts, limits.verify_by_address, limits.verify_by_account),
        responses=shared_responses(InvalidTicket, SessionEnded, HasherBusy, TooManyRequests),
    )
    async def verify_email(
        body: VerifyEmailIn,
        later: Later,
        caller: Annotated[Identity[Any] | None, Depends(accounts.caller)],
        request: Request,
        response: Response,
    ) -> EmailVerified:
        """Send the secret of the link, or the address and the code."""
        verified = await body.verify(verification, accounts.spared(caller, request, response))
        if not verified.needs_password:
            return EmailVerified()
        later.add(accounts.send_reset, verified.user)
        return EmailVerified(status="choose_password")


@configured
def change_email_router(
    accounts: Accounts[Any], *, operation_prefix: str | None = None
) -> APIRouter:
    """
    The router of `POST /change-email`, `POST /change-email/confirm` and
    `POST /change-email/undo`.

    ```python
    from fastapi import FastAPI

    from piccolo_api_fastapi import Accounts, SessionAuth, change_email_router
    from piccolo_api_fastapi.mail import ConsoleMail

    app = FastAPI()
    accounts = Accounts(
        mail=ConsoleMail(), base_url="http://localhost:8000", schemes=[SessionAuth()]
    )
    app.include_router(change_email_router(accounts), prefix="/auth")
    ```

    Args:
        accounts: The accounts whose addresses change.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `accounts`.

    Raises:
        ConfigurationError: `accounts` has no mail or no schemes.
    """
    router = new_router(accounts, operation_prefix)
    _add_change(router, accounts)
    _add_confirmation(router, accounts)
    _add_undo(router, accounts)
    return router


def _add_change(router: APIRouter, accounts: Accounts[Any]) -> None:
    change, guard = accounts.mailboxes.change, accounts.guard

    @router.post(
        "/change-email",
        operation_id="change_email",
        summary="Change my e-mail address",
        status_code=202,
        responses=shared_responses(*PROOF),
    )
    async def change_email(
        body: ChangeEmailIn,
        later: Later,
        caller: Annotated[Identity[Any], Depends(guard.identity)],
        request: Request,
    ) -> Accepted:
        """The present address stays until the new one is confirmed, and receives a notice."""
        current = secret_of(body.current_password)
        address = await accounts.accept_change(caller, current, body.email, request)
        later.add(change.request, caller.user, address, partial(guard.identify_again, request))
        return Accepted()


def _add_confirmation(router: APIRouter, accounts: Accounts[Any]) -> None:
    mailboxes = accounts.mailboxes

    @router.post(
        "/change-email/confirm",
        operation_id="confirm_email_change",
        summary="Confirm my new e-mail address",
        status_code=204,
        dependencies=before(accounts, accounts.limits.verify_by_address),
        responses=shared_responses(InvalidTicket, SessionEnded, IdentityTaken, TooManyRequests),
    )
    async def confirm_email_change(
        body: TokenIn,
        later: Later,
        caller: Annotated[Identity[Any] | None, Depends(accounts.caller)],
        request: Request,
        response: Response,
    ) -> None:
        """Send the secret of the link. All other sessions of the user are signed out."""
        spared = accounts.spared(caller, request, response)
        notice = await mailboxes.change.confirm(body.token.get_secret_value(), spared)
        if notice is not None:
            later.add(mailboxes.send.send_kept, notice)


def _add_undo(router: APIRouter, accounts: Accounts[Any]) -> None:
    change = accounts.mailboxes.change

    @router.post(
        "/change-email/undo",
        operation_id="undo_email_change",
        summary="Take my account back",
        status_code=204,
        dependencies=before(accounts, accounts.limits.verify_by_address),
        responses=shared_responses(InvalidTicket, IdentityTaken, TooManyRequests),
    )
    async def undo_email_change(body: TokenIn, later: Later) -> None:
        """Restore the address, sign out all sessions, and send a link for a new password."""
        user = await change.undo(body.token.get_secret_value())
        if user.active:
            later.add(accounts.send_reset, user)
