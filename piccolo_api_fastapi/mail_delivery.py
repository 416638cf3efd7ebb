"""Links that mail carries, and delivery after the answer."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from .clock import Clock
from .errors import ConfigurationError
from .events import AuthEvent, emit, logger
from .mail import Mail, Message

_BASE_URL = re.compile(
    r"(https://[^/?#\s@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^?#\s]*)?"
)


class Links:
    """
    Links below a configured URL; what a request says of its host is never asked.

    The secret is in the fragment, which browsers send to no server and in no `Referer`.

    Args:
        base_url: Of the pages, such as `https://app.example.com`; https, or plain http here.
        paths: The page of each purpose.

    Raises:
        ConfigurationError: The URL is none, or not https.
    """

    def __init__(self, base_url: str, paths: dict[str, str]) -> None:
        if not _BASE_URL.fullmatch(base_url):
            msg = "base_url is like https://app.example.com; plain http is for localhost."
            raise ConfigurationError(msg)
        if not all(path.startswith("/") and "#" not in path for path in paths.values()):
            msg = "The path of a page begins with a slash and has no fragment."
            raise ConfigurationError(msg)
        self._base_url = base_url.rstrip("/")
        self._paths = paths

    def to(self, purpose: str, token: str) -> str:
        """The link to the page of a purpose, with a secret."""
        return f"{self._base_url}{self._paths[purpose]}#token={token}"


class Delivery:
    """
    Hands messages to `mail`. A failure is an event, `sys_mail_fail`, and nobody's exception.

    Args:
        mail: Sends them.
        clock: Tells the time for events.
    """

    def __init__(self, mail: Mail, clock: Clock) -> None:
        self._mail = mail
        self._clock = clock

    async def __call__(self, message: Message) -> bool:
        """Send a message. Whether it went out."""
        try:
            await self._mail(message)
        except Exception as error:  # noqa: BLE001 - any client of any service
            data = {"message": type(message).__name__, "error": type(error).__name__}
            await emit(AuthEvent("sys_mail_fail", self._clock(), message.user, data))
            return False
        return True


async def quietly(work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    """Do what comes after the answer; what goes wrong is logged, since nobody waits for it."""
    try:
        await work(*arguments)
    except Exception:  # noqa: BLE001 - the answer is sent: there is nobody to tell
        logger.exception("What %s had to do after the answer failed.", work.__name__)
