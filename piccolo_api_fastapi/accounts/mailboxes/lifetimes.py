"""`MailLifetimes`: how long links and codes are valid."""

from dataclasses import dataclass
from datetime import timedelta

from piccolo_api_fastapi.core.configuration import configured


@configured
@dataclass(frozen=True, slots=True)
class MailLifetimes:
    """
    How long the links and codes in mail are valid, for `Accounts(lifetimes=…)`.

    ```python
    from datetime import timedelta

    from piccolo_api_fastapi import MailLifetimes

    lifetimes = MailLifetimes(verification=timedelta(hours=12))
    ```

    Args:
        verification: The lifetime of a link that verifies an address.
        code: The lifetime of a six-digit code that verifies an address.
        change: The lifetime of a link that confirms a new address.
        undo: The lifetime of a link that undoes a change of address or a new second factor.
        interval: The shortest time between two messages of one kind to one user.
    """

    verification: timedelta = timedelta(days=1)
    code: timedelta = timedelta(minutes=15)
    change: timedelta = timedelta(hours=1)
    undo: timedelta = timedelta(days=7)
    interval: timedelta = timedelta(minutes=1)
