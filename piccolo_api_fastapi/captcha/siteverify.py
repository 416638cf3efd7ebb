"""Ask the `siteverify` endpoint of a vendor whether a CAPTCHA was solved."""

import importlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.core.http.parsing import capped_answer
from piccolo_api_fastapi.errors import ConfigurationError

MAXIMUM_RESPONSE = 8 * 1024
"""Characters in the response of a widget: Turnstile's have up to 2,048, others a few thousand."""

MAXIMUM_VERDICT = 64 * 1024
"""Bytes in the answer of a vendor, which usually has a few hundred."""

_CODE = re.compile(r"[a-z-]{1,63}")

_OURS = frozenset(
    {
        "missing-input-secret",
        "invalid-input-secret",
        "sitekey-secret-mismatch",
        "invalid-sitekey",
        "missing-sitekey",
    }
)
"""Error codes for a wrong setting of this application."""

_THEIRS = frozenset({"internal-error", "rate-limited"})
"""Error codes for a failure of the vendor."""

_OF_THE_RESPONSE = frozenset({400, 413, 422})
"""Statuses with which a vendor or its proxy refuses the response of the browser."""


class Refusal(Exception):
    """
    The response of the widget is not valid.

    Args:
        reason: A code, safe to log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Outage(Exception):
    """
    The vendor did not decide whether the CAPTCHA was solved.

    Args:
        reason: A code, safe to log.
        is_ours: Whether a wrong setting is the cause, such as the secret or the address.
    """

    def __init__(self, reason: str, *, is_ours: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_ours = is_ours


@dataclass(frozen=True, slots=True)
class Expected:
    """
    What the verdict of a vendor must contain beside `success`.

    Args:
        hostnames: The hosts that may show the widget. Empty allows any host.
        action: The action of the widget, or `None` for any.
        score: The least score to accept (reCAPTCHA v3).
    """

    hostnames: frozenset[str] = frozenset()
    action: str | None = None
    score: float | None = None

    def check(self, verdict: Mapping[str, Any]) -> None:
        """
        Check the verdict of a vendor.

        Raises:
            Refusal: The host or the action is another, or the score is too low.
        """
        if self.hostnames and verdict.get("hostname") not in self.hostnames:
            raise Refusal("hostname")
        if self.action is not None and verdict.get("action") != self.action:
            raise Refusal("action")
        if self.score is not None and not _number(verdict.get("score")) >= self.score:
            raise Refusal("score")


@dataclass(frozen=True, slots=True)
class SiteVerify:
    """
    A `CaptchaVerifier` that asks `siteverify`, which is alike for all vendors.

    Args:
        url: The address of `siteverify`.
        secret: The secret key.
        expected: What the verdict must contain.
        parameters: Further parameters, such as `sitekey`.
        send_ip: Whether to send the client's IP address.
        httpx: The module `httpx`, an optional dependency.
        tls: The TLS context, created once because reading the certificates takes 20 ms.
    """

    url: str
    secret: str = field(repr=False)
    expected: Expected
    parameters: Mapping[str, str]
    send_ip: bool
    httpx: Any = field(repr=False)
    tls: Any = field(repr=False)

    async def __call__(self, response: str, client: ClientInfo) -> bool:
        """
        Check the response of a widget. Returns `True` or raises.

        Raises:
            Refusal: The response is not valid.
            Outage: The vendor did not decide.
        """
        form = {"secret": self.secret, "response": response, **self.parameters}
        if self.send_ip and client.ip is not None:
            form["remoteip"] = client.ip
        status, body = await self._ask(form)
        verdict = _verdict(body)
        _check_codes(verdict)
        _check_status(status)
        if not verdict:
            raise Outage("no-verdict")
        if verdict.get("success") is not True:
            raise Refusal("not-solved")
        self.expected.check(verdict)
        return True

    async def _ask(self, form: Mapping[str, str]) -> tuple[int, bytes]:
        plain = {"Accept-Encoding": "identity"}  # an answer must not grow by decompression
        try:
            # The caller limits the whole exchange; httpx's time-out restarts with each byte.
            async with (
                self.httpx.AsyncClient(timeout=None, verify=self.tls) as client,
                client.stream("POST", self.url, data=form, headers=plain) as answer,
            ):
                body = await capped_answer(answer, MAXIMUM_VERDICT)
        except self.httpx.HTTPError as error:
            raise Outage(type(error).__name__) from None
        if body is None:
            raise Outage("too-long")
        return answer.status_code, body


def _verdict(body: bytes) -> Mapping[str, Any]:
    """The JSON object in the answer of the vendor, or an empty one."""
    try:
        verdict = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return verdict if isinstance(verdict, dict) else {}


def _check_codes(verdict: Mapping[str, Any]) -> None:
    """Check error codes before the status: some vendors send them with a 200, others with a 400."""
    codes = _codes(verdict)
    if ours := codes & _OURS:
        raise Outage(min(ours), is_ours=True)
    if theirs := codes & _THEIRS:
        raise Outage(min(theirs))
    if codes and verdict.get("success") is not True:
        raise Refusal(min(codes))


def _check_status(status: int) -> None:
    """
    Check the status. A status that the response of a widget can cause must not be an outage:
    with `on_outage="allow"` an attacker could get in that way.
    """
    reason = f"status-{status}"
    if status >= 500 or status == 429:  # noqa: PLR2004
        raise Outage(reason)
    if status in _OF_THE_RESPONSE:
        raise Refusal(reason)
    if status != 200:  # noqa: PLR2004
        raise Outage(reason, is_ours=True)


def site_verify(
    url: str,
    secret: str,
    expected: Expected,
    *,
    send_ip: bool,
    parameters: Mapping[str, str] | None = None,
) -> SiteVerify:
    """
    Create the verifier of one vendor.

    Raises:
        ConfigurationError: The extra `http` is not installed, or the secret is empty.
    """
    try:
        httpx = importlib.import_module("httpx")
    except ImportError:
        raise ConfigurationError(
            "CAPTCHA needs an extra: pip install 'piccolo-api-fastapi[http]'."
        ) from None
    if not secret:
        raise ConfigurationError("secret is empty; pass the secret key of the CAPTCHA vendor.")
    return SiteVerify(
        url, secret, expected, parameters or {}, send_ip, httpx, httpx.create_ssl_context()
    )


def expect(
    hostnames: Collection[str], action: str | None = None, score: float | None = None
) -> Expected:
    """
    Create what a verdict must contain.

    Raises:
        ConfigurationError: `hostnames` is a single string, or `score` is not between 0 and 1.
    """
    if isinstance(hostnames, str) or not 0 <= (score or 0) <= 1:
        raise ConfigurationError(
            "hostnames must be a list of strings, and score a number from 0 to 1."
        )
    return Expected(frozenset(hostnames), action, score)


def _number(value: object) -> float:
    """The score, or -1 if it is no number."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else -1.0  # type: ignore[arg-type]


def _codes(verdict: Mapping[str, Any]) -> set[str]:
    """The error codes of the vendor that are safe in an event."""
    codes = verdict.get("error-codes")
    found = codes if isinstance(codes, list) else []
    return {code for code in found if isinstance(code, str) and _CODE.fullmatch(code)}
