"""What happens to a user who comes from a provider: the table, as one function."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Linking: TypeAlias = Literal["confirm", "verified", "never"]
"""What happens if a verified address of a provider is that of a user who has not linked it."""

Owner: TypeAlias = Literal["nobody", "verified", "registered", "other"]
"""
Who has the address here. `verified` has proved it. `registered` has typed it, and never proved
it. `other` was made by an administrator, or was made before addresses were verified.
"""

Decision: TypeAlias = Literal[
    "enter", "sign_up", "refuse", "exists", "confirm", "link", "take_over"
]


@dataclass(frozen=True, slots=True)
class Situation:
    """
    What is known of a user who comes from a provider.

    Args:
        is_linked: Whether the account at the provider, by issuer and subject, is linked here.
        is_vouched: Whether the provider is an authority for the address that it told.
        owner: Who has that address here. It counts only if the provider vouches for it.
        has_another: Whether that user has linked another account at the provider.
    """

    is_linked: bool
    is_vouched: bool
    owner: Owner
    has_another: bool


def decide(now: Situation, *, sign_up: bool, linking: Linking) -> Decision:
    """
    Decide what happens. Each line is a row of the table.

    Args:
        now: What is known.
        sign_up: Whether users who have no account get one.
        linking: What happens to a user whose address is known.
    """
    if now.is_linked:
        return "enter"  # whatever the address is
    if not now.is_vouched or now.owner == "nobody":
        return "sign_up" if sign_up else "refuse"  # an address that proves nothing is not used
    if linking == "never" or now.has_another:
        return "exists"
    if now.owner == "registered":
        return "take_over"  # whoever registered the address did not prove that it is theirs
    if now.owner == "verified" and linking == "verified":
        return "link"
    return "confirm"
