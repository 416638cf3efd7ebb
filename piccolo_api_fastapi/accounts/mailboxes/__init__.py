"""Mailboxes: verified addresses and changes of address."""

from .addresses import Caller
from .change_queries import delete_expired_email_changes
from .lifetimes import MailLifetimes
from .service import Mailboxes
from .tables import EmailChange, EmailStatus

__all__ = [
    "Caller",
    "EmailChange",
    "EmailStatus",
    "MailLifetimes",
    "Mailboxes",
    "delete_expired_email_changes",
]
