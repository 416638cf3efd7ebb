"""Mail that tells people what was done with their account."""

from .service import Notices
from .tables import KnownBrowser, SeenUserAgent

__all__ = ["KnownBrowser", "Notices", "SeenUserAgent"]
