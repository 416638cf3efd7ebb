"""Single-use secrets for one purpose: the second step of a login, or a link in an e-mail."""

from .service import TICKET_PREFIX, Tickets, delete_expired_tickets
from .tables import Ticket

__all__ = ["TICKET_PREFIX", "Ticket", "Tickets", "delete_expired_tickets"]
