"""Mail that tells people what was done with their account."""

from .service import Notices
from .tables import KnownBrowser

__all__ = ["KnownBrowser", "Notices"]
