"""Mailed links whose secret is in the query: it is moved out of the address into a cookie."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from piccolo_api_fastapi.core.http.operations import path_of

from .forms import Form

BY_LINK = "_by_link"
"""The hidden field of a form that takes the secret from the cookie."""

COOKIE = "mailed-link"

LIFETIME = 60 * 60
"""Seconds. No link is valid for longer than it takes to open it, or its own lifetime."""

LONGEST = 256
"""Characters. Those of the package have fewer."""


def moved(request: Request) -> Response | None:
    """
    Take the secret out of the address, if it is there: a redirect and a cookie for this page.

    Nothing is spent, since scanners of mail open links. The page after the redirect tells no
    other site where it is.

    Args:
        request: The request that a link made.
    """
    token = request.query_params.get("token", "")
    if not token or len(token) > LONGEST or not token.isascii() or not token.isprintable():
        return None
    path = path_of(request.scope)
    response = RedirectResponse(path, 303, headers={"Referrer-Policy": "no-referrer"})
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie(
        COOKIE,
        token,
        max_age=LIFETIME,
        path=path,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


def is_held(request: Request) -> bool:
    """Return whether the cookie has a secret for this page."""
    return COOKIE in request.cookies


def with_secret(form: Form, request: Request) -> Form:
    """Return a form with the secret of the cookie, if it asks for that."""
    if BY_LINK not in form.fields:
        return form
    return Form({**form.fields, "token": request.cookies.get(COOKIE, "")}, form.lists)


def forget(request: Request, response: Response) -> None:
    """Delete the cookie of this page, once its secret is of no use any more."""
    if is_held(request):
        response.delete_cookie(COOKIE, path=path_of(request.scope), httponly=True, samesite="lax")
