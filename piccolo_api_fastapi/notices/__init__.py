"""Mail that tells people what was done with their account."""

from .dependencies import Notices
from .tables import KnownBrowser

__all__ = ["KnownBrowser", "Notices"]
