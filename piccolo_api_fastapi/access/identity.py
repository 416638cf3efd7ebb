"""The caller of a request, the credential used, and the scopes of that credential."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.http.encoding import hide_secret_columns
from piccolo_api_fastapi.errors import InsufficientScope

from .step_up import Factors

UserT = TypeVar("UserT", bound=BaseUser)

SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""One scope (RFC 6749 appendix A.4)."""

ACCOUNT = "account"
"""
The scope of routes that manage an account. Every user has it. A token that was narrowed to other
scopes does not.
"""
FLAGS = frozenset({"admin", "superuser"})
"""Scopes that stand for the flag of the user of this name, and that nothing else grants."""

NEVER = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""The time of authentication of a credential that does not prove the presence of a person."""

# An endpoint may return its user, or the `Identity`. FastAPI would write every attribute of the
# row, the password hash included.
hide_secret_columns()


@dataclass(frozen=True, slots=True)
class Identity(Generic[UserT]):
    """
    An authenticated caller.

    ```python
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import Identity, SessionAuth, User

    app, current_user = FastAPI(), SessionAuth()

    @app.get("/whoami")
    async def whoami(caller: Annotated[Identity[User], Depends(current_user.identity)]) -> str:
        return f"{caller.user.username} by {caller.scheme}"
    ```

    Args:
        user: The row of the user.
        scheme: The name of the scheme, as OpenAPI shows it.
        credential_id: The id of the credential, such as the session or the refresh family.
        scopes: The scopes of the credential, limited to those that the user has now.
        authenticated_at: The time at which the user last authenticated (`auth_time`).
        factors: The factors presented with this credential, and the time of each.
        is_enrolling: Whether the credential can only be used to enrol a second factor.
        step_ups: The factors presented at `POST /reauthenticate` that no change of the account
            has used yet. For such a change, a bearer token counts as recent only by these.
    """

    user: UserT
    scheme: str
    credential_id: Any
    scopes: frozenset[str]
    authenticated_at: datetime
    factors: Factors = field(default_factory=dict)
    is_enrolling: bool = False
    step_ups: Factors = field(default_factory=dict)


def check_scopes(
    granted: frozenset[str], needed: Iterable[str], user: BaseUser | None = None
) -> None:
    """
    Refuse a caller who lacks a scope, or the flag that it stands for.

    Args:
        granted: The scopes of the credential.
        needed: The scopes that are all needed.
        user: The user, if the row has been read.

    Raises:
        InsufficientScope: A scope or a flag is missing.
    """
    wanted = tuple(needed)
    flags = () if user is None else FLAGS.intersection(wanted)
    if not granted.issuperset(wanted) or (flags and not all(getattr(user, flag) for flag in flags)):
        raise InsufficientScope(wanted)
