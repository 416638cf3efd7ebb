"""Routes to list all that is signed in as a user, and to end each."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.in_use import refuse_other_users, users_of
from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.core.http.router import AuthRouter
from piccolo_api_fastapi.errors import ConfigurationError, NotFound
from piccolo_api_fastapi.users import UserT

from .schemas import DeviceOut

_TAG = tag("devices", "List all that is signed in as me, and sign it out.")


@configured
def devices_router(
    guard: Guard[UserT], *others: Scheme[Any], operation_prefix: str | None = None
) -> APIRouter:
    """
    Make the routes `GET /devices` and `DELETE /devices/{kind}/{id}`, for browsers, apps and API
    tokens alike.

    ```python
    import os
    from fastapi import FastAPI
    from piccolo_api_fastapi import AnyOf, JWTAuth, SessionAuth, TokenAuth, devices_router

    session, jwt, token = SessionAuth(), JWTAuth(secret=os.environ["JWT_SECRET"]), TokenAuth()
    app = FastAPI()
    app.include_router(devices_router(AnyOf(session, jwt), token), prefix="/auth")
    ```

    A caller by session sees and ends apps and API tokens as well, and a caller by JWT sessions. It
    costs one statement for each scheme, beside that of the guard.

    Args:
        guard: The guard of these routes, such as an `AnyOf` or a `require(…)`. The credentials of
            its schemes are listed. API tokens are refused with 403, even if it accepts them.
        others: Schemes outside `guard` whose credentials are listed, too.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of all schemes.

    Raises:
        ConfigurationError: The schemes have different user tables, all are for machines, or none
            has credentials that can be listed.
    """
    refuse_other_users("devices_router", guard, *others)
    schemes = list(dict.fromkeys((*guard.schemes, *others)))
    listed = [scheme for scheme in schemes if scheme.device_kind]
    if not listed:
        raise ConfigurationError("devices_router needs a scheme such as SessionAuth or JWTAuth.")
    table = users_of("devices_router", schemes).table
    router = AuthRouter(users=table, prefix=prefix_of(operation_prefix, *schemes), tag=_TAG)
    person = in_person(guard, *others)
    _add_list(router, listed, person)
    _add_end(router, listed, person)
    return router


def _add_list(router: APIRouter, schemes: list[Scheme[Any]], person: InPerson[Any]) -> None:
    @router.get(
        "/devices",
        operation_id="list_devices",
        summary="List all that is signed in as me",
    )
    async def list_devices(
        identity: Annotated[Identity[Any], Depends(person.identity)],
    ) -> list[DeviceOut]:
        """List your browsers, apps and API tokens, newest first."""
        found = [device for scheme in schemes for device in await scheme.devices(identity.user)]
        # Two schemes with the same name have the same sessions.
        devices = {device.id: device for device in found}.values()
        newest = sorted(devices, key=lambda device: device.created_at, reverse=True)
        return [DeviceOut.of(device, identity.credential_id) for device in newest]


def _add_end(router: APIRouter, schemes: list[Scheme[Any]], person: InPerson[Any]) -> None:
    kinds = list(dict.fromkeys(scheme.device_kind for scheme in schemes))

    @router.delete(
        "/devices/{kind}/{device_id}",
        operation_id="end_device",
        summary="Sign one device out",
        status_code=204,
        responses=shared_responses(NotFound),
    )
    async def end_device(
        identity: Annotated[Identity[Any], Depends(person.identity)],
        kind: Annotated[
            str, Path(description="The kind, as listed.", json_schema_extra={"enum": list(kinds)})
        ],
        device_id: UUID,
    ) -> None:
        """Sign a browser or an app out, or revoke an API token. It stops working at once."""
        of_kind = (scheme for scheme in schemes if scheme.device_kind == kind)
        await _end(of_kind, identity.user, device_id)


async def _end(schemes: Iterable[Scheme[Any]], user: Any, device: UUID) -> None:
    """End the device with the scheme that it belongs to, of several of one kind."""
    for scheme in schemes:
        with suppress(NotFound):
            return await scheme.end_device(user, device)
    raise NotFound
