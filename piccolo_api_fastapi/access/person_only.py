"""`in_person`: a guard for routes that manage an account, which refuses narrowed credentials."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import (
    AuthError,
    ConfigurationError,
    CredentialNotAllowed,
    StepUpRequired,
)

from .guards import AnyOf, Guard
from .identity import ACCOUNT, Identity, UserT
from .refusal_events import emit_refusal
from .requirements import Require
from .scheme import Scheme
from .step_up import MULTI_FACTOR, Factors, StepUp, acr


class InPerson(Require[UserT]):
    """A guard that refuses the credentials of machines and narrowed ones. Made by `in_person`."""

    def __init__(
        self,
        guard: Guard[UserT],
        others: Iterable[Scheme[UserT]] = (),
        *,
        enrolling: bool = False,
        scopes: Sequence[str] = (ACCOUNT,),
        step_up: StepUp | None = None,
        like_login: bool = False,
    ) -> None:
        allowed = [scheme for scheme in guard.schemes if scheme.manages_credentials]
        if not allowed:
            raise ConfigurationError("in_person() needs a scheme for people, such as SessionAuth.")
        # OpenAPI lists the allowed schemes only.
        super().__init__(AnyOf(*allowed), scopes)
        self._guard = guard
        self._enrolling = enrolling
        self._for_change = step_up or None
        self._like_login = like_login
        asked = dict.fromkeys((*guard.schemes, *others))
        self._refused = [scheme for scheme in asked if not scheme.manages_credentials]
        told: list[type[AuthError]] = [*getattr(guard, "documented_errors", ())]
        told += [error for scheme in asked for error in scheme.documented_errors]
        told += [CredentialNotAllowed, *([StepUpRequired] if step_up else [])]
        self.documented_errors = tuple(dict.fromkeys(told))

    async def identify(
        self, connection: HTTPConnection, scopes: Iterable[str] = (), *, enrolling: bool = False
    ) -> Identity[UserT]:
        """Return the caller, who is a person."""
        for scheme in self._refused:
            if await scheme.find(connection) is not None:
                raise CredentialNotAllowed
        enrolling = enrolling or self._enrolling
        identity = await super().identify(connection, scopes, enrolling=enrolling)
        if step_up := self._for_change:
            if self._like_login and acr(identity.factors) == MULTI_FACTOR:
                step_up = replace(step_up, mfa=True)
            step_up.check(self._recent(identity), self.now(), identity.factors)
        return identity

    async def check(
        self, step_up: StepUp, identity: Identity[UserT], connection: HTTPConnection
    ) -> None:
        """
        Require a factor for a change of the account, and emit `authz_fail` if it is missing.

        Args:
            step_up: The factor that is required, and the time limit.
            identity: The caller.
            connection: The request.

        Raises:
            StepUpRequired: The factor was not presented, or too long ago.
        """
        try:
            step_up.check(self._recent(identity), self.now(), identity.factors)
        except StepUpRequired as error:
            await emit_refusal(error, connection, self.now(), identity)
            raise

    def _recent(self, identity: Identity[UserT]) -> Factors:
        """
        The factors that count for a change. A bearer token can be read by every service that it
        is sent to, so the login that issued it is no proof that the user wants this change.
        """
        scheme = self.scheme_of(identity)
        is_bearer = scheme is not None and scheme.transport == "header"
        # A token that can only enrol was issued for that very change.
        return identity.step_ups if is_bearer and not identity.is_enrolling else identity.factors


@configured
def in_person(
    guard: Guard[UserT],
    *others: Scheme[Any],
    enrolling: bool = False,
    scopes: Sequence[str] = (ACCOUNT,),
    mfa: bool | None = False,
    within: timedelta | None = None,
) -> InPerson[UserT]:
    """
    Make a guard for routes that manage an account. It answers 403 to a valid API token, and to an
    access token that was narrowed by a scope.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import AnyOf, SessionAuth, TokenAuth, in_person

    app, current_user = FastAPI(), AnyOf(SessionAuth(), TokenAuth())

    @app.post("/keys", dependencies=[Depends(in_person(current_user))])
    async def create_key() -> None: ...
    ```

    Otherwise, an attacker with a stolen token could make more tokens, and keep access after it is
    revoked (OWASP ASVS 5.0 V7.5.1). The prebuilt routers use this guard already.

    With `mfa` or `within`, a bearer token needs a factor that was presented for this change at
    `POST /reauthenticate`. The login that issued the token does not count.

    Args:
        guard: A scheme, an `AnyOf` or a `require(…)`. At least one scheme must be for people.
        others: Schemes outside `guard` whose credentials get 403 instead of 401.
        enrolling: Whether to accept a caller who must still enrol a second factor.
        scopes: The scopes that the credential needs. Default: `account`, which every user has
            and a token that was narrowed to other scopes lacks.
        mfa: Whether a second factor must have been presented; with `None`, if the login had one.
        within: The maximum age of that factor, or without `mfa` of any factor.

    Raises:
        ConfigurationError: All schemes are for machines, or `within` is too short.
    """
    step_up = StepUp(mfa=bool(mfa), within=within)
    options: dict[str, Any] = {"step_up": step_up, "like_login": mfa is None}
    return InPerson(guard, others, enrolling=enrolling, scopes=scopes, **options)
