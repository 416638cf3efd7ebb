"""Mailboxes: whose an address is, proved by what is mailed to it, and changes of address."""

from .queries import delete_expired_email_changes
from .service import Caller, Mailboxes, MailLifetimes
from .tables import EmailChange, EmailStatus

__all__ = [
    "Caller",
    "EmailChange",
    "EmailStatus",
    "MailLifetimes",
    "Mailboxes",
    "delete_expired_email_changes",
]
