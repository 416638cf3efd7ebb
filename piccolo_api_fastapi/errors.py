"""
What can go wrong, as one tree.

    AuthError                       an HTTPException with a stable code
    ├── Unauthenticated         401  no credential was sent
    │   ├── InvalidCredentials  401  identifier and password do not match
    │   ├── InvalidToken        401  a bearer token that is no good
    │   ├── InvalidCode         401  a second factor's code that is wrong or was used
    │   ├── StepUpRequired      401  a factor has to be presented again (RFC 9470)
    │   ├── InvalidTicket       401  a challenge, link or code that is no good any more
    │   └── InvalidSession      401  a session cookie that cannot be read
    │       └── SessionEnded    401  a session cookie that is unknown, expired or revoked
    ├── Forbidden               403
    │   ├── InsufficientScope   403  a scope is missing
    │   ├── CredentialNotAllowed 403 an API token where only a person may come
    │   ├── CrossSiteRequest    403  the CSRF check failed
    │   ├── EmailNotVerified    403  the e-mail address has to be verified first
    │   ├── EnrolmentRequired   403  a second factor has to be enrolled first
    │   ├── FactorDisabled      403  a second factor was guessed at too often
    │   ├── LoginRefused        403  a login hook said no
    │   ├── CaptchaRequired     403  a CAPTCHA has to be solved
    │   └── CaptchaFailed       403  the CAPTCHA was not solved, or too long ago
    ├── NotFound                404
    ├── Conflict                409  another request was first
    │   ├── IdentityTaken       409  username or e-mail belongs to somebody
    │   ├── ValueTaken          409  another value belongs to somebody
    │   └── TokenLimitReached   409  the user has as many API tokens as they may
    ├── ContentTooLarge         413
    ├── UnsupportedMediaType    415
    ├── Unprocessable           422  input that cannot be used
    │   ├── WrongConfirmation   422  the first code of a new authenticator is wrong
    │   └── WeakPassword        422  the password policy said no
    ├── TooManyRequests         429  wait
    ├── Unavailable             503  try again later
    │   ├── HasherBusy          503  too many passwords are being hashed
    │   ├── SecretUnreadable    503  a stored secret can't be decrypted
    │   ├── StoreUnavailable    503  the database does not answer
    │   └── CaptchaUnavailable  503  nobody can tell whether the CAPTCHA was solved
    └── TokenRequestError       400  RFC 6749 section 5.2, with `error` in the body
        ├── InvalidRequest      400
        ├── InvalidGrant        400
        ├── InvalidScope        400
        ├── UnsupportedGrantType 400
        └── MFARequired         403  the password was right, a second factor has to follow

    ConfigurationError              raised when an object is made, never while serving
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from starlette.exceptions import HTTPException


class ConfigurationError(ValueError):
    """A weak or contradictory setting; raised when the object is made."""


class AuthError(HTTPException):
    """
    An error with a status, a stable `code` and one sentence for people.

    A bare FastAPI application answers it as it answers every `HTTPException`;
    the prebuilt routers and `install(app)` answer it as an RFC 9457 problem.

    Args:
        message: Replaces the sentence of the class.
        headers: Sent with the answer.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    message: ClassVar[str] = "The request can't be served."

    def __init__(
        self, message: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(self.status, detail=message or self.message, headers=headers)

    def members(self) -> dict[str, Any]:
        """Further members of the error body."""
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
    """Unknown, wrong, disabled or locked: one answer for all of them."""

    code = "invalid_credentials"
    message = "The username or password is incorrect."


class InvalidToken(Unauthenticated):
    """The bearer token is malformed, expired, revoked or not for here (RFC 6750 section 3.1)."""

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
    A factor has to be presented again, or a second one at all (RFC 9470).

    Args:
        max_age: Seconds since it was presented, at most.
        acr: Which level is needed.
    """

    code = "insufficient_user_authentication"
    message = "Please confirm that it is you."

    def __init__(self, *, max_age: int | None = None, acr: str | None = None) -> None:
        self.needed = {"max_age": max_age, "acr_values": acr}
        parameters = [f'{name}="{value}"' for name, value in self.needed.items() if value]
        challenge = ", ".join([f'Bearer error="{self.code}"', *parameters])
        super().__init__(challenge=challenge)

    def members(self) -> dict[str, Any]:
        """`max_age` and `acr_values`."""
        return {name: value for name, value in self.needed.items() if value}


class InvalidTicket(Unauthenticated):
    """A login's challenge or the secret of a mailed link: unknown, used or expired."""

    code = "invalid_ticket"
    message = "This is invalid, has expired or was used before. Please start again."


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
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"
    message = "You may not do this."


class InsufficientScope(Forbidden):
    """
    A scope is missing (RFC 6750 section 3.1).

    Args:
        scopes: The scopes that are needed.
    """

    code = "insufficient_scope"
    message = "A scope that this needs was not granted."

    def __init__(self, scopes: Sequence[str] = ()) -> None:
        self.scopes = tuple(scopes)
        scope = " ".join(scopes)
        super().__init__(
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        )


class CredentialNotAllowed(Forbidden):
    """An API token came to a route that manages credentials."""

    code = "credential_not_allowed"
    message = "This kind of credential can't be used here. Please log in."


class CrossSiteRequest(Forbidden):
    """Another site sent this request with the cookies of this one."""

    code = "cross_site_request"
    message = "The request was sent by another site."


class EnrolmentRequired(Forbidden):
    """The user has to enrol a second factor before anything else."""

    code = "mfa_enrolment_required"
    message = "A second factor has to be set up first."


class FactorDisabled(Forbidden):
    """A second factor was guessed at too often in a row."""

    code = "factor_disabled"
    message = "This second factor is disabled after too many wrong codes. Use a recovery code."


class LoginRefused(Forbidden):
    """A login hook refused; the sentence is the hook's reason."""

    code = "login_refused"
    message = "This login is refused."


class EmailNotVerified(Forbidden):
    """The user's e-mail address is not verified."""

    code = "email_not_verified"
    message = "Please confirm your e-mail address first."


class CaptchaRequired(Forbidden):
    """The request came without the response of a CAPTCHA."""

    code = "captcha_required"
    message = "Please solve the CAPTCHA."


class CaptchaFailed(Forbidden):
    """The response of the CAPTCHA is wrong, expired or was used before."""

    code = "captcha_failed"
    message = "The CAPTCHA was not solved. Please try again."


class NotFound(AuthError):
    """There is no such thing, or it is somebody else's."""

    status = 404
    code = "not_found"
    message = "There is no such resource."


class Conflict(AuthError):
    """Another request changed the same thing first."""

    status = 409
    code = "conflict"
    message = "This was changed by another request. Please look again."


class IdentityTaken(Conflict):
    """The username or the e-mail address belongs to somebody already."""

    code = "identity_taken"
    message = "This username or e-mail address is taken."


class ValueTaken(Conflict):
    """A value that only one user may have belongs to another already."""

    code = "value_taken"
    message = "One of these values belongs to somebody else."


class TokenLimitReached(Conflict):
    """The user has as many API tokens as they may have."""

    code = "token_limit_reached"
    message = "There are as many API tokens as there may be. Revoke one first."


class ContentTooLarge(AuthError):
    """The body is larger than the route reads."""

    status = 413
    code = "content_too_large"
    message = "The request body is too large."


class UnsupportedMediaType(AuthError):
    """The body is not of the type that the route reads."""

    status = 415
    code = "unsupported_media_type"
    message = "The request body has an unsupported content type."


@dataclass(frozen=True, slots=True)
class FieldError:
    """
    One thing wrong with one input, in the shape of FastAPI's own 422.

    Args:
        loc: Where, for example `("body", "password")`.
        msg: A sentence for people.
        type: A stable code.
    """

    loc: tuple[str | int, ...]
    msg: str
    type: str


class Unprocessable(AuthError):
    """
    Input that is well-formed and cannot be used.

    Args:
        errors: What is wrong, never with the value that was sent.
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
        """The stable code of each error."""
        return tuple(error.type for error in self.errors)


class WrongConfirmation(Unprocessable):
    """The first code of a new authenticator is wrong, or there is none to confirm."""

    code = "wrong_confirmation"
    message = "The code does not match. Please scan the QR code again."

    def __init__(self) -> None:
        super().__init__([FieldError(("body", "code"), self.message, self.code)])


class WeakPassword(Unprocessable, ValueError):
    """The password policy refused; `codes` says why. A `ValueError` for Piccolo's own callers."""

    code = "weak_password"
    message = "The password is not accepted."

    def __str__(self) -> str:
        return " ".join(error.msg for error in self.errors)


class TooManyRequests(AuthError):
    """
    The caller has to wait: a rate limit is used up (RFC 6585 section 4).

    Args:
        retry_after: Seconds until another try makes sense (RFC 9110 section 10.2.3).
        headers: Further headers.
    """

    status = 429
    code = "too_many_requests"
    message = "Too many requests. Please wait."

    def __init__(self, *, retry_after: int = 1, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers={"Retry-After": str(retry_after), **(headers or {})})


class Unavailable(AuthError):
    """
    The request can't be served right now.

    Args:
        retry_after: Seconds until another try makes sense (RFC 9110 section 10.2.3).
    """

    status = 503
    code = "unavailable"
    message = "The service is not available right now."

    def __init__(self, *, retry_after: int = 1) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)})


class HasherBusy(Unavailable):
    """Too many passwords are waiting to be hashed."""

    code = "busy"
    message = "Too many logins are under way. Please try again."


class SecretUnreadable(Unavailable):
    """A stored secret can't be decrypted: its key is not configured, or it was tampered with."""

    code = "secret_unreadable"


class StoreUnavailable(Unavailable):
    """The database does not answer, or the store of a rate limit that asks for it."""

    code = "store_unavailable"


class CaptchaUnavailable(Unavailable):
    """Nobody can tell whether the CAPTCHA was solved."""

    code = "captcha_unavailable"


class TokenRequestError(AuthError):
    """An error of the token endpoint, in the shape of RFC 6749 section 5.2."""

    code = "invalid_request"
    message = "The token request is malformed."

    def members(self) -> dict[str, Any]:
        """`error` and `error_description`."""
        return {"error": self.code, "error_description": str(self.detail)}


class InvalidRequest(TokenRequestError):
    """A parameter is missing, repeated or malformed."""


class InvalidGrant(TokenRequestError):
    """The password or the refresh token is no good."""

    code = "invalid_grant"
    message = "The credentials or the refresh token are invalid, expired or revoked."


class InvalidScope(TokenRequestError):
    """A scope was asked for that can't be granted."""

    code = "invalid_scope"
    message = "A requested scope can't be granted."


class UnsupportedGrantType(TokenRequestError):
    """`grant_type` is neither `password` nor `refresh_token`."""

    code = "unsupported_grant_type"
    message = "This grant type is not supported."


class MFARequired(TokenRequestError):
    """
    The password was right; a second factor has to follow at `/token/mfa`.

    Args:
        challenge: To be sent along with the code.
        methods: The factors to choose from.
        expires_in: Seconds that the challenge is good.
    """

    status = 403
    code = "mfa_required"
    message = "A second factor is required."

    def __init__(
        self, challenge: str = "tkt_…", methods: Sequence[str] = ("totp",), expires_in: int = 600
    ) -> None:
        super().__init__()
        self._challenge = challenge
        self._methods = list(methods)
        self._expires_in = expires_in

    def members(self) -> dict[str, Any]:
        """What the client needs to go on."""
        return super().members() | {
            "challenge": self._challenge,
            "methods": self._methods,
            "expires_in": self._expires_in,
        }


COOKIE_CHALLENGE = 'Cookie realm="session"'
"""`WWW-Authenticate` for a missing or dead cookie; no registered scheme names cookies."""
