"""Routes to register, verify, reset, change and close."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response
from fastapi.params import Depends as Dependency
from pydantic import BaseModel, SecretStr

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.problems import responses
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import (
    FieldError,
    HasherBusy,
    IdentityTaken,
    InvalidCredentials,
    InvalidTicket,
    LoginRefused,
    SessionEnded,
    StepUpRequired,
    TooManyRequests,
    Unprocessable,
    ValueTaken,
    WeakPassword,
)
from piccolo_api_fastapi.mail.delivery import quietly
from piccolo_api_fastapi.mail.messages import AccountClosed, PasswordChanged
from piccolo_api_fastapi.rate_limiting import RateLimit

from .limits import unless_refused
from .schemas import (
    Accepted,
    ChangeEmailIn,
    ChangePasswordIn,
    CloseAccountIn,
    EmailIn,
    EmailVerified,
    ResetPasswordIn,
    TokenIn,
    VerifyEmailIn,
)
from .service import Accounts

Captcha: TypeAlias = Callable[..., Any] | None

_PROOF = (InvalidCredentials, StepUpRequired, LoginRefused, TooManyRequests, HasherBusy)


def accounts_router(accounts: Accounts[Any], *, captcha: Captcha = None) -> APIRouter:
    """
    All routes that the configuration allows: those of the six routers.

    Args:
        accounts: What they do.
        captcha: A `Captcha`, or any dependency that refuses, asked before a registration and
            before a link for a new password is sent.
    """
    router = APIRouter()
    router.include_router(register_router(accounts, captcha=captcha))
    if accounts.has_mail:
        router.include_router(verify_email_router(accounts))
        router.include_router(reset_password_router(accounts, captcha=captcha))
    if accounts.schemes:
        router.include_router(change_password_router(accounts))
        router.include_router(me_router(accounts))
    if accounts.has_mail and accounts.schemes:
        router.include_router(change_email_router(accounts))
    return router


def register_router(accounts: Accounts[Any], *, captcha: Captcha = None) -> APIRouter:
    """
    `POST /register`.

    With mail the answer is always 202, and mail tells what came of it. Without, it is 201, or 409
    for what is taken: strangers can find out who has an account.

    Args:
        accounts: What it does.
        captcha: A `Captcha`, or any dependency that refuses.
    """
    router = _router()
    add = _register_by_mail if accounts.has_mail else _register_at_once
    limits = accounts.limits
    by_account = limits.register_by_account if accounts.has_mail else None
    before = _before(accounts, limits.register_by_address, captcha, *_to_a_mailbox(by_account))
    add(router, accounts, before, _errors_of(captcha))
    return router


def _register_by_mail(
    router: APIRouter, accounts: Accounts[Any], before: Sequence[Dependency], errors: Any
) -> None:
    async def register(body: Any, background: BackgroundTasks) -> Accepted:
        """Ask for an account. The answer is the same for an address that has one."""
        values = body.model_dump(include=set(accounts.models.extra), exclude_unset=True)
        password = body.password.get_secret_value()
        asked = await accounts.prepare(body.username, body.email, password, values)
        background.add_task(quietly, accounts.register, asked)
        return Accepted()

    router.add_api_route(
        "/register",
        _taking(accounts.models.register, register),
        methods=["POST"],
        operation_id="register",
        summary="Register",
        status_code=202,
        dependencies=before,
        responses=responses(*errors, TooManyRequests, WeakPassword, HasherBusy),
    )


def _register_at_once(
    router: APIRouter, accounts: Accounts[Any], before: Sequence[Dependency], errors: Any
) -> None:
    async def register(body: Any) -> BaseModel:
        """Make an account."""
        values = body.model_dump(include=set(accounts.models.extra), exclude_unset=True)
        password = body.password.get_secret_value()
        user = await accounts.register_and_tell(body.username, body.email, password, values)
        return accounts.models.describe(user, email_verified=False)

    router.add_api_route(
        "/register",
        _taking(accounts.models.register, register),
        methods=["POST"],
        operation_id="register",
        summary="Register",
        status_code=201,
        dependencies=before,
        response_model=accounts.models.me,
        responses=responses(
            *errors, TooManyRequests, WeakPassword, IdentityTaken, ValueTaken, HasherBusy
        ),
    )


def _taking(model: type[BaseModel], endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint whose body is a model that is known when the router is made."""
    endpoint.__annotations__["body"] = model
    return endpoint


def verify_email_router(accounts: Accounts[Any]) -> APIRouter:
    """
    `POST /verify-email/request`, `POST /verify-email`.

    Args:
        accounts: What they do.

    Raises:
        ConfigurationError: There is no mail.
    """
    router, mailboxes, limits = _router(), accounts.mailboxes, accounts.limits

    @router.post(
        "/verify-email/request",
        operation_id="request_email_verification",
        summary="Send the link and the code again",
        status_code=202,
        dependencies=_before(
            accounts, limits.mail_by_address, *_to_a_mailbox(limits.mail_by_account)
        ),
        responses=responses(TooManyRequests),
    )
    async def request_email_verification(body: EmailIn, background: BackgroundTasks) -> Accepted:
        """The answer is the same for an address that is unknown, or verified already."""
        address = await accounts.accept(body.email)
        background.add_task(quietly, mailboxes.request_verification, address)
        return Accepted()

    @router.post(
        "/verify-email",
        operation_id="verify_email",
        summary="Verify an address",
        dependencies=_before(accounts, limits.verify_by_address, limits.verify_by_account),
        responses=responses(InvalidTicket, SessionEnded, HasherBusy, TooManyRequests),
    )
    async def verify_email(
        body: VerifyEmailIn,
        background: BackgroundTasks,
        caller: Annotated[Identity[Any] | None, Depends(accounts.caller)],
        request: Request,
        response: Response,
    ) -> EmailVerified:
        """By the secret of the link, or by the address and the code."""
        spared = accounts.spared(caller, request, response)
        if body.token is not None and body.email is None and body.code is None:
            token = body.token.get_secret_value()
            verified = await mailboxes.verify_by_link(token, spared)
        elif body.token is None and body.email is not None and body.code is not None:
            code = body.code.get_secret_value()
            verified = await mailboxes.verify_by_code(body.email, code, spared)
        else:
            raise Unprocessable([FieldError(("body",), "A token, or email and code.", "missing")])
        if not verified.needs_password:
            return EmailVerified()
        background.add_task(quietly, accounts.send_reset, verified.user)
        return EmailVerified(status="choose_password")

    return router


def reset_password_router(accounts: Accounts[Any], *, captcha: Captcha = None) -> APIRouter:
    """
    `POST /forgot-password`, `POST /reset-password`.

    Args:
        accounts: What they do.
        captcha: A `Captcha`, or any dependency that refuses, asked before a link is sent.

    Raises:
        ConfigurationError: There is no mail.
    """
    router, _, limits = _router(), accounts.mailboxes, accounts.limits
    by_account = _to_a_mailbox(limits.reset_by_account)

    @router.post(
        "/forgot-password",
        operation_id="forgot_password",
        summary="Ask for a link to a new password",
        status_code=202,
        dependencies=_before(accounts, limits.mail_by_address, captcha, *by_account),
        responses=responses(TooManyRequests),
    )
    async def forgot_password(body: EmailIn, background: BackgroundTasks) -> Accepted:
        """The answer is the same for an address that is unknown."""
        address = await accounts.accept(body.email)
        background.add_task(quietly, accounts.request_reset, address)
        return Accepted()

    @router.post(
        "/reset-password",
        operation_id="reset_password",
        summary="Set a new password",
        status_code=204,
        dependencies=_before(accounts, limits.verify_by_address),
        responses=responses(InvalidTicket, TooManyRequests, WeakPassword, HasherBusy),
    )
    async def reset_password(
        body: ResetPasswordIn, background: BackgroundTasks, request: Request, response: Response
    ) -> None:
        """Use the link up. Everybody is signed out; log in with the new password."""
        password = body.password.get_secret_value()
        user = await accounts.reset_password(body.token.get_secret_value(), password)
        # So that whoever floods the account can't keep its owner out after this either.
        await accounts.login.remember(user, request, response)
        background.add_task(quietly, accounts.tell, PasswordChanged, user)

    return router


def change_password_router(accounts: Accounts[Any]) -> APIRouter:
    """
    `POST /change-password`.

    Args:
        accounts: What it does.

    Raises:
        ConfigurationError: There are no schemes.
    """
    router, identity = _router(), accounts.guard.identity

    @router.post(
        "/change-password",
        operation_id="change_password",
        summary="Change my password",
        status_code=204,
        responses=responses(*_PROOF, WeakPassword),
    )
    async def change_password(
        body: ChangePasswordIn,
        background: BackgroundTasks,
        caller: Annotated[Identity[Any], Depends(identity)],
        request: Request,
        response: Response,
    ) -> None:
        """Everybody else who is signed in with this account is signed out."""
        current, new = _secret(body.current_password), body.new_password.get_secret_value()
        await accounts.change_password(caller, current, new, request, response)
        background.add_task(quietly, accounts.tell, PasswordChanged, caller.user)

    return router


def change_email_router(accounts: Accounts[Any]) -> APIRouter:
    """
    `POST /change-email`, `POST /change-email/confirm`, `POST /change-email/undo`.

    Args:
        accounts: What they do.

    Raises:
        ConfigurationError: There is no mail, or there are no schemes.
    """
    router = _router()
    mailboxes, identity, limits = accounts.mailboxes, accounts.guard.identity, accounts.limits

    @router.post(
        "/change-email",
        operation_id="change_email",
        summary="Change my e-mail address",
        status_code=202,
        responses=responses(*_PROOF),
    )
    async def change_email(
        body: ChangeEmailIn,
        background: BackgroundTasks,
        caller: Annotated[Identity[Any], Depends(identity)],
        request: Request,
    ) -> Accepted:
        """The present address stays until the new one is confirmed, and is told of it."""
        current = _secret(body.current_password)
        address = await accounts.accept_change(caller, current, body.email, request)
        background.add_task(quietly, mailboxes.request_change, caller.user, address)
        return Accepted()

    @router.post(
        "/change-email/confirm",
        operation_id="confirm_email_change",
        summary="Confirm my new e-mail address",
        status_code=204,
        dependencies=_before(accounts, limits.verify_by_address),
        responses=responses(InvalidTicket, SessionEnded, IdentityTaken, TooManyRequests),
    )
    async def confirm_email_change(
        body: TokenIn,
        background: BackgroundTasks,
        caller: Annotated[Identity[Any] | None, Depends(accounts.caller)],
        request: Request,
        response: Response,
    ) -> None:
        """By the secret of the link that was sent to it. Everybody else is signed out."""
        spared = accounts.spared(caller, request, response)
        notice = await mailboxes.confirm_change(body.token.get_secret_value(), spared)
        if notice is not None:
            background.add_task(quietly, mailboxes.send.send_kept, notice)

    @router.post(
        "/change-email/undo",
        operation_id="undo_email_change",
        summary="Take my account back",
        status_code=204,
        dependencies=_before(accounts, limits.verify_by_address),
        responses=responses(InvalidTicket, IdentityTaken, TooManyRequests),
    )
    async def undo_email_change(body: TokenIn, background: BackgroundTasks) -> None:
        """Restore the old address, sign everybody out, and send a link for a new password."""
        user = await mailboxes.undo_change(body.token.get_secret_value())
        if user.active:
            background.add_task(quietly, accounts.send_reset, user)

    return router


def me_router(accounts: Accounts[Any]) -> APIRouter:
    """
    `GET /me`, `DELETE /me` and, if there are columns to change, `PATCH /me`.

    Args:
        accounts: What they do.

    Raises:
        ConfigurationError: There are no schemes.
    """
    router, guard = _router(), accounts.guard

    @router.get(
        "/me",
        operation_id="get_me",
        summary="Who I am",
        response_model=accounts.models.me,
    )
    async def get_me(
        user: Annotated[Any, Depends(guard)], background: BackgroundTasks
    ) -> BaseModel:
        """The caller, and whether their address is verified."""
        if accounts.has_mail:
            background.add_task(quietly, accounts.mailboxes.send.retry, primary_key(user))
        is_verified = await accounts.users.has_verified_email(user)
        return accounts.models.describe(user, email_verified=is_verified)

    if accounts.models.change is not None:
        _add_change(router, accounts, accounts.models.change)

    @router.delete(
        "/me",
        operation_id="close_account",
        summary="Close my account",
        status_code=204,
        responses=responses(*_PROOF),
    )
    async def close_account(
        body: CloseAccountIn,
        background: BackgroundTasks,
        caller: Annotated[Identity[Any], Depends(guard.identity)],
        request: Request,
    ) -> None:
        """Delete the caller and what belongs to them."""
        await accounts.close(caller, _secret(body.current_password), request)
        background.add_task(quietly, accounts.tell, AccountClosed, caller.user)

    return router


def _add_change(router: APIRouter, accounts: Accounts[Any], model: type[BaseModel]) -> None:
    async def change_me(body: Any, user: Annotated[Any, Depends(accounts.guard)]) -> BaseModel:
        """What is left out stays."""
        user = await accounts.update(user, body.model_dump(exclude_unset=True))
        is_verified = await accounts.users.has_verified_email(user)
        return accounts.models.describe(user, email_verified=is_verified)

    router.add_api_route(
        "/me",
        _taking(model, change_me),
        methods=["PATCH"],
        operation_id="change_me",
        summary="Change what is known of me",
        response_model=accounts.models.me,
        responses=responses(SessionEnded, ValueTaken),
    )


def _router() -> APIRouter:
    return APIRouter(route_class=AuthRoute, tags=["accounts"])


def _before(accounts: Accounts[Any], *checks: Captcha) -> list[Any]:
    """What a route asks that needs no login: where the request comes from, limits, a CAPTCHA."""
    return [Depends(check) for check in (accounts.csrf, *checks) if check is not None]


def _to_a_mailbox(limit: RateLimit | None) -> list[Captcha]:
    """The limit of mail to one mailbox. Ask it last: only what is admitted may cost its owner."""
    return [] if limit is None else [unless_refused(limit)]


def _secret(text: SecretStr | None) -> str | None:
    return None if text is None else text.get_secret_value()


def _errors_of(captcha: Captcha) -> Any:
    return getattr(captcha, "documented_errors", ())
