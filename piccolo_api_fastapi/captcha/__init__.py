"""CAPTCHA: hCaptcha, reCAPTCHA, Turnstile, or a verifier of your own, as a dependency."""

from .dependencies import Captcha, CaptchaVerifier
from .vendors import HCaptcha, ReCaptchaV2, ReCaptchaV3, Turnstile

__all__ = ["Captcha", "CaptchaVerifier", "HCaptcha", "ReCaptchaV2", "ReCaptchaV3", "Turnstile"]
