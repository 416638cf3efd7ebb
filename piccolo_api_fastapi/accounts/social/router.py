"""The routes of log-ins with providers."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response

from piccolo_api_fastapi.access.in_use import refuse_other_users
from piccolo_api_fastapi.access.person_only import in_person
from piccolo_api_fastapi.access.step_up import RECENT
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import (
    AccountExists,
    AlreadyLinked,
    ConfigurationError,
    InvalidCredentials,
    InvalidRequest,
    LoginFlowUnknown,
    LoginRefused,
    NoAccount,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    TooManyRequests,
)
from piccolo_api_fastapi.login.consistency import logs_in
from piccolo_api_fastapi.login.issuing import Issuing, SignsIn, login_router
from piccolo_api_fastapi.login.mfa.recent_factor import recent_factor
from piccolo_api_fastapi.login.service import Login

from .apps import app_router
from .callbacks import PostedCallback, callback_url
from .dependencies import Beginning, begin_of
from .entrances import OAUTH
from .flows import BROWSER_TOKEN, Flow, browser_digest
from .landing import Landing
from .link_routes import BEGINNINGS, add_links
from .schemas import BeginIn, BeginOut, ProviderOut
from .service import SocialLogin

_TAG = tag("oauth", "Sign in with a provider; link and unlink accounts at providers.")


@configured
def oauth_router(
    social: SocialLogin[Any],
    login: Login[Any],
    session: SignsIn,
    *,
    jwt: SignsIn | None = None,
    within: timedelta = RECENT,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make the routes to sign in with a provider, and to link and unlink accounts: `GET /oauth`,
    `POST /oauth/{provider}`, the callback, `POST /oauth/{provider}/link`, `POST /oauth/confirm`,
    `GET /oauth/accounts` and `DELETE /oauth/accounts/{id}`. With `jwt=`, also `POST /token/oauth`.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import (
        Accounts, ConsoleMail, GitHub, Login, SessionAuth, SocialLogin, oauth_router
    )

    session, login = SessionAuth(), Login()
    accounts = Accounts(mail=ConsoleMail(), base_url="https://app.example.com")
    github = GitHub(client_id="Iv1.1200", client_secret="a secret of the provider")
    social = SocialLogin(accounts, [github], base_url="https://app.example.com", sign_up=True)
    app = FastAPI()
    app.include_router(oauth_router(social, login, session), prefix="/auth")
    ```

    Register the address of the callback with the provider: here
    `https://app.example.com/auth/oauth/github/callback`.

    Args:
        social: The log-ins with providers.
        login: The login that follows, with its hooks and second factors.
        session: The sessions of browsers: a `SessionAuth`.
        jwt: The tokens of apps: a `JWTAuth`. Needs `SocialLogin(apps=…)`.
        within: A change of links needs a factor that was presented more recently than this; a
            second factor if the user has one. The default is five minutes.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of `session`.

    Raises:
        ConfigurationError: They have different user tables, the login has second factors and
            there is no page for them, or apps and `jwt` are not given together.
    """
    _check(social, login, session, jwt)
    router = login_router(session, login, operation_prefix, _TAG)
    guard: Any = session
    person = in_person(guard)
    landing = Landing(social, login, session.issuing, person)
    _add_list(router, social)
    add_links(router, social, person, recent_factor(social.users, person, within))
    _add_begin(router, social, login, session.issuing)
    _add_callbacks(router, social, landing)
    if jwt is None:
        return router
    whole = APIRouter()
    whole.include_router(router)
    whole.include_router(app_router(social, login, jwt, _TAG))
    return whole


def _check(social: SocialLogin[Any], login: Login[Any], session: Any, jwt: SignsIn | None) -> None:
    refuse_other_users("oauth_router", social, login, *[one for one in (session, jwt) if one])
    if session.issuing.issues != "session":
        raise ConfigurationError("session must be a SessionAuth; pass a JWTAuth as jwt=….")
    if login.factors and "mfa" not in social.paths:
        raise ConfigurationError(
            "The login has second factors: give SocialLogin paths={'mfa': '/login/mfa'}, the page "
            "that asks for them."
        )
    if bool(social.apps) is not (jwt is not None):
        raise ConfigurationError("oauth_router(jwt=…) and SocialLogin(apps=…) need each other.")


def _add_list(router: APIRouter, social: SocialLogin[Any]) -> None:
    @router.get("/oauth", operation_id="list_oauth_providers", summary="Providers to sign in with")
    async def list_providers() -> list[ProviderOut]:
        """List the providers."""
        return [ProviderOut.of(provider) for provider in social.providers.values()]


def _add_begin(
    router: APIRouter, social: SocialLogin[Any], login: Login[Any], issuing: Issuing
) -> None:
    schema = {"schema": BeginIn.model_json_schema()}
    bodies = {"application/json": schema, "application/x-www-form-urlencoded": schema}
    see_other: dict[int | str, dict[str, Any]] = {
        303: {"description": "The answer to a form: on to the provider."}
    }

    @router.post(
        "/oauth/{provider}",
        operation_id="begin_oauth",
        summary="Log in with a provider",
        dependencies=[*issuing.dependencies, Depends(BEGINNINGS)],
        response_model=BeginOut,
        responses=shared_responses(NotFound, ProviderUnavailable, TooManyRequests) | see_other,
        openapi_extra={"requestBody": {"content": bodies}},
    )
    @logs_in(login, factor=OAUTH)
    async def begin(
        provider: str,
        beginning: Annotated[Beginning, Depends(begin_of)],
        request: Request,
        response: Response,
    ) -> Any:
        """
        Get the address of the provider to send the browser to. A form is answered by a redirect
        to it. A cookie recognizes the browser when it comes back; the latest login counts.
        """
        token, wanted = BROWSER_TOKEN.generate(), beginning.wanted
        flow = Flow(
            browser=browser_digest(token),
            next=social.next_path(wanted.next),
            app=social.app(wanted.app),
            code_challenge=wanted.code_challenge or "",
        )
        here = callback_url(request, social.base_url, provider)
        url = await social.begin(provider, flow, token, here)
        if beginning.is_form:
            response = Response(status_code=303, headers={"Location": url})
        social.cookies.remember(provider, response, token)
        return response if beginning.is_form else BeginOut(authorization_url=url)


def _add_callbacks(router: APIRouter, social: SocialLogin[Any], landing: Landing) -> None:
    see_other: dict[int | str, dict[str, Any]] = {
        303: {"description": "On to the page, with a session; or to the page of the error."}
    }

    @router.get(
        "/oauth/{provider}/callback",
        operation_id="complete_oauth",
        summary="The callback of a provider",
        status_code=303,
        response_model=None,
        responses=see_other
        | shared_responses(
            LoginFlowUnknown,
            InvalidCredentials,
            ProviderRefused,
            NoAccount,
            LoginRefused,
            NotFound,
            AccountExists,
            AlreadyLinked,
            TooManyRequests,
            ProviderUnavailable,
        ),
    )
    async def complete(provider: str, request: Request) -> Response:
        """
        Complete a login or a link that this browser began. This is for browsers, which the
        provider sends here.
        """
        return await landing.answer(provider, request)

    @router.post(
        "/oauth/{provider}/callback",
        operation_id="complete_oauth_form",
        summary="The callback of a provider, as a form",
        status_code=303,
        response_model=None,
        responses=see_other | shared_responses(InvalidRequest, NotFound),
    )
    async def pass_on(
        provider: str, form: Annotated[PostedCallback, Form()], request: Request
    ) -> Response:
        """
        Send the browser to the same callback by GET. Browsers send no cookies with a form that
        another site posts, so this request does not show which browser began the login.
        """
        if not social.provider(provider).posts_callback:
            raise NotFound
        headers = {"Location": form.location(request), "Referrer-Policy": "no-referrer"}
        return Response(status_code=303, headers=headers)
