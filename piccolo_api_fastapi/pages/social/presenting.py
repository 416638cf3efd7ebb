"""What the pages show where a provider leads back, and where a link waits to be confirmed."""

from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.accounts.social import SocialLogin
from piccolo_api_fastapi.accounts.social.browsers import CONFIRM
from piccolo_api_fastapi.pages.answers import Answer
from piccolo_api_fastapi.pages.composer import View
from piccolo_api_fastapi.pages.declared import Action, Page
from piccolo_api_fastapi.pages.site import Site

CALLBACK = "oauth_callback"

Presents: TypeAlias = Callable[[Site, Request, Page, Answer], Response]


def presents_callback(social: SocialLogin[Any], begin: Action) -> Presents:
    """
    Make the function that presents the answer to a callback.

    The operation answers with a redirect, and gives a second step to its page in the fragment. A
    script would have to read that. Therefore the second step is shown at once, and errors are too.

    Args:
        social: The log-ins with providers.
        begin: The form that began, whose errors have the same texts.
    """
    mfa = social.paths.get("mfa")

    def present(site: Site, request: Request, page: Page, answer: Answer) -> Response:
        if answer.whole is None:
            errors = site.composer.errors_of(request, answer, begin)
            return site.composer.compose(request, View(page.name, answer, errors=errors))
        path, _, fragment = answer.whole.headers["location"].partition("#")
        if not fragment or path != mfa:
            return answer.whole
        step = dict(parse_qsl(fragment))
        headers = tuple(header for header in answer.headers if header[0].lower() != b"location")
        shown = Answer(200, {}, headers, answer.background)
        return site.composer.compose(
            request, View("login_mfa", shown, data=step, next=step.pop("next"))
        )

    return present


def presents_confirmation(social: SocialLogin[Any]) -> Presents:
    """
    Make the function that presents the page to confirm a link, if this browser has one to confirm.

    Args:
        social: The log-ins with providers.
    """

    def present(site: Site, request: Request, page: Page, answer: Answer) -> Response:
        if answer.is_refusal:
            return site.show(request, page, answer)
        waits = bool(social.cookies.read(CONFIRM, request))
        return site.composer.compose(request, View(page.name, answer, data={"waits": waits}))

    return present
