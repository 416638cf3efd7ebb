"""Routes to enrol an authenticator app, and to take it away."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.person_only import in_person
from piccolo_api_fastapi.access.refusal_events import check_step_up
from piccolo_api_fastapi.access.requirements import require
from piccolo_api_fastapi.access.step_up import StepUp
from piccolo_api_fastapi.core.http.problems import responses
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    NotFound,
    SecretUnreadable,
    StepUpRequired,
    WrongConfirmation,
)
from piccolo_api_fastapi.users import UserT

from .schemas import CodeIn, EnrolmentOut, MFAOut, RecoveryCodesOut
from .service import TOTP

RECENT = timedelta(minutes=5)


def mfa_router(totp: TOTP, guard: Guard[UserT], *, within: timedelta = RECENT) -> APIRouter:
    """
    `GET /mfa`, `POST /mfa/totp`, `POST /mfa/totp/confirm`, `DELETE /mfa/totp` and
    `POST /mfa/recovery-codes`.

    Args:
        totp: The authenticators.
        guard: Whose factors they are: a scheme or `AnyOf`, for people in person.
        within: How long ago a factor was presented at most, for a change.

    Raises:
        ConfigurationError: `within` is no time, or no scheme of the guard is for people.
    """
    if within < timedelta(seconds=1):
        raise ConfigurationError("within= is a second at least.")
    router = APIRouter(route_class=AuthRoute, tags=["mfa"])
    _add_enrolment(router, totp, guard, within)
    _add_changes(router, totp, require(guard, mfa=True, within=within))
    return router


def _add_enrolment(router: APIRouter, totp: TOTP, guard: Guard[Any], within: timedelta) -> None:
    person = in_person(guard, enrolling=True)

    @router.get("/mfa", operation_id="get_mfa", summary="My second factors")
    async def get_mfa(identity: Annotated[Identity[Any], Depends(person.identity)]) -> MFAOut:
        """Whether an authenticator is asked for at login, and how many recovery codes are left."""
        row = await totp.row(identity.user)
        return MFAOut(
            totp_confirmed_at=row.confirmed_at if row else None,
            recovery_codes_left=await totp.recovery.left(identity.user),
        )

    async def recent(
        request: Request, identity: Annotated[Identity[Any], Depends(person.identity)]
    ) -> Identity[Any]:
        is_enrolled = await totp.is_enrolled(identity.user)
        await check_step_up(StepUp(mfa=is_enrolled, within=within), identity, request, guard.now())
        return identity

    @router.post(
        "/mfa/totp",
        operation_id="begin_totp",
        summary="Begin to enrol an authenticator",
        responses=responses(StepUpRequired),
    )
    async def begin_totp(
        identity: Annotated[Identity[Any], Depends(recent)],
    ) -> EnrolmentOut:
        """A new secret to scan. Nothing changes until it is confirmed; a second one replaces it."""
        enrolment = await totp.begin(identity.user)
        image = await asyncio.to_thread(qr_svg, enrolment.uri)  # a hundredth of a second
        return EnrolmentOut(secret=enrolment.secret, otpauth_uri=enrolment.uri, qr_svg=image)

    @router.post(
        "/mfa/totp/confirm",
        operation_id="confirm_totp",
        summary="Confirm an authenticator",
        responses=responses(StepUpRequired, WrongConfirmation, SecretUnreadable),
    )
    async def confirm_totp(
        identity: Annotated[Identity[Any], Depends(recent)],
        body: CodeIn,
        request: Request,
        response: Response,
    ) -> RecoveryCodesOut:
        """Prove that the app works. Other sessions and apps are signed out."""
        codes = await totp.confirm(
            identity.user,
            body.code.get_secret_value(),
            keep=identity.credential_id,
            then=lambda: person.step_up(identity, totp.name, request, response),
        )
        return RecoveryCodesOut(recovery_codes=codes)


def _add_changes(router: APIRouter, totp: TOTP, guard: Guard[Any]) -> None:
    person = in_person(guard)

    @router.delete(
        "/mfa/totp",
        operation_id="remove_totp",
        summary="Remove my authenticator",
        status_code=204,
        responses=responses(NotFound),
    )
    async def remove_totp(
        identity: Annotated[Identity[Any], Depends(person.identity)], request: Request
    ) -> None:
        """Take it away, with the recovery codes. Other sessions and apps are signed out."""
        still = partial(person.confirm, request)
        await totp.remove(identity.user, keep=identity.credential_id, then=still)

    @router.post(
        "/mfa/recovery-codes",
        operation_id="replace_recovery_codes",
        summary="Get new recovery codes",
        responses=responses(NotFound),
    )
    async def replace_recovery_codes(
        identity: Annotated[Identity[Any], Depends(person.identity)], request: Request
    ) -> RecoveryCodesOut:
        """New codes; the old ones are dead. Other sessions and apps are signed out."""
        still = partial(person.confirm, request)
        key = identity.credential_id
        codes = await totp.recovery.replace(identity.user, keep=key, then=still)
        return RecoveryCodesOut(recovery_codes=codes)


def qr_svg(uri: str) -> str:
    """A QR code as an SVG element."""
    import segno

    svg: str = segno.make_qr(uri, error="m").svg_inline(scale=4, light="#fff")
    return svg
