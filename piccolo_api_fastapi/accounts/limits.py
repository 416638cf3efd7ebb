"""How often strangers may register, have mail sent, and present what mail carried."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.http.middleware import status_of
from piccolo_api_fastapi.errors import Unprocessable
from piccolo_api_fastapi.rate_limiting import (
    FailureLimit,
    Quota,
    RateLimit,
    Standing,
    rate_limit_headers,
)
from piccolo_api_fastapi.rate_limiting.keys import body_field, normalised
from piccolo_api_fastapi.users.identifiers import normal_email


async def by_email(connection: HTTPConnection) -> str | None:
    """
    Count by the mailbox of the address in the body, whosever it is and however it is written;
    nobody, if there is none.
    """
    value = await body_field(connection, "email")
    if not isinstance(value, str):
        return None
    try:
        return f"email:{normal_email(value)}"
    except Unprocessable:
        return f"email:{normalised(value)}"


def when_used_up(standings: Sequence[Standing]) -> Mapping[str, str]:
    """
    The headers of a limit that admits no more, and nothing before: how often somebody asked
    for mail to a mailbox is not told to the next who asks.
    """
    return {} if all(one.remaining for one in standings) else rate_limit_headers(standings)


def unless_refused(limit: RateLimit) -> Callable[..., AsyncIterator[None]]:
    """
    A limit that gives back what a request cost that had an error for an answer. It sent no mail,
    and whoever else asks for mail to this mailbox shall not wait for it.

    Args:
        limit: Which.
    """

    async def limited(
        connection: HTTPConnection, quota: Annotated[Quota, Depends(limit)]
    ) -> AsyncIterator[None]:
        yield
        if (status_of(connection.scope) or 0) >= 400:  # noqa: PLR2004
            await quota.refund()

    return limited


def _limit(words: str, scope: str, kind: type[RateLimit] = RateLimit, **options: Any) -> RateLimit:
    return kind(words, scope=scope, on_error="deny", headers=when_used_up, **options)


REGISTER_BY_ADDRESS = _limit("10/hour", "register: address")
REGISTER_BY_ACCOUNT = _limit("5/hour", "register: account", key=by_email)
MAIL_BY_ADDRESS = _limit("20/hour", "mail: address")
RESET_BY_ACCOUNT = _limit("5/hour", "reset: account", key=by_email)
MAIL_BY_ACCOUNT = _limit("5/hour", "mail: account", key=by_email)
VERIFY_BY_ADDRESS = _limit("20/15minutes", "verify: address", FailureLimit)
VERIFY_BY_ACCOUNT = _limit("10/hour", "verify: account", FailureLimit, key=by_email)


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """
    The limits of the routes of `Accounts` that need no login; each can be replaced by name,
    `None` is none. They are dependencies: a limit of your own may have any key. What is sent to
    one mailbox is limited for each kind apart, so that nobody uses up by requests that send
    nothing what its owner needs.

    Args:
        register_by_address: Requests to register from one address, those that were refused for
            what they said included.
        register_by_account: Registrations with mail for one mailbox, known or not.
        mail_by_address: Links and codes asked for from one address.
        reset_by_account: Links to a new password for one mailbox, known or not.
        mail_by_account: Links and codes that verify an address, for one mailbox, known or not.
        verify_by_address: Wrong links and codes from one address.
        verify_by_account: Wrong codes for one mailbox, known or not.
    """

    register_by_address: RateLimit | None = REGISTER_BY_ADDRESS
    register_by_account: RateLimit | None = REGISTER_BY_ACCOUNT
    mail_by_address: RateLimit | None = MAIL_BY_ADDRESS
    reset_by_account: RateLimit | None = RESET_BY_ACCOUNT
    mail_by_account: RateLimit | None = MAIL_BY_ACCOUNT
    verify_by_address: RateLimit | None = VERIFY_BY_ADDRESS
    verify_by_account: RateLimit | None = VERIFY_BY_ACCOUNT
