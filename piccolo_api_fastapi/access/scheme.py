"""`Scheme`: one way to authenticate, which OpenAPI lists."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.errors import AuthError, CredentialNotAllowed

from .guards import Guard, signature_of
from .identity import Identity, UserT


class Scheme(Guard[UserT], SecurityBase, ABC):
    """
    One way to authenticate, configured once. FastAPI lists it in OpenAPI.

    A subclass sets `scheme_name` and `model`, as FastAPI's own schemes do, and lists in
    `documented_errors` the errors that OpenAPI shows. A scheme for the credentials of machines
    sets `manages_credentials = False`; see `in_person`. `resource_metadata` is the URL that a 401
    names as that of the metadata of the API (RFC 9728).
    """

    transport: ClassVar[Literal["header", "cookie"]]
    challenge: str
    resource_metadata: str | None = None
    documented_errors: ClassVar[tuple[type[AuthError], ...]]
    manages_credentials: ClassVar[bool] = True
    clock: Clock = staticmethod(utcnow)

    def __init__(self) -> None:
        self.schemes = (self,)
        self.__signature__ = signature_of()
        self.mention = Mention(self)

    @abstractmethod
    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Authenticate one request or WebSocket, without the cache.

        Returns:
            The caller, or `None` if there is no credential of this kind.

        Raises:
            AuthError: There is a credential of this kind, and it is invalid.
        """

    def has_ticket(self, connection: HTTPConnection) -> bool:  # noqa: ARG002
        """Whether a WebSocket brings a ticket of this scheme, in place of a header."""
        return False

    async def has_verified_email(self, user: UserT) -> bool:
        """For `require(…, verified=True)`. Always False for a scheme without `users`."""
        users = getattr(self, "users", None)
        return users is not None and bool(await users.has_verified_email(user))

    async def record_factor(
        self,
        identity: Identity[UserT],  # noqa: ARG002
        factor: str,  # noqa: ARG002
        connection: HTTPConnection,  # noqa: ARG002
        response: Response,  # noqa: ARG002
        *,
        for_change: bool = False,  # noqa: ARG002
    ) -> None:
        """Record a factor for `Guard.step_up`. Refuses unless a subclass overrides it."""
        raise CredentialNotAllowed

    async def spend_step_ups(self, identity: Identity[UserT]) -> None:
        """Use up step-ups for `Guard.use_step_ups`. Does nothing unless a subclass overrides it."""

    async def replace_secret(
        self, identity: Identity[UserT], connection: HTTPConnection, response: Response
    ) -> None:
        """Replace the secret for `Guard.renew`. Does nothing unless a subclass overrides it."""


class Mention(SecurityBase):
    """Names a scheme in OpenAPI and does nothing: each scheme needs a `SecurityBase` of its own."""

    def __init__(self, scheme: "Scheme[Any]") -> None:
        self.model = scheme.model
        self.scheme_name = scheme.scheme_name
        self.documented_errors = scheme.documented_errors

    async def __call__(self) -> None:
        """Do nothing."""
