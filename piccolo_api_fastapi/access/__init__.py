"""Identify the caller of a request, and check what the caller may do."""

from .csrf import SameOrigin
from .events import EVENTS
from .guards import AnyOf
from .identity import Identity
from .optional_user import optional
from .person_only import in_person
from .requirements import require

__all__ = ["EVENTS", "AnyOf", "Identity", "SameOrigin", "in_person", "optional", "require"]
