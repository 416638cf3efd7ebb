"""`require`: a guard with further requirements."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeAlias

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.errors import (
    AuthError,
    ConfigurationError,
    EmailNotVerified,
    Forbidden,
    StepUpRequired,
)

from .guards import Guard, signature_of
from .identity import Identity, UserT
from .permissions import checked_permission, declare_permissions
from .step_up import StepUp

Verdict: TypeAlias = bool | str | None
Check: TypeAlias = Callable[[UserT], Verdict | Awaitable[Verdict]]
"""Says whether a user is admitted; see `require`."""


class Require(Guard[UserT]):
    """A guard with further requirements. Made by `require`."""

    documented_errors: tuple[type[AuthError], ...] = ()

    def __init__(
        self,
        guard: Guard[UserT],
        scopes: Sequence[str],
        step_up: StepUp | None = None,
        *,
        verified: bool = False,
        check: Check[UserT] | None = None,
    ) -> None:
        self.schemes = guard.schemes
        self._guard = guard
        self.needed = tuple(scopes)
        self._step_up = step_up
        self._verified = verified
        self._check = check
        errors = {StepUpRequired: step_up, EmailNotVerified: verified, Forbidden: check}
        raised = [error for error, is_raised in errors.items() if is_raised]
        self.documented_errors = (*self.documented_errors, *raised)
        self.__signature__ = signature_of(self.schemes, self.needed)

    async def identify(
        self, connection: HTTPConnection, scopes: Iterable[str] = (), *, enrolling: bool = False
    ) -> Identity[UserT]:
        """Return the caller, who has the required scopes, verified address and factors."""
        needed = (*self.needed, *scopes)
        identity = await self._guard.identify(connection, needed, enrolling=enrolling)
        if self._verified:
            await self._check_email(identity)
        if self._step_up:
            self._step_up.check(identity.factors, self.now())
        if self._check:
            await _ask(self._check, identity.user)
        return identity

    async def _check_email(self, identity: Identity[UserT]) -> None:
        scheme = self.scheme_of(identity) or self.schemes[0]
        async with store():
            is_verified = await scheme.has_verified_email(identity.user)
        if not is_verified:
            raise EmailNotVerified


async def _ask(check: Check[UserT], user: UserT) -> None:
    verdict = check(user)
    if inspect.isawaitable(verdict):
        verdict = await verdict
    if not isinstance(verdict, (bool, str, type(None))):
        message = f"The check of require() must return a bool, a str or None, not {verdict!r}."
        raise TypeError(message)
    if verdict is False or isinstance(verdict, str):
        raise Forbidden(verdict or None)


@configured
def require(  # noqa: PLR0913 - each a word of its own
    guard: Guard[UserT],
    *,
    admin: bool = False,
    superuser: bool = False,
    scopes: Sequence[str] = (),
    permission: str | None = None,
    mfa: bool = False,
    factor: str | None = None,
    within: timedelta | None = None,
    verified: bool = False,
    check: Check[UserT] | None = None,
) -> Require[UserT]:
    """
    Make a guard with further requirements.

    ```python
    from datetime import timedelta
    from piccolo_api_fastapi import SessionAuth, require

    current_user = SessionAuth()
    admin = require(current_user, admin=True)
    writer = require(current_user, permission="movies:write")
    recently_confirmed = require(current_user, within=timedelta(minutes=5))
    employee = require(current_user, check=lambda user: user.email.endswith("@example.com"))
    ```

    A caller who lacks a scope gets 403. A caller who must present a factor (again) gets a 401
    that names it (RFC 9470), and presents it at `POST /reauthenticate`.

    Args:
        guard: A scheme, an `AnyOf` or another `require(…)`.
        admin: Whether the user needs the admin flag and the credential the scope `admin`.
        superuser: Whether the user needs the superuser flag and the credential `superuser`.
        scopes: Further scopes that are all needed.
        permission: One more scope: a permission that a role grants, such as `movies:write`.
        mfa: Whether a second factor must have been presented.
        factor: The factor that must have been presented, for example `"totp"`.
        within: The maximum age of that factor. Without `factor`, of a second factor if `mfa` is
            set, or else of any factor.
        verified: Whether the user's e-mail address must be verified. Costs one more query.
        check: A function of the user, sync or async, asked last. False or a sentence refuses the
            request with a 403, and the sentence is its `detail`; True and `None` admit it. It may
            raise an error of its own. A sync function must not block, as it runs on the event loop.

    Raises:
        ConfigurationError: Nothing is required, `scopes` is a string, `within` is too short, or
            `permission` is not the name of a permission.
    """
    flags = {"admin": admin, "superuser": superuser}
    needed = [name for name, wanted in flags.items() if wanted] + list(scopes)
    if permission is not None:
        needed.append(checked_permission(permission, "permission"))
    declare_permissions(guard, *needed)
    step_up = StepUp(mfa, factor, within)
    if not needed and not step_up and not verified and not check:
        raise ConfigurationError("require() needs at least one requirement, such as admin=True.")
    return Require(guard, needed, step_up or None, verified=verified, check=check)
