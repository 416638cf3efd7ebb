"""`Mailboxes`: what can be done with the addresses of users by mail."""

from typing import Generic

from piccolo_api_fastapi.mail.delivery import Delivery
from piccolo_api_fastapi.mail.links import Links
from piccolo_api_fastapi.mail.message import Mail
from piccolo_api_fastapi.mail.messages import EmailChanged, SecondFactorChanged
from piccolo_api_fastapi.mail.notices import offer_undo
from piccolo_api_fastapi.mail.wording import Wording
from piccolo_api_fastapi.users import Users, UserT

from .addresses import Addresses
from .change import AddressChange, UndoLinks
from .lifetimes import MailLifetimes
from .pacing import Pacing
from .verification import Verification


class Mailboxes(Generic[UserT]):
    """
    Puts together what verifies and changes addresses; `Accounts.mailboxes` is one.

    Its parts are `addresses` (look up), `verification` (links and codes), `change` (another
    address, and its undo), `pacing` (how often mail is sent) and `send` (the delivery).

    Args:
        users: The users whose addresses these are.
        mail: Sends messages, after the response.
        links: The pages that links open.
        lifetimes: How long links and codes are valid.
        wording: The name of the product, and texts of the application's own.
    """

    def __init__(
        self,
        users: Users[UserT],
        mail: Mail,
        links: Links,
        lifetimes: MailLifetimes,
        wording: Wording,
    ) -> None:
        undo_links = UndoLinks(users, links, lifetimes.undo)
        self.links = links
        again = undo_links.make_again
        relink = {EmailChanged: again, SecondFactorChanged: again}
        self.send = Delivery(mail, users, relink, wording, lifetimes.spread)
        self.addresses = Addresses(users)
        self.pacing = Pacing(self.addresses, self.send, lifetimes.interval)
        self.verification = Verification(self.addresses, self.pacing, links, lifetimes)
        self.change = AddressChange(self.verification, undo_links)
        offer_undo(users.table, self.change.undo_link, again)
