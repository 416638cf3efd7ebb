"""The route that tells front ends how users log in."""

from typing import Any

from fastapi import APIRouter, Request

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.in_use import refuse_other_users, users_of
from piccolo_api_fastapi.access.names import operation_prefix as prefix_of
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.openapi import tag
from piccolo_api_fastapi.core.http.route import PublicRoute
from piccolo_api_fastapi.core.http.router import AuthRouter

from .schemas import ConfigOut
from .service import describe

_TAG = tag("config", "What a front end has to know.")


@configured
def config_router(guard: Guard[Any], *, operation_prefix: str | None = None) -> APIRouter:
    """
    Make `GET /config`, which tells front ends how users log in.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import SessionAuth, config_router, session_router

    session = SessionAuth()
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(config_router(session), prefix="/auth")
    ```

    The response has the ways in, the second factors, the rules for passwords, and the paths of all
    prebuilt routes that the application has for these users, with their CAPTCHAs. It needs no
    login, and caches may keep it for five minutes.

    Args:
        guard: The guard by which users are signed in. It says whose users they are.
        operation_prefix: The beginning of the operation id in OpenAPI, such as `staff`. Default:
            the name of all schemes of `guard`.

    Raises:
        ConfigurationError: No scheme of `guard` has users.
    """
    refuse_other_users("config_router", guard)
    users = users_of("config_router", guard.schemes)
    router = AuthRouter(
        users=users.table,
        prefix=prefix_of(operation_prefix, guard),
        tag=_TAG,
        route_class=PublicRoute,
    )

    @router.get("/config", operation_id="get_config", summary="How users log in")
    async def get_config(request: Request) -> ConfigOut:
        """Get the ways in, second factors, CAPTCHAs, rules for passwords, and paths."""
        return describe(request.scope, users)

    return router
