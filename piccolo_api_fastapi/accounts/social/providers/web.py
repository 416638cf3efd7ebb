"""`Web`: requests to providers, with limits of time and size and without redirects."""

import asyncio
import importlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from piccolo_api_fastapi.core.http.parsing import capped_answer, strict_json
from piccolo_api_fastapi.errors import ConfigurationError

from .faults import Down

SECONDS = 5.0
"""The time for everything that one sign-in asks a provider."""

MAXIMUM_ANSWER = 256 * 1024
"""Bytes in an answer. Keys and metadata have a few thousand."""

LOCALHOST = frozenset({"localhost", "127.0.0.1", "::1"})

_RETRY = 429

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The answer of a provider.

    Args:
        status: The status.
        body: The JSON of the body; `None` if it is no JSON.
    """

    status: int
    body: Any = field(repr=False)

    @property
    def members(self) -> Mapping[str, Any]:
        """
        The body of a success, which is a JSON object.

        Raises:
            Down: It is another status, or no JSON object.
        """
        if self.status != 200:  # noqa: PLR2004
            raise Down(f"status-{self.status}")
        if not isinstance(self.body, dict):
            raise Down("not-json")
        return self.body


class Web:
    """
    Sends requests to providers.

    Args:
        http: An `httpx.AsyncClient` to send them with. Default: one for each request.

    Raises:
        ConfigurationError: The extra `http` is not installed.
    """

    def __init__(self, http: Any = None) -> None:
        try:
            self._httpx = importlib.import_module("httpx")
        except ImportError:
            raise ConfigurationError(
                "SocialLogin needs an extra: pip install 'piccolo-api-fastapi[http]'."
            ) from None
        self._http = http
        # Reading the certificates takes 20 ms.
        self._tls = self._httpx.create_ssl_context() if http is None else None

    async def get(self, url: str, *, token: str | None = None) -> Answer:
        """
        Send a GET, with an access token if there is one.

        Raises:
            Down: There is no answer, or it is too long.
        """
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self._send("GET", url, headers=bearer)

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """
        Send a form.

        Raises:
            Down: There is no answer, or it is too long.
        """
        return await self._send("POST", url, data=form, headers=headers or {})

    async def _send(
        self, method: str, url: str, *, headers: Mapping[str, str], **options: Any
    ) -> Answer:
        # An answer must not grow by decompression.
        plain = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        whole: dict[str, Any] = {"headers": plain, "follow_redirects": False, **options}
        try:
            if self._http is not None:
                return await self._read(self._http, method, url, whole)
            async with self._httpx.AsyncClient(timeout=None, verify=self._tls) as client:
                return await self._read(client, method, url, whole)
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
            raise Down(type(error).__name__) from None

    async def _read(self, http: Any, method: str, url: str, options: dict[str, Any]) -> Answer:
        # `within_time` limits the whole exchange; httpx's time-out restarts with each byte.
        async with http.stream(method, url, timeout=None, **options) as answer:
            body = await capped_answer(answer, MAXIMUM_ANSWER)
        if body is None:
            raise Down("too-long")
        if answer.status_code >= 500 or answer.status_code == _RETRY:  # noqa: PLR2004
            raise Down(f"status-{answer.status_code}")
        return Answer(answer.status_code, _json(body))


def _json(body: bytes) -> Any:
    try:
        return strict_json(body)
    except ValueError:
        return None


async def within_time(exchange: Awaitable[ResultT]) -> ResultT:
    """
    Limit the time of everything that one sign-in asks a provider.

    Raises:
        Down: It took too long.
    """
    try:
        return await asyncio.wait_for(exchange, SECONDS)
    except asyncio.TimeoutError:
        raise Down("timeout") from None


def is_secure(url: object) -> bool:
    """Whether a value is a URL that secrets may be sent to: https, or http to this machine."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_plain = parts.username is None and parts.password is None and not parts.fragment
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOCALHOST)
    return is_plain and is_safe and bool(host)
