"""The routes of log-ins by e-mail, for browsers and for apps."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request, Response, params
from pydantic import BaseModel

from piccolo_api_fastapi.accounts.limits import KNOWN_BROWSER, unless_refused
from piccolo_api_fastapi.accounts.schemas import Accepted, EmailIn
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import (
    AuthError,
    HasherBusy,
    InvalidCredentials,
    InvalidRequest,
    InvalidTicket,
    LoginRefused,
    MFARequired,
    TooManyRequests,
)
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.captcha import captcha_dependencies
from piccolo_api_fastapi.login.consistency import logs_in
from piccolo_api_fastapi.login.issuing import Issuing, SignsIn, login_router
from piccolo_api_fastapi.login.limits import Attempt
from piccolo_api_fastapi.mail.delivery import Later
from piccolo_api_fastapi.rate_limiting.keys import body_field

from .redemption import BY_CODE, BY_LINK, Entrant, OtherBrowser
from .schemas import (
    AppAccepted,
    AppCodeIn,
    ConfirmCode,
    LinkOut,
    LoginByCodeIn,
    LoginByLinkIn,
)
from .service import EmailLogin


@configured
def email_login_router(
    email_login: EmailLogin[Any],
    login: Login[Any],
    scheme: SignsIn,
    *,
    captcha: Callable[..., Any] | None = None,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make the routes by which users sign in without a password. Include one router for each scheme.

    ```python
    import os

    from fastapi import FastAPI

    from piccolo_api_fastapi import (
        Accounts,
        ConsoleMail,
        EmailLogin,
        JWTAuth,
        Login,
        SessionAuth,
        email_login_router,
        jwt_router,
        session_router,
    )

    session, login = SessionAuth(), Login()
    jwt = JWTAuth(secret=os.environ["JWT_SECRET"])
    accounts = Accounts(
        mail=ConsoleMail(), base_url="https://app.example.com", schemes=[session, jwt], login=login
    )
    email_login = EmailLogin(accounts)

    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(jwt, login), prefix="/auth")
    app.include_router(email_login_router(email_login, login, session), prefix="/auth")
    app.include_router(email_login_router(email_login, login, jwt), prefix="/auth")
    ```

    For `SessionAuth`, these are `POST /login/email`, `POST /login/email/link` and
    `POST /login/email/code`; for `JWTAuth`, `POST /token/email` and `POST /token/email/code`. The
    second step is that of `session_router` and `jwt_router`.

    Args:
        email_login: Sends and accepts links and codes.
        login: The login that follows. Pass the same one to the router of the scheme.
        scheme: The scheme that signs users in: a `SessionAuth` or a `JWTAuth`.
        captcha: A `Captcha`, or any other dependency that may refuse a request for mail.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of `scheme`.

    Raises:
        ConfigurationError: The user tables differ, or `login` requires a second factor and all
            of its factors prove the mailbox again.
    """
    email_login.check(login)
    router = login_router(scheme, login, operation_prefix)
    way = _Way(email_login, login, scheme.issuing)
    checks = way.before_mail(captcha)
    if way.issuing.issues == "session":
        _add_request_of_browsers(router, way, checks)
        _add_link(router, way)
        _add_code_of_browsers(router, way)
    else:
        _add_request_of_apps(router, way, checks)
        _add_code_of_apps(router, way)
    return router


@dataclass(frozen=True, slots=True)
class _Way:
    """
    What the routes of one scheme have in common.

    Args:
        email_login: Sends and accepts links and codes.
        login: The login that follows.
        issuing: How the scheme signs users in.
    """

    email_login: EmailLogin[Any]
    login: Login[Any]
    issuing: Issuing

    def before_mail(self, captcha: Callable[..., Any] | None) -> list[params.Depends]:
        """The dependencies of a request for mail. The limit of the mailbox is last."""
        limits = self.email_login.accounts.limits
        by_account = limits.login_by_account
        return [
            *self.issuing.dependencies,
            *([] if limits.mail_by_address is None else [Depends(limits.mail_by_address)]),
            *captcha_dependencies(captcha, self.login.limits),
            *([Depends(_recognizer(self.login))] if self.issuing.issues == "session" else []),
            *([] if by_account is None else [Depends(unless_refused(by_account))]),
        ]

    def limited(self, request: Request) -> AbstractAsyncContextManager[Attempt]:
        """Charge the address of a client for a link or a code, unless it is right."""
        return self.login.limits.attempt(address=self.login.client(request).network)

    def responses(self, *errors: type[AuthError]) -> dict[int | str, dict[str, Any]]:
        """Document the errors of the routes that take a link or a code."""
        refusals = (InvalidTicket, InvalidCredentials, LoginRefused, TooManyRequests)
        return self.issuing.responses(*refusals, *errors, *self.issuing.further_errors)

    async def complete(
        self, entrant: Entrant, request: Request, response: Response, body: BaseModel
    ) -> BaseModel:
        """Log in a user, and issue a credential unless a second factor must follow."""
        client, asked = self.login.client(request), self.issuing.asked(request, body)
        outcome = await self.email_login.enter(
            self.login, entrant, client, channel=self.issuing.channel, **asked
        )
        return await self.issuing.answer(self.login, request, response, outcome)


def _recognizer(login: Login[Any]) -> Callable[[Request], Awaitable[None]]:
    """Make the dependency that notes whether the user with an address logged in with a browser."""

    async def recognize(request: Request) -> None:
        email, client = await body_field(request, "email"), login.client(request)
        if isinstance(email, str) and await login.limits.browser(
            login.known_devices, client, email
        ):
            request.scope[KNOWN_BROWSER] = True

    return recognize


def _add_request_of_browsers(router: APIRouter, way: _Way, checks: list[params.Depends]) -> None:
    email_login, login, issuing = way.email_login, way.login, way.issuing
    send_later = email_login.accounts.mailboxes.send.later

    @router.post(
        f"{issuing.path}/email",
        operation_id=f"request_{issuing.noun}_by_email",
        summary=f"{issuing.summary}: send a link and a code",
        status_code=202,
        dependencies=checks,
        responses=issuing.responses(TooManyRequests, HasherBusy),
    )
    async def request_by_email(
        body: EmailIn, later: Later, request: Request, response: Response
    ) -> Accepted:
        """
        Set a cookie, and mail a link and a code if a user has the address. The response is the
        same in all cases.
        """
        token, client = email_login.token_for(request), login.client(request)
        is_known = KNOWN_BROWSER in request.scope
        wanted = await email_login.prepare(
            body.email, token, client, has_link=True, is_known=is_known
        )
        later.add(send_later, email_login.request, wanted)
        email_login.remember(response, token)
        return Accepted()


def _add_request_of_apps(router: APIRouter, way: _Way, checks: list[params.Depends]) -> None:
    email_login, login, issuing = way.email_login, way.login, way.issuing
    send_later = email_login.accounts.mailboxes.send.later

    @router.post(
        f"{issuing.path}/email",
        operation_id=f"request_{issuing.noun}_by_email",
        summary=f"{issuing.summary}: send a code",
        status_code=202,
        dependencies=checks,
        responses=issuing.responses(InvalidRequest, TooManyRequests, HasherBusy),
    )
    async def request_by_email(body: EmailIn, later: Later, request: Request) -> AppAccepted:
        """
        Mail a code if a user has the address. The response is the same in all cases; keep its
        `login` for the code.
        """
        token, client = email_login.new_token(), login.client(request)
        wanted = await email_login.prepare(body.email, token, client, has_link=False)
        later.add(send_later, email_login.request, wanted)
        return AppAccepted(login=token, expires_in=int(email_login.lifetime.total_seconds()))


def _add_link(router: APIRouter, way: _Way) -> None:
    email_login, issuing = way.email_login, way.issuing

    @router.post(
        f"{issuing.path}/email/link",
        operation_id=f"{issuing.verb}_by_email_link",
        summary=f"{issuing.summary} by a link",
        response_model=LinkOut,
        dependencies=issuing.dependencies,
        responses=way.responses(),
    )
    @logs_in(way.login, factor=BY_LINK, issues=issuing.issues)
    async def by_link(body: LoginByLinkIn, request: Request, response: Response) -> Any:
        """
        Sign in by the secret of a link, in the browser that asked for it. In another browser,
        nobody is signed in (`confirm_code`).
        """
        async with way.limited(request):
            entrant = await email_login.by_link(body.token.get_secret_value(), request)
        if isinstance(entrant, OtherBrowser):
            return ConfirmCode()
        signed_in = await way.complete(entrant, request, response, body)
        email_login.forget(response)
        return signed_in


def _add_code_of_browsers(router: APIRouter, way: _Way) -> None:
    email_login, issuing = way.email_login, way.issuing

    @router.post(
        f"{issuing.path}/email/code",
        operation_id=f"{issuing.verb}_by_email_code",
        summary=f"{issuing.summary} by a code",
        response_model=issuing.started,
        dependencies=issuing.dependencies,
        responses=way.responses(HasherBusy),
    )
    @logs_in(way.login, factor=BY_CODE, issues=issuing.issues)
    async def by_code(body: LoginByCodeIn, request: Request, response: Response) -> Any:
        """Sign in by the code in the mail, in the browser that asked for it."""
        code = body.code.get_secret_value()
        async with way.limited(request):
            entrant = await email_login.by_code(body.email, code, request)
        signed_in = await way.complete(entrant, request, response, body)
        email_login.forget(response)
        return signed_in


def _add_code_of_apps(router: APIRouter, way: _Way) -> None:
    email_login, issuing = way.email_login, way.issuing
    second_step = (MFARequired,) if way.login.factors else ()

    @router.post(
        f"{issuing.path}/email/code",
        operation_id=f"{issuing.verb}_by_email_code",
        summary=f"{issuing.summary} by a code",
        response_model=issuing.started,
        response_model_exclude_none=issuing.leaves_out_none,
        dependencies=issuing.dependencies,
        responses=way.responses(HasherBusy, *second_step),
    )
    @logs_in(way.login, factor=BY_CODE, issues=issuing.issues)
    @issuing.body(AppCodeIn)
    async def by_code(body: AppCodeIn, request: Request, response: Response) -> Any:
        """Sign in by the code in the mail, with the `login` of the request for it."""
        code, token = body.code.get_secret_value(), body.login.get_secret_value()
        async with way.limited(request):
            entrant = await email_login.by_code(body.email, code, token)
        return await way.complete(entrant, request, response, body)
