"""`Callback`: the parameters with which a provider sends a browser back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, Field
from starlette.requests import Request

from piccolo_api_fastapi.core.http.operations import href_of, operations_near, user_table_of
from piccolo_api_fastapi.errors import LoginFlowUnknown

NAMES = ("state", "code", "error", "iss")

LONGEST = 4096
"""Characters of a code. Those of Microsoft have about 1,500."""

REGISTERED = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
        "user_cancelled_authorize",  # Apple's word for `access_denied`
    }
)
"""Codes of RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6."""

_VISIBLE = re.compile(rf"[ -~]{{1,{LONGEST}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """
    The parameters of a callback. Exactly one of `code` and `error` is there.

    Args:
        state: The state.
        code: The code; empty if there is an error.
        error: The error, one of `REGISTERED` or `other`; empty if there is a code.
        issuer: `iss`, if it is there (RFC 9207).
    """

    state: str = field(repr=False)
    code: str = field(repr=False)
    error: str
    issuer: str | None


def read_callback(pairs: Sequence[tuple[str, str]]) -> Callback:
    """
    Read the parameters of a callback. Unknown ones are ignored.

    Args:
        pairs: The names and values, in the order in which they were sent.

    Raises:
        LoginFlowUnknown: One is missing, repeated or malformed.
    """
    known = [(name, value) for name, value in pairs if name in NAMES]
    found = dict(known)
    is_whole = len(found) == len(known) and "state" in found
    if not is_whole or ("code" in found) is ("error" in found):
        raise LoginFlowUnknown
    if not all(_VISIBLE.fullmatch(value) for value in found.values()):
        raise LoginFlowUnknown
    error = found.get("error", "")
    return Callback(
        state=found["state"],
        code=found.get("code", ""),
        error=error if not error or error in REGISTERED else "other",
        issuer=found.get("iss"),
    )


Parameter = Annotated[str | None, Field(max_length=LONGEST)]


class PostedCallback(BaseModel):
    """The form that a provider lets the browser send. Other fields are ignored."""

    state: Parameter = None
    code: Parameter = None
    error: Parameter = None
    iss: Parameter = None

    def location(self, request: Request) -> str:
        """Return the address of the same callback by GET, with which the cookie comes along."""
        query = urlencode(self.model_dump(exclude_none=True))
        return f"{_path(request, 'complete_oauth', request.path_params['provider'])}?{query}"


def callback_url(request: Request, base_url: str, provider: str) -> str:
    """
    Return the address of the callback, as it is registered with the provider.

    Args:
        request: A request to any of the routes beside it.
        base_url: The origin of the site.
        provider: The name of the provider.
    """
    return base_url + _path(request, "complete_oauth", provider)


def _path(request: Request, operation: Literal["complete_oauth"], provider: str) -> str:
    near = operations_near(request.scope, user_table_of(request.scope))
    return href_of(request.scope, near[operation]).replace("{provider}", provider)
