"""CAPTCHA as a dependency: hCaptcha, reCAPTCHA, Turnstile or your own verifier."""

from .dependencies import Captcha, CaptchaVerifier
from .vendors import HCaptcha, ReCaptchaV2, ReCaptchaV3, Turnstile

__all__ = ["Captcha", "CaptchaVerifier", "HCaptcha", "ReCaptchaV2", "ReCaptchaV3", "Turnstile"]
