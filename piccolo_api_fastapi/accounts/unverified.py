"""`Unverified`: what users get who sign in before they have verified their address."""

from typing import Generic

from piccolo_api_fastapi.errors import (
    ConfigurationError,
    EmailNotVerified,
    StoreUnavailable,
    TooManyRequests,
)
from piccolo_api_fastapi.rate_limiting import RateLimit
from piccolo_api_fastapi.users import UserT

from .limits import email_key
from .mailboxes import Mailboxes


class Unverified(Generic[UserT]):
    """
    Sends the link again to users whose password was right, and tells them if it may.

    Args:
        mailboxes: The addresses of the users.
        limit: The limit of links and codes to one mailbox.
        tells: Whether the answer says that the address is not verified.
    """

    def __init__(
        self, mailboxes: Mailboxes[UserT], limit: RateLimit | None, *, tells: bool
    ) -> None:
        self._mailboxes = mailboxes
        self._limit = limit
        self._tells = tells

    async def after_refusal(self, user: UserT | None) -> None:
        """
        Follow a refused login.

        Args:
            user: The inactive user whose password was right, if there is one.

        Raises:
            EmailNotVerified: The user has to verify their address, and may be told.
        """
        if not self._tells:
            # In the background, and with the same work for all: nobody must be able to tell by
            # the time whether a password that they registered with counts for an account.
            self._send_later(user)
        elif user is not None and await self._mailboxes.addresses.waits(user):
            self._send_later(user)
            raise EmailNotVerified

    def _send_later(self, user: UserT | None) -> None:
        send = self._mailboxes.send
        send.beside(send.later, self.send_again, user)

    async def send_again(self, user: UserT | None) -> None:
        """Send another link to a user who waits to be verified, within the limits of mail."""
        mailboxes = self._mailboxes
        if (
            user is not None
            and await mailboxes.addresses.waits(user)
            and await self._is_within_limit(user)
            and await mailboxes.pacing.may_send(user, "verification")
        ):
            await mailboxes.verification.send_link(user)
        else:
            await mailboxes.pacing.rehearse(tickets=1)

    async def _is_within_limit(self, user: UserT) -> bool:
        if self._limit is None:
            return True
        try:
            await self._limit.hit(email_key(user.email))
        except (TooManyRequests, StoreUnavailable):
            return False
        except ConfigurationError:  # a limit that depends on a request; the pace holds
            return True
        return True
