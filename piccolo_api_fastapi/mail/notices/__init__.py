"""Mail to users about events of their account."""

from .declared import Notice, declare_notices
from .service import Notices
from .tables import KnownBrowser, SeenUserAgent

__all__ = ["KnownBrowser", "Notice", "Notices", "SeenUserAgent", "declare_notices"]
