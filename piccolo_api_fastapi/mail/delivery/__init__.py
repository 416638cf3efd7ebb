"""Delivery of mail after the answer, and again when it failed."""

from .dependencies import Later
from .events import EVENTS
from .queries import delete_expired_unsent_mail
from .service import Delivery, Kept, Relink, post, quietly, replace_mail
from .tables import UnsentMail

__all__ = [
    "EVENTS",
    "Delivery",
    "Kept",
    "Later",
    "Relink",
    "UnsentMail",
    "delete_expired_unsent_mail",
    "post",
    "quietly",
    "replace_mail",
]
