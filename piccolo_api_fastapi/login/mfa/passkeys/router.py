"""Routes to add, list, rename and remove passkeys."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.in_use import refuse_other_users
from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.access.step_up import MULTI_FACTOR, RECENT, StepUp, acr
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import (
    LastWayIn,
    NotFound,
    PasskeyExists,
    PasskeyLimitReached,
    PasskeyRefused,
    StepUpRequired,
    TooManyRequests,
)
from piccolo_api_fastapi.login.consistency import enrols
from piccolo_api_fastapi.login.limits import CHALLENGES
from piccolo_api_fastapi.login.mfa.confirmed_factors import confirmed_factors
from piccolo_api_fastapi.login.mfa.recent_factor import recent_factor
from piccolo_api_fastapi.login.reauthentication import whoever
from piccolo_api_fastapi.users import UserT

from .schemas import CreationOut, NewPasskeyOut, PasskeyIn, PasskeyNameIn, PasskeyOut
from .service import PASSKEY_LOGIN, SECURITY_KEY, Passkeys

_TAG = tag("passkeys", "Log in by passkey; add, rename and remove passkeys.")


@configured
def passkey_router(
    passkeys: Passkeys,
    guard: Guard[UserT],
    *,
    within: timedelta = RECENT,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make the routes that manage passkeys: `GET /passkeys`, `POST /passkeys/options`,
    `POST /passkeys`, `PATCH /passkeys/{id}` and `DELETE /passkeys/{id}`.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import Login, Passkeys, SessionAuth, passkey_router, session_router

    session = SessionAuth()
    passkeys = Passkeys(rp_id="example.com", rp_name="Movies", origins=["https://example.com"])
    app = FastAPI()
    app.include_router(session_router(session, Login(factors=[passkeys])), prefix="/auth")
    app.include_router(passkey_router(passkeys, session), prefix="/auth")
    ```

    Args:
        passkeys: The passkeys.
        guard: The scheme, or `AnyOf` several, by which users manage their passkeys in person.
        within: A change needs a factor that was presented more recently than this; a second
            factor if the user has one. The default is five minutes.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `guard`.

    Raises:
        ConfigurationError: `within` is shorter than a second, no scheme of the guard is for
            people, or `passkeys` and `guard` have different user tables.
    """
    refuse_other_users("passkey_router", passkeys, guard)
    prefix = prefix_of(operation_prefix, guard)
    router = AuthRouter(users=passkeys.users.table, prefix=prefix, tag=_TAG)
    person = in_person(guard, enrolling=True)
    recent = _recent(passkeys, person, within)
    _add_list(router, passkeys, person)
    _add_enrolment(router, passkeys, person, recent)
    _add_changes(router, passkeys, person, recent)
    return router


def _recent(passkeys: Passkeys, person: InPerson[Any], within: timedelta) -> Any:
    """Make a dependency that asks for a recent factor, and a second one if the user has it."""
    usual = recent_factor(passkeys.users, person, within)

    async def recent(
        request: Request, identity: Annotated[Identity[Any], Depends(person.identity)]
    ) -> Identity[Any]:
        factors = identity.factors
        if PASSKEY_LOGIN in factors and acr(factors) != MULTI_FACTOR:
            own = await confirmed_factors(passkeys.users, identity.user)
            if own == {passkeys.name}:
                # The user has no factor that would make this a multi-factor login.
                again = SECURITY_KEY if SECURITY_KEY in factors else PASSKEY_LOGIN
                await person.check(StepUp(factor=again, within=within), identity, request)
                return identity
        await usual(request, identity)
        return identity

    return recent


def _add_list(router: APIRouter, passkeys: Passkeys, person: InPerson[Any]) -> None:
    @router.get("/passkeys", operation_id="list_passkeys", summary="List my passkeys")
    async def list_passkeys(
        identity: Annotated[Identity[Any], Depends(person.identity)],
    ) -> list[PasskeyOut]:
        """List your passkeys, the oldest first."""
        return [PasskeyOut.of(row) for row in await passkeys.list(identity.user)]


def _add_enrolment(
    router: APIRouter, passkeys: Passkeys, person: InPerson[Any], recent: Callable[..., Any]
) -> None:
    @router.post(
        "/passkeys/options",
        operation_id="begin_passkey",
        summary="Begin to add a passkey",
        responses=shared_responses(StepUpRequired, PasskeyLimitReached, TooManyRequests),
    )
    async def begin_passkey(identity: Annotated[Identity[Any], Depends(recent)]) -> CreationOut:
        """Get a challenge, and the options with which the browser makes a passkey."""
        await CHALLENGES.hit(whoever(identity.user, identity.credential_id))
        return CreationOut.of(await passkeys.begin(identity.user, identity.credential_id))

    @router.post(
        "/passkeys",
        operation_id="add_passkey",
        summary="Add a passkey",
        status_code=201,
        responses=shared_responses(
            StepUpRequired, PasskeyExists, PasskeyLimitReached, PasskeyRefused
        ),
    )
    @enrols(passkeys)
    async def add_passkey(
        identity: Annotated[Identity[Any], Depends(recent)],
        body: PasskeyIn,
        request: Request,
        response: Response,
    ) -> NewPasskeyOut:
        """Add what the browser made. All other sessions, apps and API tokens end."""
        user, keep = identity.user, identity.credential_id
        made = await passkeys.check(user, body.presented, keep=keep)
        async with transaction(passkeys.table):
            row, codes = await passkeys.enrol(user, made, name=body.name or "", keep=keep)
            proved = passkeys.counts_as if row.verifies_user else SECURITY_KEY
            await person.step_up(identity, proved, request, response)
        return NewPasskeyOut.made(row, codes)


def _add_changes(
    router: APIRouter, passkeys: Passkeys, person: InPerson[Any], recent: Callable[..., Any]
) -> None:
    @router.patch(
        "/passkeys/{passkey_id}",
        operation_id="rename_passkey",
        summary="Rename a passkey",
        responses=shared_responses(StepUpRequired, NotFound),
    )
    async def rename_passkey(
        identity: Annotated[Identity[Any], Depends(recent)], passkey_id: UUID, body: PasskeyNameIn
    ) -> PasskeyOut:
        """Give one of your passkeys another name."""
        return PasskeyOut.of(await passkeys.rename(identity.user, passkey_id, body.name))

    @router.delete(
        "/passkeys/{passkey_id}",
        operation_id="remove_passkey",
        summary="Remove a passkey",
        status_code=204,
        responses=shared_responses(StepUpRequired, NotFound, LastWayIn),
    )
    async def remove_passkey(
        identity: Annotated[Identity[Any], Depends(recent)],
        passkey_id: UUID,
        request: Request,
        response: Response,
    ) -> None:
        """Remove one of your passkeys. All other sessions, apps and API tokens end."""
        async with transaction(passkeys.table):
            await passkeys.remove(identity.user, passkey_id, keep=identity.credential_id)
            await person.confirm(request)
            await person.renew(identity, request, response)
