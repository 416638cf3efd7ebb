"""Asking Have I Been Pwned about a password, without telling it the password."""

import hashlib
import importlib

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import ConfigurationError


class BreachedPasswords:
    """
    A `breach_check=` for `PasswordPolicy`, by k-anonymity: five hex digits leave the server.

    When the service does not answer, the password passes and the event
    `sys_breach_check_unavailable` tells.

    Args:
        url: The range API of Have I Been Pwned (version 3), or a mirror of it.
        timeout: Seconds to wait.
        clock: Tells the time for the event.

    Raises:
        ConfigurationError: The extra `http` is not installed.
    """

    def __init__(
        self,
        *,
        url: str = "https://api.pwnedpasswords.com/range/",
        timeout: float = 2.0,
        clock: Clock = utcnow,
    ) -> None:
        try:
            self._httpx = importlib.import_module("httpx")
        except ImportError:
            raise ConfigurationError(
                "BreachedPasswords needs the extra: pip install 'piccolo-api-fastapi[http]'."
            ) from None
        self._url = url
        self._timeout = timeout
        self._clock = clock

    async def __call__(self, password: str) -> bool:
        """Whether the password is in the list."""
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            async with self._httpx.AsyncClient(timeout=self._timeout) as client:
                # Padding hides from the network which range was asked for.
                headers = {"Add-Padding": "true"}
                answer = await client.get(self._url + digest[:5], headers=headers)
                answer.raise_for_status()
        except self._httpx.HTTPError as error:
            data = {"error": type(error).__name__}
            await emit(AuthEvent("sys_breach_check_unavailable", self._clock(), data=data))
            return False
        counts = dict(line.split(":", 1) for line in answer.text.split() if ":" in line)
        return bool(counts.get(digest[5:], "0") != "0")
