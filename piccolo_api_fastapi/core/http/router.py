"""`AuthRouter`: the router of prebuilt routes, which names their operations."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from piccolo.apps.user.tables import BaseUser

from .route import AuthRoute


class AuthRouter(APIRouter):
    """
    A router whose routes know the name of their operation and whose users they serve.

    Args:
        users: The user table that the routes serve.
        prefix: The beginning of the operation ids, for a second router of this kind.
        tag: The tag of the operations; `None` for that of the router that includes this one.
        route_class: The class of the routes.
    """

    def __init__(
        self,
        *,
        users: type[BaseUser],
        prefix: str = "",
        tag: str | None = None,
        route_class: type[AuthRoute] = AuthRoute,
    ) -> None:
        super().__init__(route_class=route_class, tags=None if tag is None else [tag])
        self._users = users
        self._beginning = f"{prefix}_" if prefix else ""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route. Its operation id gets the prefix of the router."""
        name = options["operation_id"]
        options["operation_id"] = f"{self._beginning}{name}"
        super().add_api_route(path, endpoint, **options)
        route = self.routes[-1]
        assert isinstance(route, AuthRoute)  # noqa: S101 - the route class of this router
        route.operation, route.user_table = name, self._users
