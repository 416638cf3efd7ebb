"""Routes to enrol an authenticator app and to remove it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.in_use import refuse_other_users
from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.access.step_up import RECENT
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import (
    NotFound,
    SecretUnreadable,
    StepUpRequired,
    WrongConfirmation,
)
from piccolo_api_fastapi.login.consistency import enrols
from piccolo_api_fastapi.login.mfa.recent_factor import recent_factor
from piccolo_api_fastapi.users import UserT

from . import queries
from .schemas import CodeIn, EnrolmentOut, MFAOut, RecoveryCodesOut
from .service import TOTP

_TAG = tag("mfa", "Set up, replace and remove second factors.")


@configured
def mfa_router(
    totp: TOTP,
    guard: Guard[UserT],
    *,
    within: timedelta = RECENT,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make the routes that manage second factors: `GET /mfa`, `POST /mfa/totp`,
    `POST /mfa/totp/confirm`, `DELETE /mfa/totp` and `POST /mfa/recovery-codes`.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import (
        TOTP, Login, SessionAuth, XChaCha20Poly1305, mfa_router, session_router,
    )

    encryption = XChaCha20Poly1305("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    session, totp = SessionAuth(), TOTP(issuer="Movies", encryption=encryption)
    app = FastAPI()
    app.include_router(session_router(session, Login(factors=[totp])), prefix="/auth")
    app.include_router(mfa_router(totp, session), prefix="/auth")
    ```

    Args:
        totp: The authenticators.
        guard: The scheme, or `AnyOf` several, by which users manage their factors in person.
        within: A change needs a factor that was presented more recently than this. The
            default is five minutes.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes of `guard`.

    Raises:
        ConfigurationError: `within` is shorter than a second, no scheme of the guard is for
            people, or `totp` and `guard` have different user tables.
    """
    refuse_other_users("mfa_router", totp, guard)
    prefix = prefix_of(operation_prefix, guard)
    router = AuthRouter(users=totp.users.table, prefix=prefix, tag=_TAG)
    person = in_person(guard, enrolling=True)
    holder = in_person(guard, mfa=True, within=within)
    _add_state(router, totp, person)
    _add_enrolment(router, totp, person, recent_factor(totp.users, person, within))
    _add_changes(router, totp, holder)
    return router


def _add_state(router: APIRouter, totp: TOTP, person: InPerson[Any]) -> None:
    @router.get("/mfa", operation_id="get_mfa", summary="My second factors")
    async def get_mfa(identity: Annotated[Identity[Any], Depends(person.identity)]) -> MFAOut:
        """Since when a login asks for an authenticator, and how many recovery codes are left."""
        row = await queries.find(totp.table, primary_key(identity.user))
        return MFAOut(
            totp_confirmed_at=row.confirmed_at if row else None,
            recovery_codes_left=await totp.recovery.left(identity.user),
        )


def _add_enrolment(
    router: APIRouter, totp: TOTP, person: InPerson[Any], recent: Callable[..., Any]
) -> None:
    @router.post(
        "/mfa/totp",
        operation_id="begin_totp",
        summary="Begin to enrol an authenticator",
        responses=shared_responses(StepUpRequired),
    )
    async def begin_totp(identity: Annotated[Identity[Any], Depends(recent)]) -> EnrolmentOut:
        """Get a new secret to scan. It is used once it is confirmed; a second replaces it."""
        enrolment = await totp.begin(identity.user)
        image = await asyncio.to_thread(qr_svg, enrolment.uri)  # takes about 10 ms
        return EnrolmentOut(secret=enrolment.secret, otpauth_uri=enrolment.uri, qr_svg=image)

    @router.post(
        "/mfa/totp/confirm",
        operation_id="confirm_totp",
        summary="Confirm an authenticator",
        responses=shared_responses(StepUpRequired, WrongConfirmation, SecretUnreadable),
    )
    @enrols(totp)
    async def confirm_totp(
        identity: Annotated[Identity[Any], Depends(recent)],
        body: CodeIn,
        request: Request,
        response: Response,
    ) -> RecoveryCodesOut:
        """Prove that the app works. All other sessions, apps and API tokens end."""
        confirmed = await totp.check(identity.user, body.code.get_secret_value())
        async with transaction(totp.table):
            codes = await totp.enrol(confirmed, keep=identity.credential_id)
            await person.step_up(identity, totp.name, request, response)
        return RecoveryCodesOut(recovery_codes=codes)


def _add_changes(router: APIRouter, totp: TOTP, person: InPerson[Any]) -> None:
    @router.delete(
        "/mfa/totp",
        operation_id="remove_totp",
        summary="Remove my authenticator",
        status_code=204,
        responses=shared_responses(NotFound),
    )
    async def remove_totp(
        identity: Annotated[Identity[Any], Depends(person.identity)],
        request: Request,
        response: Response,
    ) -> None:
        """
        Remove it, and the recovery codes if you have no other second factor. All other sessions,
        apps and API tokens end.
        """
        async with transaction(totp.table):
            await totp.remove(identity.user, keep=identity.credential_id)
            await person.confirm(request)
            await person.renew(identity, request, response)

    @router.post(
        "/mfa/recovery-codes",
        operation_id="replace_recovery_codes",
        summary="Get new recovery codes",
        responses=shared_responses(NotFound),
    )
    async def replace_recovery_codes(
        identity: Annotated[Identity[Any], Depends(person.identity)],
        request: Request,
        response: Response,
    ) -> RecoveryCodesOut:
        """Get new codes; the old ones end. All other sessions, apps and API tokens end."""
        async with transaction(totp.table):
            codes = await totp.recovery.replace(identity.user, keep=identity.credential_id)
            await person.confirm(request)
            await person.renew(identity, request, response)
        return RecoveryCodesOut(recovery_codes=codes)


def qr_svg(uri: str) -> str:
    """Return a QR code as an SVG element."""
    import segno

    svg: str = segno.make_qr(uri, error="m").svg_inline(scale=4, light="#fff")
    return svg
