"""Mailboxes: whose an address is, proved by what is mailed to it, and changes of address."""

from .dependencies import Caller, Mailboxes, MailLifetimes
from .service import delete_expired_email_changes
from .tables import EmailChange, EmailStatus

__all__ = [
    "Caller",
    "EmailChange",
    "EmailStatus",
    "MailLifetimes",
    "Mailboxes",
    "delete_expired_email_changes",
]
