"""`Captcha` for hCaptcha, reCAPTCHA and Turnstile."""

from collections.abc import Collection
from typing import Any

from .dependencies import Captcha
from .siteverify import expect, site_verify

RECAPTCHA_URL = "https://www.google.com/recaptcha/api/siteverify"


class HCaptcha(Captcha):
    """
    hCaptcha.

    Args:
        secret: The secret key.
        site_key: Responses of other widgets are refused.
        hostnames: Where the widget may be; anywhere, if empty.
        send_ip: Tell hCaptcha the address of the browser.
        url: Of `siteverify`.
        options: `timeout`, `on_outage` and `clock`, as for `Captcha`.

    Raises:
        ConfigurationError: The extra `http` is not installed, or a setting makes no sense.
    """

    def __init__(
        self,
        secret: str,
        *,
        site_key: str | None = None,
        hostnames: Collection[str] = (),
        send_ip: bool = False,
        url: str = "https://api.hcaptcha.com/siteverify",
        **options: Any,
    ) -> None:
        parameters = {"sitekey": site_key} if site_key else None
        verify = site_verify(url, secret, expect(hostnames), send_ip=send_ip, parameters=parameters)
        super().__init__(verify, field="h-captcha-response", **options)


class ReCaptchaV2(Captcha):
    """
    reCAPTCHA v2, the checkbox or the invisible one.

    Args:
        secret: The secret key.
        hostnames: Where the widget may be; anywhere, if empty.
        send_ip: Tell Google the address of the browser.
        url: Of `siteverify`.
        options: `timeout`, `on_outage` and `clock`, as for `Captcha`.

    Raises:
        ConfigurationError: The extra `http` is not installed, or a setting makes no sense.
    """

    def __init__(
        self,
        secret: str,
        *,
        hostnames: Collection[str] = (),
        send_ip: bool = False,
        url: str = RECAPTCHA_URL,
        **options: Any,
    ) -> None:
        verify = site_verify(url, secret, expect(hostnames), send_ip=send_ip)
        super().__init__(verify, field="g-recaptcha-response", **options)


class ReCaptchaV3(Captcha):
    """
    reCAPTCHA v3, which gives a score.

    Args:
        secret: The secret key.
        action: What the page passed to `grecaptcha.execute`; other actions are refused.
        score: Less is refused; 0 is a robot, 1 a person.
        hostnames: Where the page may be; anywhere, if empty.
        send_ip: Tell Google the address of the browser.
        url: Of `siteverify`.
        options: `timeout`, `on_outage` and `clock`, as for `Captcha`.

    Raises:
        ConfigurationError: The extra `http` is not installed, or a setting makes no sense.
    """

    def __init__(
        self,
        secret: str,
        *,
        action: str,
        score: float = 0.5,
        hostnames: Collection[str] = (),
        send_ip: bool = False,
        url: str = RECAPTCHA_URL,
        **options: Any,
    ) -> None:
        verify = site_verify(url, secret, expect(hostnames, action, score), send_ip=send_ip)
        super().__init__(verify, field="g-recaptcha-response", **options)


class Turnstile(Captcha):
    """
    Cloudflare Turnstile.

    Args:
        secret: The secret key.
        action: The `data-action` of the widget; others are refused. Any, if `None`.
        hostnames: Where the widget may be; anywhere, if empty.
        send_ip: Tell Cloudflare the address of the browser.
        url: Of `siteverify`.
        options: `timeout`, `on_outage` and `clock`, as for `Captcha`.

    Raises:
        ConfigurationError: The extra `http` is not installed, or a setting makes no sense.
    """

    def __init__(
        self,
        secret: str,
        *,
        action: str | None = None,
        hostnames: Collection[str] = (),
        send_ip: bool = False,
        url: str = "https://challenges.cloudflare.com/turnstile/v0/siteverify",
        **options: Any,
    ) -> None:
        verify = site_verify(url, secret, expect(hostnames, action), send_ip=send_ip)
        super().__init__(verify, field="cf-turnstile-response", **options)
