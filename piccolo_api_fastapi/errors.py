"""
All errors, as one tree.

    AuthError                       an HTTPException with a stable code
    ├── Unauthenticated         401  no credential was sent
    │   ├── InvalidCredentials  401  identifier and password do not match
    │   ├── InvalidToken        401  the bearer token is invalid
    │   ├── InvalidCode         401  the code of a second factor is wrong or was used
    │   ├── StepUpRequired      401  a factor must be presented (again) (RFC 9470)
    │   ├── InvalidTicket       401  a challenge, link or code is invalid or expired
    │   └── InvalidSession      401  the session cookie is malformed
    │       └── SessionEnded    401  the session is unknown, expired or revoked
    ├── Forbidden               403
    │   ├── InsufficientScope   403  a scope is missing
    │   ├── CredentialNotAllowed 403 an API token where only a person is allowed
    │   ├── CrossSiteRequest    403  the CSRF check failed
    │   ├── EmailNotVerified    403  the e-mail address must be verified first
    │   ├── EnrolmentRequired   403  a second factor must be enrolled first
    │   ├── FactorDisabled      403  too many wrong codes of a second factor
    │   ├── SignInAgain         403  too many wrong codes with one session or app
    │   ├── LoginRefused        403  a login hook refused
    │   ├── ProviderRefused     403  a provider such as Google did not confirm who it is
    │   ├── NoAccount           403  the user of a provider has no account, and gets none
    │   ├── CaptchaRequired     403  a CAPTCHA must be solved
    │   └── CaptchaFailed       403  the solution of the CAPTCHA is wrong or expired
    ├── NotFound                404
    ├── Conflict                409  another request made a change first
    │   ├── IdentityTaken       409  the username or e-mail address is taken
    │   ├── ValueTaken          409  another unique value is taken
    │   ├── InUse               409  other rows refer to the row
    │   ├── AccountInUse        409  rows of the application refer to the user
    │   ├── AccountExists       409  the address that a provider told belongs to an account
    │   ├── AlreadyLinked       409  the account at a provider is linked already, or another is
    │   ├── PasskeyExists       409  the passkey is registered already
    │   ├── LastWayIn           409  without it, the user could not log in any more
    │   ├── LastManager         409  no other user may manage roles
    │   ├── PasskeyLimitReached 409  the maximum number of passkeys is reached
    │   └── TokenLimitReached   409  the maximum number of API tokens is reached
    ├── PreconditionFailed      412  the row changed since it was read
    ├── ContentTooLarge         413
    ├── UnsupportedMediaType    415
    ├── Unprocessable           422  the input is invalid
    │   ├── PasskeyRefused      422  the passkey is not what was asked for
    │   ├── WrongConfirmation   422  the first code of a new authenticator is wrong
    │   └── WeakPassword        422  the password policy refused
    ├── PreconditionRequired    428  the header If-Match is missing
    ├── TooManyRequests         429  a rate limit is exceeded
    ├── Unavailable             503  try again later
    │   ├── HasherBusy          503  too many passwords are being hashed
    │   ├── SecretUnreadable    503  a stored secret can't be decrypted
    │   ├── StoreUnavailable    503  the database is not available
    │   ├── ProviderUnavailable 503  a provider such as Google does not answer
    │   └── CaptchaUnavailable  503  the CAPTCHA can't be verified
    ├── LoginFlowUnknown        400  this browser did not begin this login with a provider
    └── TokenRequestError       400  RFC 6749 section 5.2, with `error` in the body
        ├── InvalidRequest      400
        ├── InvalidGrant        400
        │   ├── WrongLoginCode  400  the code of the second step is wrong
        │   ├── DeadChallenge   400  the challenge of the second step is unknown, used or expired
        │   └── GrantRefused    400  a login hook refused
        ├── InvalidScope        400
        ├── UnsupportedGrantType 400
        └── MFARequired         403  the password is right, a second factor is needed

    ConfigurationError              raised when an object is made, not while serving
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from starlette.exceptions import HTTPException


class ConfigurationError(ValueError):
    """
    A weak or contradictory setting. Raised when the object is made.

    ```python
    from piccolo_api_fastapi import ConfigurationError, JWTAuth

    try:
        JWTAuth(secret="too short")
    except ConfigurationError as error:
        print(error)
    ```
    """


@dataclass(frozen=True, slots=True)
class LeadsTo:
    """
    What the user has to do next.

    Args:
        action: The `action` of a `NextStep`.
        operation: The name of the operation that does it.
        sending: The name of the operation that sends another code.
        or_else: The name of the operation to use if there is no such operation.
    """

    action: str
    operation: str
    sending: str = ""
    or_else: str = ""


TO_ENROL = LeadsTo("enrol_factor", "begin_totp", or_else="begin_passkey")
"""The user must set up a second factor."""


class AuthError(HTTPException):
    """
    An error with a status, a stable `code` and a sentence for people.

    ```python
    from piccolo_api_fastapi import AuthError

    class TooYoung(AuthError):
        status = 403
        code = "too_young"
        message = "You must be 18 to do this."
    ```

    FastAPI answers it like every `HTTPException`. The prebuilt routers, and applications with
    `install(app)`, answer it as an RFC 9457 problem.

    Args:
        message: A sentence that replaces the one of the class.
        headers: Headers of the response.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    message: ClassVar[str] = "The request can't be served."

    leads_to: "ClassVar[LeadsTo | None]" = None
    """What the user has to do next, for the member `next` of the body."""

    place: tuple[str | int, ...] = ()
    """Which of several inputs was refused, for the member `loc` of the body."""

    def __init__(
        self, message: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(self.status, detail=message or self.message, headers=headers)

    def members(self) -> dict[str, Any]:
        """Return further members of the error body."""
        return {}


class Unauthenticated(AuthError):
    """
    No credential was sent.

    Args:
        challenge: The value of `WWW-Authenticate` (RFC 9110 section 11.6.1).
    """

    status = 401
    code = "not_authenticated"
    message = "Authentication is required."

    def __init__(self, message: str | None = None, *, challenge: str = "Bearer") -> None:
        super().__init__(message, headers={"WWW-Authenticate": challenge})


class InvalidCredentials(Unauthenticated):
    """
    The user is unknown, disabled or locked, or the password is wrong: one response for all.

    Attributes:
        user: The primary key of the user whose password was wrong, if there is one. It is for
            events and never part of the response.
        inactive: The row of the user, if their password was right and they are not active.
    """

    code = "invalid_credentials"
    message = "The username or password is incorrect."
    user: Any = None
    inactive: Any = None


class InvalidToken(Unauthenticated):
    """The token is malformed, expired, revoked or for another API (RFC 6750 section 3.1)."""

    code = "invalid_token"
    message = "The access token is invalid or has expired."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, challenge='Bearer error="invalid_token"')


class InvalidCode(Unauthenticated):
    """The code of a second factor is wrong, or was used before."""

    code = "invalid_code"
    message = "The code is incorrect."


class StepUpRequired(Unauthenticated):
    """
    A factor must be presented again, or a second factor is missing (RFC 9470).

    Args:
        max_age: The maximum age of the factor, in seconds.
        acr: The level that is needed, such as `mfa`.
    """

    code = "insufficient_user_authentication"
    message = "Please confirm that it is you."
    leads_to = LeadsTo("reauthenticate", "reauthenticate")

    def __init__(self, *, max_age: int | None = None, acr: str | None = None) -> None:
        self.needed = {"max_age": max_age, "acr_values": acr}
        parameters = [f'{name}="{value}"' for name, value in self.needed.items() if value]
        challenge = ", ".join([f'Bearer error="{self.code}"', *parameters])
        super().__init__(challenge=challenge)

    def members(self) -> dict[str, Any]:
        """Return `max_age` and `acr_values`."""
        return {name: value for name, value in self.needed.items() if value}


class InvalidTicket(Unauthenticated):
    """The challenge of a login, or the secret of a mailed link, is unknown, used or expired."""

    code = "invalid_ticket"
    message = "This link or code is invalid, has expired or was used before. Please start again."


class InvalidSession(Unauthenticated):
    """The session cookie is malformed, sent twice or imitated by another cookie."""

    code = "invalid_session"
    message = "The session cookie is invalid."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, challenge=COOKIE_CHALLENGE)


class SessionEnded(InvalidSession):
    """The session is unknown, expired or revoked."""

    message = "The session has ended. Please log in again."


class Forbidden(AuthError):
    """The caller is known, but not allowed to do this."""

    status = 403
    code = "forbidden"
    message = "You do not have permission to do this."


class InsufficientScope(Forbidden):
    """
    A scope is missing (RFC 6750 section 3.1).

    Args:
        scopes: The scopes that are needed.
    """

    code = "insufficient_scope"
    message = "You do not have permission to do this."

    def __init__(self, scopes: Sequence[str] = ()) -> None:
        self.scopes = tuple(scopes)
        scope = " ".join(scopes)
        super().__init__(
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        )


class CredentialNotAllowed(Forbidden):
    """An API token was used on a route that manages credentials."""

    code = "credential_not_allowed"
    message = "This kind of credential can't be used here. Please log in."


class CrossSiteRequest(Forbidden):
    """Another site sent this request with the cookies of this one."""

    code = "cross_site_request"
    message = "The request was sent by another site."


class EnrolmentRequired(Forbidden):
    """The user must enrol a second factor before anything else."""

    code = "mfa_enrolment_required"
    message = "Please set up a second factor first."
    leads_to = TO_ENROL


class FactorDisabled(Forbidden):
    """There were too many wrong codes of a second factor in a row."""

    code = "factor_disabled"
    message = "This second factor is disabled after too many wrong codes. Use a recovery code."


class SignInAgain(Forbidden):
    """Too many wrong codes in a row came with this session or app: it can present no more."""

    code = "sign_in_again"
    message = "There were too many wrong codes. Please sign in again."


class LoginRefused(Forbidden):
    """A login hook refused. The message is the reason that it gave."""

    code = "login_refused"
    message = "This login was refused."


class EmailNotVerified(Forbidden):
    """The user's e-mail address is not verified."""

    code = "email_not_verified"
    message = "Please confirm your e-mail address first."
    leads_to = LeadsTo("verify_email", "verify_email", "request_email_verification")


class ProviderRefused(Forbidden):
    """The provider did not confirm who the user is, or the user did not let it."""

    code = "provider_refused"
    message = "The provider did not confirm who you are. Please try again."


class NoAccount(Forbidden):
    """The user of a provider has no account, and users can't sign up this way."""

    code = "no_account"
    message = "There is no account for this login."


class CaptchaRequired(Forbidden):
    """The request has no response of a CAPTCHA."""

    code = "captcha_required"
    message = "Please solve the CAPTCHA."


class CaptchaFailed(Forbidden):
    """The response of the CAPTCHA is wrong, expired or was used before."""

    code = "captcha_failed"
    message = "The CAPTCHA was not solved. Please try again."


class NotFound(AuthError):
    """The resource does not exist, or belongs to another user."""

    status = 404
    code = "not_found"
    message = "The resource was not found."


class Conflict(AuthError):
    """Another request changed the resource first."""

    status = 409
    code = "conflict"
    message = "Another request changed this at the same time. Please reload and try again."


class IdentityTaken(Conflict):
    """The username or the e-mail address belongs to another user."""

    code = "identity_taken"
    message = "This username or e-mail address is taken."


class ValueTaken(Conflict):
    """
    A unique value belongs to another user or another row.

    Args:
        fields: The names of the fields that must be unique together, if they are known.
    """

    code = "value_taken"
    message = "One of these values is taken."

    def __init__(self, message: str | None = None, *, fields: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)

    def members(self) -> dict[str, Any]:
        """Return `fields`, if they are known."""
        return {"fields": list(self.fields)} if self.fields else {}


class InUse(Conflict):
    """Other rows refer to the row, and the database keeps it for them."""

    code = "in_use"
    message = "This can't be deleted, because other data still refers to it."


class AccountInUse(Conflict):
    """Rows of the application refer to the user, and the database keeps the user for them."""

    code = "account_in_use"
    message = "This account can't be closed, because other data still refers to it."


class AccountExists(Conflict):
    """The address that a provider told belongs to an account that is not linked to it."""

    code = "account_exists"
    message = "You have an account with this e-mail address. Sign in to it as usual."


class AlreadyLinked(Conflict):
    """The account at the provider is linked already, or another of the user is."""

    code = "already_linked"
    message = "This account is linked already, or you have linked another one of this provider."


class LastManager(Conflict):
    """After the change, no user could manage roles."""

    code = "last_manager"
    message = "Nobody else may manage roles. Let another user manage roles first."


class TokenLimitReached(Conflict):
    """The user has reached the maximum number of API tokens."""

    code = "token_limit_reached"
    message = "You have reached the maximum number of API tokens. Revoke one first."


class PasskeyExists(Conflict):
    """The passkey is registered already, whoever has it."""

    code = "passkey_exists"
    message = "This passkey is registered already."


class PasskeyLimitReached(Conflict):
    """The user has reached the maximum number of passkeys."""

    code = "passkey_limit_reached"
    message = "You have reached the maximum number of passkeys. Remove one first."


class LastWayIn(Conflict):
    """Without this, the user could not log in any more."""

    code = "last_way_in"
    message = "This is your last way to log in. Add another, or set a password, first."


class PreconditionFailed(AuthError):
    """The row is not the one that `If-Match` names: it was changed meanwhile (RFC 9110 13.1.1)."""

    status = 412
    code = "precondition_failed"
    message = "This was changed meanwhile. Please reload and try again."


class ContentTooLarge(AuthError):
    """The body is larger than the route accepts."""

    status = 413
    code = "content_too_large"
    message = "The request body is too large."


class UnsupportedMediaType(AuthError):
    """The body does not have the content type that the route accepts."""

    status = 415
    code = "unsupported_media_type"
    message = "The request body has an unsupported content type."


@dataclass(frozen=True, slots=True)
class FieldError:
    """
    One error in one input, in the form of FastAPI's own 422.

    Args:
        loc: The path of the input, for example `("body", "password")`.
        msg: A sentence for people.
        type: A stable code.
    """

    loc: tuple[str | int, ...]
    msg: str
    type: str


class Unprocessable(AuthError):
    """
    The input is well-formed but invalid.

    Args:
        errors: The errors, without the values of the request.
    """

    status = 422
    code = "validation_error"
    message = "The input is invalid."

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__()
        self.errors = tuple(errors)
        self.detail: Any = [{**asdict(error), "loc": list(error.loc)} for error in errors]

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the stable code of each error."""
        return tuple(error.type for error in self.errors)


class WrongConfirmation(Unprocessable):
    """The first code of a new authenticator is wrong, or no enrolment was started."""

    code = "wrong_confirmation"
    message = "The code does not match. Please scan the QR code again."

    def __init__(self) -> None:
        super().__init__([FieldError(("body", "code"), self.message, self.code)])


class PasskeyRefused(Unprocessable):
    """What the browser returned is not what it was asked for, or it was asked too long ago."""

    code = "passkey_refused"
    message = "The passkey could not be added. Please try again."

    def __init__(self) -> None:
        super().__init__([FieldError(("body", "credential"), self.message, self.code)])


class WeakPassword(Unprocessable, ValueError):
    """The password policy refused; see `codes`. A `ValueError`, since Piccolo expects one."""

    code = "weak_password"
    message = "The password is not accepted."

    def __str__(self) -> str:
        return " ".join(error.msg for error in self.errors)


class PreconditionRequired(AuthError):
    """The request must name the version that it changes, in `If-Match` (RFC 6585 section 3)."""

    status = 428
    code = "precondition_required"
    message = "Send the ETag of the row in If-Match."


class TooManyRequests(AuthError):
    """
    The caller has exceeded a rate limit (RFC 6585 section 4).

    Args:
        retry_after: Seconds until the caller may try again (RFC 9110 section 10.2.3).
        headers: Further headers of the response.
    """

    status = 429
    code = "too_many_requests"
    message = "Too many requests. Please wait."

    def __init__(self, *, retry_after: int = 1, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers={"Retry-After": str(retry_after), **(headers or {})})


class Unavailable(AuthError):
    """
    The request can't be served at the moment.

    Args:
        retry_after: Seconds until the caller may try again (RFC 9110 section 10.2.3).
    """

    status = 503
    code = "unavailable"
    message = "The service is not available at the moment. Please try again."

    def __init__(self, *, retry_after: int = 1) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)})


class HasherBusy(Unavailable):
    """Too many passwords are queued to be hashed."""

    code = "busy"
    message = "Too many logins are in progress. Please try again."


class SecretUnreadable(Unavailable):
    """A stored secret can't be decrypted: its key is not configured, or it was changed."""

    code = "secret_unreadable"


class StoreUnavailable(Unavailable):
    """The database is not available, or the store of a rate limit with `on_error="deny"`."""

    code = "store_unavailable"


class ProviderUnavailable(Unavailable):
    """The provider does not answer at the moment."""

    code = "provider_unavailable"
    message = "The provider does not answer at the moment. Please try again."


class CaptchaUnavailable(Unavailable):
    """The response of the CAPTCHA can't be verified at the moment."""

    code = "captcha_unavailable"


class LoginFlowUnknown(AuthError):
    """
    A login with a provider is unknown, used or expired, or this browser did not begin it: one
    response for all.
    """

    code = "login_flow_unknown"
    message = "This login was started elsewhere, or too long ago. Please start again."


def oauth_members(error: str, description: str) -> dict[str, str]:
    """
    Return the members of an error of the token endpoint (RFC 6749 section 5.2).

    Args:
        error: The code.
        description: A sentence. Characters that the RFC forbids are replaced.
    """
    description = description.replace('"', "'").replace("\\", "/")
    return {"error": error, "error_description": re.sub(r"[^ -~]", "?", description)}


class TokenRequestError(AuthError):
    """An error of the token endpoint, in the form of RFC 6749 section 5.2."""

    code = "invalid_request"
    error: ClassVar[str] = "invalid_request"
    message = "The token request is malformed."

    def members(self) -> dict[str, Any]:
        """Return `error` and `error_description`."""
        return oauth_members(self.error, str(self.detail))


class InvalidRequest(TokenRequestError):
    """A parameter is missing, repeated or malformed."""


class InvalidGrant(TokenRequestError):
    """The password is wrong, or the refresh token is invalid, expired or revoked."""

    code = error = "invalid_grant"
    message = "The credentials or the refresh token are invalid, expired or revoked."


class WrongLoginCode(InvalidGrant):
    """The code of the second step is wrong or was used before. The challenge is still valid."""

    code = InvalidCode.code
    message = InvalidCode.message


class DeadChallenge(InvalidGrant):
    """The challenge of the second step is unknown, used or expired."""

    code = InvalidTicket.code
    message = "The challenge is invalid, has expired or was used before. Please log in again."


class GrantRefused(InvalidGrant):
    """A login hook refused. The message is the reason that it gave."""

    code = LoginRefused.code
    message = LoginRefused.message


class InvalidScope(TokenRequestError):
    """A requested scope can't be granted."""

    code = error = "invalid_scope"
    message = "A requested scope can't be granted."


class UnsupportedGrantType(TokenRequestError):
    """`grant_type` is neither `password` nor `refresh_token`."""

    code = error = "unsupported_grant_type"
    message = "This grant type is not supported."


class MFARequired(TokenRequestError):
    """
    The password is right, and a second factor is needed at `/token/mfa`.

    Args:
        challenge: The challenge to send along with the code.
        methods: The factors to choose from.
        expires_in: The lifetime of the challenge, in seconds.
    """

    status = 403
    code = error = "mfa_required"
    message = "A second factor is required."
    leads_to = LeadsTo("present_factor", "create_token_mfa", "send_token_code")

    def __init__(
        self, challenge: str = "tkt_…", methods: Sequence[str] = ("totp",), expires_in: int = 600
    ) -> None:
        super().__init__()
        self._challenge = challenge
        self._methods = list(methods)
        self._expires_in = expires_in

    def members(self) -> dict[str, Any]:
        """Return the members that the client needs for the second step."""
        return super().members() | {
            "challenge": self._challenge,
            "methods": self._methods,
            "expires_in": self._expires_in,
        }


COOKIE_CHALLENGE = 'Cookie realm="session"'
"""`WWW-Authenticate` for a missing or ended session. No registered scheme names cookies."""
