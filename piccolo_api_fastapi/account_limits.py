"""How often strangers may register, have mail sent, and present what mail carried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from .rate_limiting import RateLimit, Standing, by_body, rate_limit_headers

_email = by_body("email")


async def by_email(connection: HTTPConnection) -> str | None:
    """Count by the address in the body, whosever it is; nobody, if there is none."""
    key = await _email(connection)  # type: ignore[misc]
    return key if key is not None and key.startswith("email:") else None


def when_used_up(standings: Sequence[Standing]) -> Mapping[str, str]:
    """
    The headers of a limit that admits no more, and nothing before: how often somebody asked
    for mail to a mailbox is not told to the next who asks.
    """
    return {} if all(one.remaining for one in standings) else rate_limit_headers(standings)


def _limit(words: str, scope: str, **options: Any) -> RateLimit:
    return RateLimit(words, scope=scope, on_error="deny", headers=when_used_up, **options)


REGISTER_BY_ADDRESS = _limit("10/hour", "register: address")
MAIL_BY_ADDRESS = _limit("20/hour", "mail: address")
MAIL_BY_ACCOUNT = _limit("5/hour", "mail: account", key=by_email)
VERIFY_BY_ADDRESS = _limit("20/15minutes", "verify: address", count="failures")
VERIFY_BY_ACCOUNT = _limit("10/hour", "verify: account", key=by_email, count="failures")


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """
    The limits of the routes of `Accounts` that need no login; each can be replaced by name,
    `None` is none. They are dependencies: a limit of your own may have any key.

    Args:
        register_by_address: Registrations from one address.
        mail_by_address: Links and codes asked for from one address.
        mail_by_account: The same, and registrations, for one mailbox, known or not.
        verify_by_address: Wrong links and codes from one address.
        verify_by_account: Wrong codes for one mailbox, known or not.
    """

    register_by_address: RateLimit | None = REGISTER_BY_ADDRESS
    mail_by_address: RateLimit | None = MAIL_BY_ADDRESS
    mail_by_account: RateLimit | None = MAIL_BY_ACCOUNT
    verify_by_address: RateLimit | None = VERIFY_BY_ADDRESS
    verify_by_account: RateLimit | None = VERIFY_BY_ACCOUNT
