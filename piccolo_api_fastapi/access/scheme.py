"""`Scheme`: one way to authenticate, which OpenAPI lists."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal
from uuid import UUID

from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.errors import AuthError, CredentialNotAllowed, NotFound

from .devices import Device
from .guards import Guard, signature_of
from .identity import Identity, UserT
from .names import checked_name, operation_prefix_of, scheme_name_of


class Scheme(Guard[UserT], SecurityBase, ABC):
    """
    One way to authenticate, configured once. FastAPI lists it in OpenAPI.

    A subclass sets `scheme_name` and `model`, as FastAPI's own schemes do, and lists in
    `documented_errors` the errors that OpenAPI shows. A scheme for the credentials of machines
    sets `manages_credentials = False`; see `in_person`. `resource_metadata` is the URL that a 401
    names as that of the metadata of the API (RFC 9728). `operation_prefix` begins the ids of the
    operations of its routers. `device_kind` is what `devices_router` calls its credentials, which
    `devices` lists and `end_device` ends. `token_marks` is for tokens that are verified without a
    query: what those have in common that the scheme accepts.
    """

    transport: ClassVar[Literal["header", "cookie"]]
    challenge: str
    operation_prefix: str = ""
    device_kind: ClassVar[str] = ""
    token_marks: frozenset[tuple[str, ...]] = frozenset()
    resource_metadata: str | None = None
    documented_errors: ClassVar[tuple[type[AuthError], ...]]
    manages_credentials: ClassVar[bool] = True
    clock: Clock = staticmethod(utcnow)

    def __init__(self) -> None:
        self.schemes = (self,)
        self.__signature__ = signature_of()
        self.mention = Mention(self)

    def set_name(self, kind: str, name: str | None) -> None:
        """
        Set the name in OpenAPI and the prefix of operations.

        Args:
            kind: The name of a scheme that has none.
            name: The name that the application gave it.

        Raises:
            ConfigurationError: The name is not of lower-case words and digits.
        """
        self.scheme_name = scheme_name_of(checked_name(name), kind)
        self.operation_prefix = operation_prefix_of(name)

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

    async def devices(self, user: UserT) -> Sequence[Device]:  # noqa: ARG002
        """List the valid credentials of a user. Lists none unless a subclass overrides it."""
        return ()

    async def end_device(self, user: UserT, device: UUID) -> None:  # noqa: ARG002
        """
        End one credential of a user. There is none unless a subclass overrides it.

        Raises:
            NotFound: It does not exist, has ended, or belongs to another user or scheme.
        """
        raise NotFound

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
