"""Delivery of mail after the answer, and again when it failed."""

from .dependencies import Delivery, Kept, Relink, quietly
from .service import delete_expired_unsent_mail
from .tables import UnsentMail

__all__ = ["Delivery", "Kept", "Relink", "UnsentMail", "delete_expired_unsent_mail", "quietly"]
