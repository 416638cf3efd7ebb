"""`require`: a guard that lets fewer through."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.errors import (
    AuthError,
    ConfigurationError,
    EmailNotVerified,
    StepUpRequired,
)

from .guards import Guard, signature_of
from .identity import Identity, UserT
from .step_up import StepUp


class Require(Guard[UserT]):
    """A guard that lets fewer through; made by `require`."""

    documented_errors: tuple[type[AuthError], ...] = ()

    def __init__(
        self,
        guard: Guard[UserT],
        scopes: Sequence[str],
        step_up: StepUp | None = None,
        *,
        verified: bool = False,
    ) -> None:
        self.schemes = guard.schemes
        self._guard = guard
        self._scopes = tuple(scopes)
        self._step_up = step_up
        self._verified = verified
        errors = {StepUpRequired: step_up, EmailNotVerified: verified}
        raised = [error for error, is_raised in errors.items() if is_raised]
        self.documented_errors = (*self.documented_errors, *raised)
        self.__signature__ = signature_of(self.schemes, self._scopes)

    async def identify(
        self, connection: HTTPConnection, scopes: Iterable[str] = (), *, enrolling: bool = False
    ) -> Identity[UserT]:
        """The caller, who has the scopes, the address and the factors that are required."""
        needed = (*self._scopes, *scopes)
        identity = await self._guard.identify(connection, needed, enrolling=enrolling)
        if self._verified:
            await self._check_email(identity)
        if self._step_up:
            self._step_up.check(identity.factors, self.now())
        return identity

    async def _check_email(self, identity: Identity[UserT]) -> None:
        named = (scheme for scheme in self.schemes if scheme.scheme_name == identity.scheme)
        scheme = next(named, self.schemes[0])
        async with store():
            is_verified = await scheme.has_verified_email(identity.user)
        if not is_verified:
            raise EmailNotVerified


def require(  # noqa: PLR0913 - each a word of its own
    guard: Guard[UserT],
    *,
    admin: bool = False,
    superuser: bool = False,
    scopes: Sequence[str] = (),
    mfa: bool = False,
    factor: str | None = None,
    within: timedelta | None = None,
    verified: bool = False,
) -> Require[UserT]:
    """
    A narrower dependency: 403 for those who lack a scope, and for those who have to present
    a factor (again) a 401 that says so (RFC 9470). `POST /reauthenticate` is where they do.

    Args:
        guard: A scheme, `AnyOf` or another `require(…)`.
        admin: The user has the flag, and the credential was given the scope `admin`.
        superuser: Likewise.
        scopes: Further scopes, all of them needed.
        mfa: A second factor was presented.
        factor: This factor was presented, for example `"totp"`.
        within: How long ago at most: the factor, or else the second one, or else any.
        verified: The user's e-mail address is verified; asks the database once more.

    Raises:
        ConfigurationError: Nothing is required, `scopes` is one string, or `within` is no time.
    """
    if isinstance(scopes, str):
        raise ConfigurationError("scopes is a list of strings.")
    flags = {"admin": admin, "superuser": superuser}
    needed = [name for name, wanted in flags.items() if wanted] + list(scopes)
    step_up = StepUp(mfa, factor, within)
    if not needed and not step_up and not verified:
        raise ConfigurationError("require() needs something to require.")
    return Require(guard, needed, step_up or None, verified=verified)
