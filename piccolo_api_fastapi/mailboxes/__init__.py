"""Mailboxes: whose an address is, proved by what is mailed to it, and changes of address."""

from .dependencies import Mailboxes, MailLifetimes
from .service import delete_expired_email_changes
from .tables import EmailChange, EmailStatus

__all__ = [
    "EmailChange",
    "EmailStatus",
    "MailLifetimes",
    "Mailboxes",
    "delete_expired_email_changes",
]
