"""CAPTCHA: hCaptcha, reCAPTCHA, Turnstile, or a verifier of your own, as a dependency."""

from .dependencies import Captcha, CaptchaVerifier
from .events import EVENTS
from .vendors import HCaptcha, ReCaptchaV2, ReCaptchaV3, Turnstile

__all__ = [
    "EVENTS",
    "Captcha",
    "CaptchaVerifier",
    "HCaptcha",
    "ReCaptchaV2",
    "ReCaptchaV3",
    "Turnstile",
]
