"""Single-use secrets that expire and serve one purpose: a login's second step, a link in a mail."""

from .service import Tickets, delete_expired_tickets
from .tables import Ticket

__all__ = ["Ticket", "Tickets", "delete_expired_tickets"]
