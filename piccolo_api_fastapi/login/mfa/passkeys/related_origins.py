"""The route by which browsers let several domains share passkeys."""

from fastapi import APIRouter
from pydantic import ConfigDict

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.bodies import ResponseBody
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.route import PublicRoute
from piccolo_api_fastapi.core.http.router import AuthRouter

from .service import Passkeys

_TAG = tag("passkeys", "Log in by passkey; add, rename and remove passkeys.")


class RelatedOriginsOut(ResponseBody):
    """The origins that may use the passkeys of this domain (WebAuthn Level 3 section 5.11)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"origins": ["https://example.co.uk"]}]}
    )

    origins: list[str]


@configured
def related_origins_router(passkeys: Passkeys) -> APIRouter:
    """
    Make `GET /.well-known/webauthn`. Include it without a prefix, on the domain `rp_id`.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import Passkeys, related_origins_router

    passkeys = Passkeys(
        rp_id="example.com",
        rp_name="Movies",
        origins=["https://example.com"],
        related_origins=["https://example.co.uk"],
    )
    app = FastAPI()
    app.include_router(related_origins_router(passkeys))
    ```

    Args:
        passkeys: The passkeys. Without `related_origins=`, there is no such route.
    """
    router = AuthRouter(users=passkeys.users.table, tag=_TAG, route_class=PublicRoute)
    if not passkeys.related_origins:
        return router

    @router.get(
        "/.well-known/webauthn", operation_id="get_related_origins", summary="Related origins"
    )
    async def get_related_origins() -> RelatedOriginsOut:
        """Get the origins that may use the passkeys of this domain. They may be cached."""
        return RelatedOriginsOut(origins=list(passkeys.related_origins))

    return router
