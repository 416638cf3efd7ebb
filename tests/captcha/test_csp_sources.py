"""The sources that CAPTCHA vendors document, added to the policy of a page."""

import pytest

from piccolo_api_fastapi import CSP, Captcha, HCaptcha, ReCaptchaV2, ReCaptchaV3, Turnstile

GOOGLE = "https://www.google.com/recaptcha/"
HCAPTCHA = "https://hcaptcha.com https://*.hcaptcha.com"


@pytest.mark.parametrize(
    ("captcha", "expected"),
    [
        (
            HCaptcha("secret"),
            (
                f"default-src 'none'; script-src 'self' {HCAPTCHA}; frame-src {HCAPTCHA}; "
                f"style-src {HCAPTCHA}; connect-src {HCAPTCHA}"
            ),
        ),
        (
            Turnstile("secret"),
            (
                "default-src 'none'; script-src 'self' https://challenges.cloudflare.com; "
                "frame-src https://challenges.cloudflare.com"
            ),
        ),
        *[
            (
                captcha,
                (
                    f"default-src 'none'; script-src 'self' {GOOGLE} "
                    f"https://www.gstatic.com/recaptcha/; frame-src {GOOGLE} "
                    "https://recaptcha.google.com/recaptcha/"
                ),
            )
            for captcha in (ReCaptchaV2("secret"), ReCaptchaV3("secret", action="login"))
        ],
        (Captcha(lambda *_: True), "default-src 'none'; script-src 'self'"),
    ],
)
def test_sources(captcha: Captcha, expected: str) -> None:
    """Each vendor's widget may load what it documents, and nothing else becomes allowed."""
    csp = CSP(default_src=[], script_src=["self"])
    assert expected == str(csp.adding(**captcha.csp_sources).policy)
    assert str(csp.policy) == "default-src 'none'; script-src 'self'"
