"""Mailboxes: verified addresses and changes of address."""

from .addresses import Caller
from .change_queries import delete_expired_email_changes
from .lifetimes import MailLifetimes
from .service import Mailboxes
from .tables import EmailChange, EmailStatus
from .verification import NewCode

__all__ = [
    "Caller",
    "EmailChange",
    "EmailStatus",
    "MailLifetimes",
    "Mailboxes",
    "NewCode",
    "delete_expired_email_changes",
]
