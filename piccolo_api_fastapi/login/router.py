"""The route to present a factor again."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.in_use import refuse_other_users
from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import (
    FactorDisabled,
    HasherBusy,
    InvalidCode,
    InvalidCredentials,
    LoginRefused,
    SecretUnreadable,
    SignInAgain,
    TooManyRequests,
)
from piccolo_api_fastapi.users import UserT

from .issuing import takes
from .limits import CHALLENGES
from .reauthentication import CHALLENGE_LIFETIME, whoever
from .schemas import (
    AnyFactorAgainIn,
    CeremonyOut,
    FactorAgainIn,
    PasswordAgainIn,
    ReauthenticationIn,
)
from .service import Login

_TAG = tag("step-up", "Present a factor again.")


@configured
def reauthentication_router(
    login: Login[UserT], guard: Guard[UserT], *, operation_prefix: str | None = None
) -> APIRouter:
    """
    Make `POST /reauthenticate`, which satisfies `require(…, within=…)` and `require(…, mfa=True)`.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import Login, SessionAuth, reauthentication_router, session_router

    session, login = SessionAuth(), Login()
    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(reauthentication_router(login, session), prefix="/auth")
    ```

    Args:
        login: The login, which checks passwords and codes.
        guard: The scheme, or `AnyOf` several, by which users are signed in.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `guard`.

    Raises:
        ConfigurationError: `login` and `guard` have different user tables.
    """
    refuse_other_users("reauthentication_router", login, guard)
    prefix = prefix_of(operation_prefix, guard)
    router = AuthRouter(users=login.users.table, prefix=prefix, tag=_TAG)
    # A token with other scopes may step up for the routes that it is for.
    person = in_person(guard, enrolling=True, scopes=())

    @router.post(
        "/reauthenticate",
        operation_id="reauthenticate",
        summary="Confirm that it is me",
        status_code=204,
        responses=shared_responses(
            InvalidCredentials,
            InvalidCode,
            FactorDisabled,
            SignInAgain,
            LoginRefused,
            TooManyRequests,
            HasherBusy,
            SecretUnreadable,
        ),
    )
    @takes(AnyFactorAgainIn if login.takes_credentials else ReauthenticationIn)
    async def reauthenticate(
        identity: Annotated[Identity[Any], Depends(person.identity)],
        body: AnyFactorAgainIn,
        request: Request,
        response: Response,
    ) -> None:
        """Present the password or a second factor again. A session gets a new cookie."""
        client, credential = login.client(request), identity.credential_id
        if isinstance(body, PasswordAgainIn):
            password = body.password.get_secret_value()
            factor = await login.confirm_password(
                identity.user, password, client, credential=credential
            )
        else:
            factor = await login.present(
                identity.user, body.presented, body.method, client, credential=credential
            )
        await person.step_up(identity, factor, request, response, for_change=True)

    if login.takes_credentials:
        _add_options(router, login, person)
    return router


def _add_options(router: APIRouter, login: Login[Any], person: InPerson[Any]) -> None:
    @router.post(
        "/reauthenticate/options",
        operation_id="begin_reauthentication",
        summary="Begin to confirm that it is me by a passkey",
        responses=shared_responses(InvalidCode, TooManyRequests),
    )
    async def begin_reauthentication(
        identity: Annotated[Identity[Any], Depends(person.identity)], body: FactorAgainIn
    ) -> CeremonyOut:
        """Get a challenge, and the options with which the browser signs it."""
        await CHALLENGES.hit(whoever(identity.user, identity.credential_id))
        challenge, options = await login.begin_again(
            identity.user, body.method, identity.credential_id
        )
        expires_in = int(CHALLENGE_LIFETIME.total_seconds())
        return CeremonyOut(challenge=challenge, options=options, expires_in=expires_in)
