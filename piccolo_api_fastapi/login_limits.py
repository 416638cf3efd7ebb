"""How often passwords and codes may be wrong, by address and by account."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from .errors import ConfigurationError
from .rate_limiting import RateLimit

BY_ADDRESS = RateLimit("20/15minutes", scope="login: address", on_error="deny")

BY_ACCOUNT = RateLimit("5/15minutes", scope="login: account", on_error="deny")


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """
    The limits of every login; each can be replaced by name, `None` is none.

    Failures are counted, not attempts, and reserved before they are checked: right logins that
    come at once are not refused. Names that nobody has are counted like those of users.

    Args:
        address: Wrong passwords, challenges and codes from one address.
        account: Wrong passwords for one name or address; from a browser that the user has
            logged in with before, for that browser.

    Raises:
        ConfigurationError: A limit has no scope, or has a key, cost or limits that depend on
            the request: `Login` says whom to count.
    """

    address: RateLimit | None = BY_ADDRESS
    account: RateLimit | None = BY_ACCOUNT

    def __post_init__(self) -> None:
        if not all(limit is None or limit.is_for_code for limit in (self.address, self.account)):
            msg = "The limits of a login have a scope, fixed limits, and no key of their own."
            raise ConfigurationError(msg)

    @asynccontextmanager
    async def attempt(
        self, *, address: str | None = None, account: str | None = None
    ) -> AsyncIterator[None]:
        """
        Surrounds what may fail; any exception but a 429 and a 503 counts.

        Args:
            address: As limits count it; `None` counts none.
            account: Whose, likewise.

        Raises:
            TooManyRequests: A limit is used up.
            StoreUnavailable: The store of the limits does not answer.
        """
        async with AsyncExitStack() as stack:
            for limit, key in ((self.address, address), (self.account, account)):
                if limit is not None and key is not None:
                    await stack.enter_async_context(limit.attempt(key))
            yield
