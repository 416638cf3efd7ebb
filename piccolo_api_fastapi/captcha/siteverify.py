"""Asking a vendor's `siteverify` whether a CAPTCHA was solved."""

import importlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import ConfigurationError

MAXIMUM_RESPONSE = 8 * 1024
"""Characters of what a widget gives: Turnstile's are 2,048 at most, others' a few thousand."""

MAXIMUM_VERDICT = 64 * 1024
"""Bytes of an answer; verdicts are a few hundred."""

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
"""What vendors say of a wrong setting of ours."""

_THEIRS = frozenset({"internal-error", "rate-limited"})
"""What vendors say when they could not tell."""

_OF_THE_RESPONSE = frozenset({400, 413, 422})
"""Statuses by which a vendor, or what stands before it, refuses what the browser sent."""


class Refusal(Exception):
    """
    The response is no good.

    Args:
        reason: A code, safe to log.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Outage(Exception):
    """
    Nobody could tell whether the CAPTCHA was solved.

    Args:
        reason: A code, safe to log.
        is_ours: Whether a setting of ours is to blame, such as a wrong secret or address.
    """

    def __init__(self, reason: str, *, is_ours: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_ours = is_ours


@dataclass(frozen=True, slots=True)
class Expected:
    """
    What the vendor's verdict has to say beyond `success`.

    Args:
        hostnames: The widget was on one of these hosts; any, if empty.
        action: The widget's action.
        score: At least this (reCAPTCHA v3).
    """

    hostnames: frozenset[str] = frozenset()
    action: str | None = None
    score: float | None = None

    def check(self, verdict: Mapping[str, Any]) -> None:
        """
        Refuse a verdict that is not good enough.

        Raises:
            Refusal: It is for another host or action, or the score is too low.
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
    Asks one vendor's `siteverify`, which all of them speak alike; a `CaptchaVerifier`.

    Args:
        url: Where.
        secret: Ours.
        expected: Of the verdict.
        parameters: Further ones, such as `sitekey`.
        send_ip: Whether the vendor is told the address of the browser.
        httpx: The module, found when the dependency was made.
        tls: Made once: reading the certificates takes the loop 20 milliseconds.
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
        Whether the response of a widget is good; it always is when this returns.

        Raises:
            Refusal: It is not.
            Outage: The vendor can't tell.
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
        body = b""
        plain = {"Accept-Encoding": "identity"}  # a small answer must not become a large one
        try:
            # The caller bounds the whole exchange: httpx's own timeout begins anew with each byte.
            async with (
                self.httpx.AsyncClient(timeout=None, verify=self.tls) as client,
                client.stream("POST", self.url, data=form, headers=plain) as answer,
            ):
                async for chunk in answer.aiter_raw():
                    if len(body := body + chunk) > MAXIMUM_VERDICT:
                        raise Outage("too-long")
        except self.httpx.HTTPError as error:
            raise Outage(type(error).__name__) from None
        return answer.status_code, body


def _verdict(body: bytes) -> Mapping[str, Any]:
    """What the vendor says; nothing, if that is no JSON object."""
    try:
        verdict = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return verdict if isinstance(verdict, dict) else {}


def _check_codes(verdict: Mapping[str, Any]) -> None:
    """They come first: some vendors send them with a 200, others with a 400."""
    codes = _codes(verdict)
    if ours := codes & _OURS:
        raise Outage(min(ours), is_ours=True)
    if theirs := codes & _THEIRS:
        raise Outage(min(theirs))
    if codes and verdict.get("success") is not True:
        raise Refusal(min(codes))


def _check_status(status: int) -> None:
    """
    Whoever sends the response must not be able to make an outage: with `on_outage="allow"` they
    would get in by it. So only what the vendor says of itself is one.
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
    The client of one vendor.

    Raises:
        ConfigurationError: The extra `http` is not installed, or the secret is empty.
    """
    try:
        httpx = importlib.import_module("httpx")
    except ImportError:
        raise ConfigurationError(
            "CAPTCHA needs the extra: pip install 'piccolo-api-fastapi[http]'."
        ) from None
    if not secret:
        raise ConfigurationError("A CAPTCHA needs the secret that the vendor gave you.")
    return SiteVerify(
        url, secret, expected, parameters or {}, send_ip, httpx, httpx.create_ssl_context()
    )


def expect(
    hostnames: Collection[str], action: str | None = None, score: float | None = None
) -> Expected:
    """
    What a verdict has to say.

    Raises:
        ConfigurationError: The host names are one string, or the score is not between 0 and 1.
    """
    if isinstance(hostnames, str) or not 0 <= (score or 0) <= 1:
        raise ConfigurationError("hostnames is a list of strings, and a score is between 0 and 1.")
    return Expected(frozenset(hostnames), action, score)


def _number(value: object) -> float:
    """A score; anything else is less than every score."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else -1.0  # type: ignore[arg-type]


def _codes(verdict: Mapping[str, Any]) -> set[str]:
    """The vendor's error codes, those that are fit for an event."""
    codes = verdict.get("error-codes")
    found = codes if isinstance(codes, list) else []
    return {code for code in found if isinstance(code, str) and _CODE.fullmatch(code)}
