"""The rate limits of the routes of accounts that need no login."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.middleware import on_status
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

KNOWN_BROWSER = "piccolo_api_fastapi.known_browser"
"""The key of the scope that is set if the user with the address logged in with the browser."""


async def by_email(connection: HTTPConnection) -> str | None:
    """
    The key of a limit: the mailbox of `email` in the body, however the address is written.
    None if the body has no address.
    """
    value = await body_field(connection, "email")
    if not isinstance(value, str):
        return None
    try:
        return email_key(value)
    except Unprocessable:
        return f"email:{normalised(value)}"


async def by_email_of_known(connection: HTTPConnection) -> str | None:
    """
    As `by_email`, with a count of their own for the browsers in which the user logged in before:
    strangers do not use up the one that these need.
    """
    key = await by_email(connection)
    return f"known browsers of {key}" if key and KNOWN_BROWSER in connection.scope else key


def email_key(email: str) -> str:
    """
    The key of a mailbox.

    Raises:
        Unprocessable: The text is not an e-mail address.
    """
    return f"email:{normal_email(email)}"


def when_used_up(standings: Sequence[Standing]) -> Mapping[str, str]:
    """
    The headers of a limit that is used up. Before that there are none, or they would reveal how
    often mail to a mailbox was requested.
    """
    return {} if all(one.remaining for one in standings) else rate_limit_headers(standings)


def unless_refused(limit: RateLimit) -> Callable[..., Awaitable[None]]:
    """
    A limit of a prebuilt route that is refunded if the response is an error. No mail was sent, so
    the request must not use up what the owner of the mailbox needs.

    Args:
        limit: The limit.
    """

    async def limited(connection: HTTPConnection, quota: Annotated[Quota, Depends(limit)]) -> None:
        async def settle(status: int) -> None:
            if status >= 400:  # noqa: PLR2004
                await quota.refund()

        on_status(connection.scope, settle)

    return limited


def _limit(words: str, scope: str, kind: type[RateLimit] = RateLimit, **options: Any) -> RateLimit:
    return kind(words, scope=scope, on_error="deny", headers=when_used_up, **options)


REGISTER_BY_ADDRESS = _limit("10/hour", "register: address")
REGISTER_BY_ACCOUNT = _limit("5/hour", "register: account", key=by_email)
MAIL_BY_ADDRESS = _limit("20/hour", "mail: address")
RESET_BY_ACCOUNT = _limit("5/hour", "reset: account", key=by_email)
MAIL_BY_ACCOUNT = _limit("5/hour", "mail: account", key=by_email)
LOGIN_BY_ACCOUNT = _limit("5/hour", "email login: account", key=by_email_of_known)
VERIFY_BY_ADDRESS = _limit("20/15minutes", "verify: address", FailureLimit)
VERIFY_BY_ACCOUNT = _limit("10/hour", "verify: account", FailureLimit, key=by_email)


@configured
@dataclass(frozen=True, slots=True)
class AccountLimits:
    """
    The rate limits of the routes of `Accounts` that need no login.

    ```python
    from piccolo_api_fastapi import AccountLimits, Accounts, RateLimit

    by_address = RateLimit("3/hour", scope="register: address")
    accounts = Accounts(limits=AccountLimits(register_by_address=by_address))
    ```

    Each limit can be replaced by name, and `None` removes it. A limit is a dependency and may have
    any key. Each kind of mail to one mailbox has its own limit, so that requests for one kind
    can't use up what its owner needs of another.

    Args:
        register_by_address: Requests to register from one IP address, including refused ones.
        register_by_account: Registrations with mail for one mailbox, known or unknown.
        mail_by_address: Requests for links and codes from one IP address.
        reset_by_account: Links for a new password to one mailbox, known or unknown.
        mail_by_account: Links and codes that verify one mailbox, known or unknown.
        login_by_account: Links and codes of `EmailLogin` to one mailbox, known or unknown. Those
            that are requested in the user's known browsers have a count of their own.
        verify_by_address: Wrong links and codes from one IP address.
        verify_by_account: Wrong codes for one mailbox, known or unknown.
    """

    register_by_address: RateLimit | None = REGISTER_BY_ADDRESS
    register_by_account: RateLimit | None = REGISTER_BY_ACCOUNT
    mail_by_address: RateLimit | None = MAIL_BY_ADDRESS
    reset_by_account: RateLimit | None = RESET_BY_ACCOUNT
    mail_by_account: RateLimit | None = MAIL_BY_ACCOUNT
    login_by_account: RateLimit | None = LOGIN_BY_ACCOUNT
    verify_by_address: RateLimit | None = VERIFY_BY_ADDRESS
    verify_by_account: RateLimit | None = VERIFY_BY_ACCOUNT
