"""`MailLifetimes`: how long links and codes are valid, and when mail is sent."""

from dataclasses import dataclass
from datetime import timedelta

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError


@configured
@dataclass(frozen=True, slots=True)
class MailLifetimes:
    """
    How long the links and codes in mail are valid, and when mail is sent, for
    `Accounts(lifetimes=…)`.

    ```python
    from datetime import timedelta

    from piccolo_api_fastapi import MailLifetimes

    lifetimes = MailLifetimes(verification=timedelta(hours=12))
    ```

    Args:
        verification: The lifetime of a link that verifies an address.
        code: The lifetime of a six-digit code that verifies an address.
        change: The lifetime of a link that confirms a new address.
        login: The lifetime of the link and the code of `EmailLogin`, and of its cookie.
        undo: The lifetime of a link that undoes a change of address or a new second factor.
        interval: The shortest time between two messages of one kind to one user.
        spread: Mail that strangers can ask for is sent at a random moment within this time after
            the response, so that the time of their next request does not tell whether there was
            something to send. `ConsoleMail` and `Outbox` send at once.

    Raises:
        ConfigurationError: A lifetime is not positive, `interval` or `spread` is negative, or
            `spread` is longer than a minute.
    """

    verification: timedelta = timedelta(days=1)
    code: timedelta = timedelta(minutes=15)
    change: timedelta = timedelta(hours=1)
    login: timedelta = timedelta(minutes=15)
    undo: timedelta = timedelta(days=7)
    interval: timedelta = timedelta(minutes=1)
    spread: timedelta = timedelta(seconds=1)

    def __post_init__(self) -> None:
        for name in ("verification", "code", "change", "login", "undo"):
            if getattr(self, name) <= timedelta(0):
                raise ConfigurationError(f"{name} must be positive, such as timedelta(minutes=15).")
        if self.interval < timedelta(0):
            raise ConfigurationError("interval must not be negative; timedelta(0) is none.")
        if not timedelta(0) <= self.spread <= timedelta(minutes=1):
            raise ConfigurationError("spread must be a minute or less, and not negative.")
