"""`Captcha` for hCaptcha, reCAPTCHA and Turnstile."""

from collections.abc import Collection
from typing import Any, ClassVar

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.csp import Sources

from .dependencies import Captcha
from .siteverify import expect, site_verify

RECAPTCHA_URL = "https://www.google.com/recaptcha/api/siteverify"

_HCAPTCHA = ("https://hcaptcha.com", "https://*.hcaptcha.com")
_TURNSTILE = ("https://challenges.cloudflare.com",)
_RECAPTCHA: Sources = {
    "script_src": ("https://www.google.com/recaptcha/", "https://www.gstatic.com/recaptcha/"),
    "frame_src": ("https://www.google.com/recaptcha/", "https://recaptcha.google.com/recaptcha/"),
}


@configured
class HCaptcha(Captcha):
    """
    A `Captcha` for hCaptcha.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import HCaptcha

    captcha = HCaptcha("the secret key", hostnames=["app.example.com"])
    app = FastAPI(dependencies=[Depends(captcha)])
    ```

    Args:
        secret: The secret key.
        site_key: The public key of the widget. Responses of other widgets are refused.
        hostnames: The hosts that may show the widget. Empty allows any host.
        send_ip: Whether to send the client's IP address to hCaptcha.
        url: The address of `siteverify`.
        options: `timeout`, `on_outage` and `clock`, as for `Captcha`.

    Raises:
        ConfigurationError: The extra `http` is not installed, or an argument is out of range.
    """

    vendor = "hcaptcha"

    csp_sources: ClassVar[Sources] = {
        "script_src": _HCAPTCHA,
        "frame_src": _HCAPTCHA,
        "style_src": _HCAPTCHA,
        "connect_src": _HCAPTCHA,
    }
    """Of docs.hcaptcha.com, "Content-Security-Policy Settings"."""

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
        super().__init__(verify, field="h-captcha-response", site_key=site_key, **options)


@configured
class ReCaptchaV2(Captcha):
    """
    A `Captcha` for reCAPTCHA v2, the checkbox or the invisible one.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import ReCaptchaV2

    captcha = ReCaptchaV2("the secret key", hostnames=["app.example.com"])
    app = FastAPI(dependencies=[Depends(captcha)])
    ```

    Args:
        secret: The secret key.
        hostnames: The hosts that may show the widget. Empty allows any host.
        send_ip: Whether to send the client's IP address to Google.
        url: The address of `siteverify`.
        options: `site_key`, `timeout`, `on_outage` and `clock`, as for `Captcha`.

    Raises:
        ConfigurationError: The extra `http` is not installed, or an argument is out of range.
    """

    vendor = "recaptcha_v2"

    csp_sources: ClassVar[Sources] = _RECAPTCHA
    """Of developers.google.com/recaptcha/docs/faq, "I'm using content-security-policy (CSP)"."""

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


@configured
class ReCaptchaV3(Captcha):
    """
    A `Captcha` for reCAPTCHA v3, which scores each request.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import ReCaptchaV3

    captcha = ReCaptchaV3("the secret key", action="register")
    app = FastAPI(dependencies=[Depends(captcha)])
    ```

    Args:
        secret: The secret key.
        action: The action that the page passes to `grecaptcha.execute`; others are refused.
        score: The least score to accept, from 0 (a robot) to 1 (a person).
        hostnames: The hosts that may show the page. Empty allows any host.
        send_ip: Whether to send the client's IP address to Google.
        url: The address of `siteverify`.
        options: `site_key`, `timeout`, `on_outage` and `clock`, as for `Captcha`.

    Raises:
        ConfigurationError: The extra `http` is not installed, or an argument is out of range.
    """

    vendor = "recaptcha_v3"

    csp_sources: ClassVar[Sources] = _RECAPTCHA
    """Of developers.google.com/recaptcha/docs/faq, "I'm using content-security-policy (CSP)"."""

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
        self.action = action
        verify = site_verify(url, secret, expect(hostnames, action, score), send_ip=send_ip)
        super().__init__(verify, field="g-recaptcha-response", **options)


@configured
class Turnstile(Captcha):
    """
    A `Captcha` for Cloudflare Turnstile.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import Turnstile

    captcha = Turnstile("the secret key", action="register")
    app = FastAPI(dependencies=[Depends(captcha)])
    ```

    Args:
        secret: The secret key.
        action: The `data-action` of the widget; others are refused. `None` allows any.
        hostnames: The hosts that may show the widget. Empty allows any host.
        send_ip: Whether to send the client's IP address to Cloudflare.
        url: The address of `siteverify`.
        options: `site_key`, `timeout`, `on_outage` and `clock`, as for `Captcha`.

    Raises:
        ConfigurationError: The extra `http` is not installed, or an argument is out of range.
    """

    vendor = "turnstile"

    csp_sources: ClassVar[Sources] = {"script_src": _TURNSTILE, "frame_src": _TURNSTILE}
    """Of developers.cloudflare.com/turnstile/reference/content-security-policy."""

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
        self.action = action
        verify = site_verify(url, secret, expect(hostnames, action), send_ip=send_ip)
        super().__init__(verify, field="cf-turnstile-response", **options)
