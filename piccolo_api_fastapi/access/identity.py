"""Who is calling, by which credential, and what that credential may do."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.errors import InsufficientScope

from .step_up import Factors

UserT = TypeVar("UserT", bound=BaseUser)

SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""One scope (RFC 6749 appendix A.4)."""

NEVER = datetime(1970, 1, 1, tzinfo=timezone.utc)
"""When somebody last proved who they are, for a credential that proves nobody's presence."""


@dataclass(frozen=True, slots=True)
class Identity(Generic[UserT]):
    """
    An authenticated caller.

    Args:
        user: The row of the user.
        scheme: The name of the scheme, as OpenAPI shows it.
        credential_id: Which credential: the id of the session or of the refresh family.
        scopes: What this credential may do, never more than its user may now.
        authenticated_at: When the user last proved who they are (`auth_time`).
        factors: Which factors were presented to this credential, and when.
        is_enrolling: Whether it is good for enrolling a second factor and nothing else.
    """

    user: UserT
    scheme: str
    credential_id: Any
    scopes: frozenset[str]
    authenticated_at: datetime
    factors: Factors = field(default_factory=dict)
    is_enrolling: bool = False


def check_scopes(granted: frozenset[str], needed: Iterable[str]) -> None:
    """
    Refuse a caller who lacks a scope.

    Raises:
        InsufficientScope: One is missing.
    """
    wanted = tuple(needed)
    if not granted.issuperset(wanted):
        raise InsufficientScope(wanted)
