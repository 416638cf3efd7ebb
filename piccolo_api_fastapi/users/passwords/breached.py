"""`BreachedPasswords`: asks Have I Been Pwned about a password without revealing it."""

import asyncio
import hashlib
import importlib

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.core.http.parsing import capped_answer
from piccolo_api_fastapi.errors import ConfigurationError

MAXIMUM_ANSWER = 1024 * 1024
"""Bytes in an answer of the service, which has about 40 thousand."""


class TooLong(ValueError):
    """The answer of the service is longer than `MAXIMUM_ANSWER`."""


class BreachedPasswords:
    """
    A `breach_check=` for `PasswordPolicy` that asks Have I Been Pwned.

    ```python
    from piccolo_api_fastapi import BreachedPasswords, PasswordPolicy, Users

    users = Users(policy=PasswordPolicy(breach_check=BreachedPasswords()))
    ```

    The service receives five hex digits of a digest of the password (k-anonymity). If it does
    not respond, the password is accepted, and the event `sys_breach_check_unavailable` is
    emitted.

    Args:
        url: The URL of the range API of Have I Been Pwned (version 3), or of a mirror.
        timeout: The time limit of a request and its whole answer, in seconds.
        clock: The clock for the time of the event.

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
                "BreachedPasswords needs an extra: pip install 'piccolo-api-fastapi[http]'."
            ) from None
        self._tls = self._httpx.create_ssl_context()  # reading the certificates takes 20 ms
        self._url = url
        self._timeout = timeout
        self._clock = clock

    async def __call__(self, password: str) -> bool:
        """Return whether the password is in the list of the service."""
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            text = await asyncio.wait_for(self._ask(digest[:5]), self._timeout)
        except (
            asyncio.TimeoutError,
            TooLong,
            UnicodeDecodeError,
            self._httpx.HTTPError,
            self._httpx.InvalidURL,
        ) as error:
            data = {"error": type(error).__name__}
            await emit(AuthEvent("sys_breach_check_unavailable", self._clock(), data=data))
            return False
        counts = dict(line.split(":", 1) for line in text.split() if ":" in line)
        return bool(counts.get(digest[5:], "0") != "0")

    async def _ask(self, prefix: str) -> str:
        # Padding hides the requested range from readers of the network. An answer must not grow
        # by decompression.
        headers = {"Add-Padding": "true", "Accept-Encoding": "identity"}
        # `wait_for` limits the whole exchange; httpx's time-out restarts with each byte.
        async with (
            self._httpx.AsyncClient(timeout=None, verify=self._tls) as client,
            client.stream("GET", self._url + prefix, headers=headers) as answer,
        ):
            answer.raise_for_status()
            body = await capped_answer(answer, MAXIMUM_ANSWER)
        if body is None:
            raise TooLong
        return body.decode("ascii")
