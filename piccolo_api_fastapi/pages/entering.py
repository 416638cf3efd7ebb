"""Where the first step of a login leads, whatever was presented."""

from collections.abc import Collection, Mapping
from typing import Any

from .declared import Step

ENROLMENT = ("totp", "passkeys")
"""The pages that set up a second factor, the preferred one first."""


def enrolment_of(names: Collection[str]) -> str:
    """
    Return the page that sets up a second factor.

    Args:
        names: The names of the pages that there are.
    """
    return next((name for name in ENROLMENT if name in names), ENROLMENT[0])


def after_first_step(answer: Mapping[str, Any]) -> Step:
    """
    Return what follows the first step of a login.

    Args:
        answer: The answer of the operation that logs in.
    """
    if answer["status"] == "mfa_required":
        return Step("login_mfa", is_shown=True)
    if answer["status"] == "mfa_enrolment_required":
        return Step(ENROLMENT[0], keeps_next=True)
    return Step()
