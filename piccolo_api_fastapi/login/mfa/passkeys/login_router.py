"""Routes to log in by passkey, without a name."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    InvalidCredentials,
    LoginRefused,
    MFARequired,
    TooManyRequests,
)
from piccolo_api_fastapi.login.consistency import logs_in
from piccolo_api_fastapi.login.issuing import Issuing, SignsIn, login_router
from piccolo_api_fastapi.login.schemas import CeremonyOut
from piccolo_api_fastapi.login.service import Login
from piccolo_api_fastapi.rate_limiting import RateLimit

from .schemas import PasskeyLoginIn
from .service import PASSKEY_LOGIN, Passkeys

_TAG = tag("passkeys", "Log in by passkey; add, rename and remove passkeys.")

OPTIONS = RateLimit("30/minute", scope="passkeys: options")
"""Each view of a page to log in asks for options once, since browsers offer passkeys there."""


@configured
def passkey_login_router(
    passkeys: Passkeys,
    login: Login[Any],
    scheme: SignsIn,
    *,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make `POST /login/passkey/options` and `POST /login/passkey` for sessions, or
    `POST /token/passkey/options` and `POST /token/passkey` for tokens.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import Login, Passkeys, SessionAuth, passkey_login_router

    session = SessionAuth()
    passkeys = Passkeys(rp_id="example.com", rp_name="Movies", origins=["https://example.com"])
    login = Login(factors=[passkeys])
    app = FastAPI()
    app.include_router(passkey_login_router(passkeys, login, session), prefix="/auth")
    ```

    Args:
        passkeys: The passkeys.
        login: The login, which knows the passkeys.
        scheme: The scheme that signs users in: a `SessionAuth` or a `JWTAuth`.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of `scheme`.

    Raises:
        ConfigurationError: They have different user tables, or `login` does not know `passkeys`.
    """
    if passkeys not in login.factors:
        raise ConfigurationError("Pass the passkeys to the login: Login(factors=[…, passkeys]).")
    router = login_router(scheme, login, operation_prefix, _TAG)
    _add_options(router, passkeys, scheme.issuing)
    _add_login(router, passkeys, login, scheme.issuing)
    return router


def _add_options(router: APIRouter, passkeys: Passkeys, issuing: Issuing) -> None:
    @router.post(
        f"{issuing.path}/passkey/options",
        operation_id=f"begin_{issuing.noun}_passkey",
        summary=f"{issuing.summary}: begin with a passkey",
        dependencies=[*issuing.dependencies, Depends(OPTIONS)],
        responses=issuing.responses(TooManyRequests),
    )
    async def begin_passkey() -> CeremonyOut:
        """
        Get a challenge, and the options with which the browser signs it. They are the same for
        everybody, and name no user.
        """
        ceremony = await passkeys.begin_login(issuing.channel)
        return CeremonyOut(
            challenge=ceremony.challenge,
            options=ceremony.options,
            expires_in=ceremony.expires_in,
        )


def _add_login(router: APIRouter, passkeys: Passkeys, login: Login[Any], issuing: Issuing) -> None:
    further = (MFARequired,) if issuing.issues == "tokens" else ()
    factor = passkeys.name if passkeys.counts_as_mfa else PASSKEY_LOGIN

    @router.post(
        f"{issuing.path}/passkey",
        operation_id=f"{issuing.verb}_passkey",
        summary=f"{issuing.summary} with a passkey",
        dependencies=issuing.dependencies,
        response_model=issuing.started,
        response_model_exclude_none=issuing.leaves_out_none,
        responses=issuing.responses(
            InvalidCredentials, LoginRefused, TooManyRequests, *further, *issuing.further_errors
        ),
    )
    @logs_in(login, factor=factor, issues=issuing.issues)
    @issuing.body(PasskeyLoginIn)
    async def log_in_passkey(request: Request, response: Response, body: PasskeyLoginIn) -> Any:
        """
        Sign in whoever has the passkey. One that is unknown, that proves nothing or whose user is
        disabled gets the response of a wrong password.
        """
        client, asked = login.client(request), issuing.asked(request, body)
        async with login.proving(factor, client):
            found = await passkeys.identify(body.presented, issuing.channel)
            outcome = await login.enter(
                found.user,
                found.factor,
                client,
                found.recheck,
                channel=issuing.channel,
                **asked,
            )
        return await issuing.answer(login, request, response, outcome)
