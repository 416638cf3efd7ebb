"""Mail to users about events of their account."""

from .declared import NewFactor, Notice, declare_notices
from .service import Notices
from .tables import KnownBrowser, SeenUserAgent
from .undo import UndoLink, offer_undo

__all__ = [
    "KnownBrowser",
    "NewFactor",
    "Notice",
    "Notices",
    "SeenUserAgent",
    "UndoLink",
    "declare_notices",
    "offer_undo",
]
