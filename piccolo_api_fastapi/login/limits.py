"""`LoginLimits`: how often passwords and codes may be wrong, by address and by account."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import ConfigurationError, TooManyRequests
from piccolo_api_fastapi.rate_limiting import Quota, RateLimit

from .known_devices import KnownDevices

BY_ADDRESS = RateLimit("20/15minutes", scope="login: address", on_error="deny")

BY_ACCOUNT = RateLimit("5/15minutes", scope="login: account", on_error="deny")

BY_SUCCESS = RateLimit("240/hour", scope="login: success")

BY_DEVICE = RateLimit("20/15minutes", scope="login: unknown browsers", on_error="local")
"""Device cookies that were looked up and unknown. Beyond it no cookie is looked up."""

CHALLENGES = RateLimit("20/5minutes", scope="passkeys: challenges")
"""Challenges that one session or app may ask for. Each stores a row for five minutes."""


@dataclass(slots=True)
class Attempt:
    """
    An attempt in progress, and what it was charged.

    Args:
        limits: The limits of the login.
        stack: The charges, which are settled when the attempt ends.
        quotas: The results of the charges.
        failed: Whether the attempt counts as a failure, whatever it raises.
    """

    limits: "LoginLimits"
    stack: AsyncExitStack
    quotas: list[Quota] = field(default_factory=list)
    failed: bool = False

    async def charge_account(self, account: str) -> None:
        """
        Charge the account's limit too, once the account is known.

        Args:
            account: The key of the account.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store of the limits is down.
        """
        await self.charge(self.limits.account, account)

    async def charge(self, limit: RateLimit | None, key: str | None) -> None:
        """Charge a limit, unless there is no such limit or nothing to count by."""
        if limit is not None and key is not None:
            self.quotas.append(await self.stack.enter_async_context(limit.attempt(key)))

    async def charge_success(self, name: str, browser: str | None) -> None:
        """
        Charge a login of this name for its success, and refund the charge if it fails.

        It is charged before the password is checked, or the refusal would say that it is right.
        A browser in which the user logged in before has a second count: whoever knows the
        password, but not the second factor, does not keep it out.

        Args:
            name: The name, in its one form.
            browser: The key of the known browser, if it is one.

        Raises:
            TooManyRequests: There were too many logins.
        """
        if (limit := self.limits.success) is None:
            return
        try:
            quota = await limit.hit(f"name {name}")
        except TooManyRequests:
            if browser is None:
                raise
            quota = await limit.hit(f"known browsers of {name}")

        async def settle(kind: type[BaseException] | None, *_: object) -> None:
            if self.failed or kind is not None:
                await quota.refund()

        self.stack.push_async_exit(settle)

    def keep_charges(self) -> None:
        """Keep the charges, even if the error that ends the attempt would refund them."""
        for quota in self.quotas:
            quota.failed = True

    async def refund(self) -> None:
        """Refund the charges at once, unless they are settled already."""
        for quota in self.quotas:
            quota.failed = False
        await self.stack.aclose()


@configured
@dataclass(frozen=True, slots=True)
class LoginLimits:
    """
    The limits of every login. Each can be replaced; `None` removes it.

    ```python
    from piccolo_api_fastapi import Login, LoginLimits, RateLimit

    by_account = RateLimit("10/hour", scope="login: account", on_error="deny")
    login = Login(limits=LoginLimits(account=by_account))
    ```

    Each attempt is charged before it is checked. What counts failures is refunded when it
    succeeds, so that many correct logins at once are not refused, and what counts successes when
    it fails. Names that no user has are counted like those of users.

    Args:
        address: The limit of wrong passwords, challenges and codes from one address.
        account: The limit of wrong passwords for one username or e-mail address, each
            counted on its own. From a browser in which the user logged in before, the limit
            counts for that browser.
        success: The limit of right passwords for one username or e-mail address, so that
            whoever has an account does not fill the database with sessions.

    Raises:
        ConfigurationError: A limit has no scope, or has a key, cost or limits that depend on
            the request: `Login` provides the key.
    """

    address: RateLimit | None = BY_ADDRESS
    account: RateLimit | None = BY_ACCOUNT
    success: RateLimit | None = BY_SUCCESS

    def __post_init__(self) -> None:
        limits = (self.address, self.account, self.success)
        if not all(limit is None or limit.is_for_code for limit in limits):
            raise ConfigurationError(
                "The limits of a login must have a scope and fixed limits, and no key of their own."
            )

    @asynccontextmanager
    async def attempt(
        self, *, address: str | None = None, account: str | None = None
    ) -> AsyncIterator[Attempt]:
        """
        Charge for something that may fail, and refund the charge if it succeeds.

        Any exception counts as a failure, except a 429 and a 503. These count as well once
        `failed` is set.

        Args:
            address: The address as limits count it; `None` charges none.
            account: The key of the account; it can be charged later by `charge_account`.

        Raises:
            TooManyRequests: A limit is used up.
            StoreUnavailable: The store of the limits is down.
        """
        raised: HTTPException | None = None
        async with AsyncExitStack() as stack:
            attempt = Attempt(self, stack)
            await attempt.charge(self.address, address)
            await attempt.charge(self.account, account)
            try:
                async with store():  # an outage is a 503, which does not count as a failure
                    yield attempt
            except HTTPException as error:
                if not attempt.failed:
                    raise
                attempt.keep_charges()
                raised = error  # raised below, or a 429 would refund the charges
        if raised is not None:
            raise raised

    async def browser(
        self, devices: KnownDevices[Any] | None, client: ClientInfo, identifier: str
    ) -> str | None:
        """
        Look up a device cookie. Limited, so that made-up cookies cannot flood the database.

        Args:
            devices: The browsers in which users logged in before.
            client: The client that sent the request.
            identifier: The username or e-mail address, as typed.

        Returns:
            The key to count failures by, or `None` if the user never logged in with the browser.
        """
        if devices is None or not client.devices:
            return None
        key = (
            client.devices[0] if client.network is None or self.address is None else client.network
        )
        try:
            async with BY_DEVICE.attempt(key) as quota, store():
                known = await devices.find_known(client.devices, identifier)
                quota.failed = known is None
        except TooManyRequests:
            return None
        return None if known is None else f"device {known}"
