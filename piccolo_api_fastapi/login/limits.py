"""How often passwords and codes may be wrong, by address and by account."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException

from piccolo_api_fastapi.errors import ConfigurationError, TooManyRequests
from piccolo_api_fastapi.rate_limiting import Quota, RateLimit

BY_ADDRESS = RateLimit("20/15minutes", scope="login: address", on_error="deny")

BY_ACCOUNT = RateLimit("5/15minutes", scope="login: account", on_error="deny")

BY_DEVICE = RateLimit("20/15minutes", scope="login: unknown browsers", on_error="local")
"""Browsers that were looked up and unknown. Beyond it none is looked up: all are unknown."""


@dataclass(slots=True)
class Attempt:
    """
    One that is under way.

    Args:
        limits: The limits of the login.
        stack: What ends with it.
        quotas: What it was charged.
        failed: Set it, and it counts, whatever is raised then.
    """

    limits: "LoginLimits"
    stack: AsyncExitStack
    quotas: list[Quota] = field(default_factory=list)
    failed: bool = False

    async def of(self, account: str) -> None:
        """
        Count it for an account as well, which took a question to the database to know.

        Args:
            account: Whose.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store of the limits does not answer.
        """
        await self.count(self.limits.account, account)

    async def count(self, limit: RateLimit | None, key: str | None) -> None:
        """Count it, if there is such a limit, and something to count by."""
        if limit is not None and key is not None:
            self.quotas.append(await self.stack.enter_async_context(limit.attempt(key)))

    def keep(self) -> None:
        """Let the charges stay, though what is raised now says that nothing was tried."""
        for quota in self.quotas:
            quota.failed = True


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """
    The limits of every login; each can be replaced by name, `None` is none.

    Failures are counted, not attempts, and reserved before they are checked: right logins that
    come at once are not refused. Names that nobody has are counted like those of users.

    Args:
        address: Wrong passwords, challenges and codes from one address.
        account: Wrong passwords for one name or one e-mail address, each for itself; from a
            browser that the user has logged in with before, for that browser.

    Raises:
        ConfigurationError: A limit has no scope, or has a key, cost or limits that depend on
            the request: `Login` says whom to count.
    """

    address: RateLimit | None = BY_ADDRESS
    account: RateLimit | None = BY_ACCOUNT

    def __post_init__(self) -> None:
        if not all(limit is None or limit.is_for_code for limit in (self.address, self.account)):
            raise ConfigurationError(
                "The limits of a login have a scope, fixed limits, and no key of their own."
            )

    @asynccontextmanager
    async def attempt(
        self, *, address: str | None = None, account: str | None = None
    ) -> AsyncIterator[Attempt]:
        """
        Surrounds what may fail; any exception but a 429 and a 503 counts, and those as well once
        `failed` is set.

        Args:
            address: As limits count it; `None` counts none.
            account: Whose, likewise; what it gives can be told later.

        Raises:
            TooManyRequests: A limit is used up.
            StoreUnavailable: The store of the limits does not answer.
        """
        raised: HTTPException | None = None
        async with AsyncExitStack() as stack:
            attempt = Attempt(self, stack)
            await attempt.count(self.address, address)
            await attempt.count(self.account, account)
            try:
                yield attempt
            except HTTPException as error:
                if not attempt.failed:
                    raise
                attempt.keep()
                raised = error  # later, or the limits would take a 429 for nothing tried
        if raised is not None:
            raise raised

    async def find(
        self, device: str, address: str | None, is_known: Callable[[], Awaitable[bool]]
    ) -> bool:
        """
        Whether a browser is known, asked no more often than unknown ones may come.

        Args:
            device: What it came with.
            address: Where it is; counted, where addresses are.
            is_known: Asks the database.
        """
        found = False
        key = device if address is None or self.address is None else address
        with suppress(TooManyRequests):
            async with BY_DEVICE.attempt(key) as quota:
                found = await is_known()
                quota.failed = not found
        return found
