"""What `Pages` refuses when it is made, before a browser asks for it."""

from collections.abc import Sequence
from typing import Any

from piccolo_api_fastapi.accounts import Accounts
from piccolo_api_fastapi.accounts.email_login import EmailLogin
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.login import Login

from .composer import Composer
from .declared import PageSet
from .entering import ENROLMENT

_WIDGETS = frozenset({"turnstile", "hcaptcha", "recaptcha_v2"})
"""The vendors whose widget `elements/captcha.html` has."""


def check_names(sets: Sequence[PageSet]) -> None:
    """
    Make sure that no feature replaces the pages or the facts of another one.

    Raises:
        ConfigurationError: One does.
    """
    for what, names in (
        ("page", [name for brought in sets for name in _pages_of(brought)]),
        ("path", [page.path for brought in sets for page in brought.pages]),
        ("form", [path for brought in sets for path in _posted(brought)]),
        ("fact", [name for brought in sets for name in brought.facts]),
    ):
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"Two features bring the {what} {name!r}.")


def check_email_login(email_login: EmailLogin[Any], accounts: Accounts[Any] | None) -> None:
    """
    Make sure that the links of log-ins by e-mail lead to pages that there are.

    Raises:
        ConfigurationError: They are those of other accounts.
    """
    if email_login.accounts is not accounts:
        raise ConfigurationError(
            "Pages(email_login=…) needs accounts=…, with the Accounts of the EmailLogin."
        )


def check_pages(sets: Sequence[PageSet], composer: Composer, login: Login[Any]) -> None:
    """
    Make sure that there is what pages are made of, and what they lead to.

    Args:
        sets: The pages.
        composer: Has the templates and the texts.
        login: The login.

    Raises:
        ConfigurationError: Something is missing.
    """
    if login.mfa_required and composer.pages.keys().isdisjoint(ENROLMENT):
        raise ConfigurationError(
            "The login requires a second factor, and no page sets one up: Pages needs totp=… or "
            "passkeys=…, or a page 'totp' in more=."
        )
    if not _shows_captcha(composer):
        raise ConfigurationError(
            "Pages can't show this CAPTCHA: give a Turnstile, HCaptcha or ReCaptchaV2 with its "
            "site_key=, or write the template elements/captcha.html."
        )
    for name in (name for brought in sets for name in _pages_of(brought)):
        if not composer.renderer.has(name) or not composer.texts.has(f"{name}.title"):
            raise ConfigurationError(
                f"The page {name!r} needs the template {name}.html and the text {name}.title."
            )


def _shows_captcha(composer: Composer) -> bool:
    """Return whether there is a widget that solves the CAPTCHA, if one is asked for."""
    captcha = composer.captcha
    if captcha is None or composer.renderer.is_replaced("elements/captcha.html"):
        return True
    return getattr(captcha, "vendor", "") in _WIDGETS and bool(captcha.site_key)


def _posted(brought: PageSet) -> list[str]:
    paths = [action.path for action in brought.actions]
    return [*paths, *(operation.path for operation in brought.for_scripts)]


def _pages_of(brought: PageSet) -> list[str]:
    return [*(page.name for page in brought.pages), *brought.shown]
