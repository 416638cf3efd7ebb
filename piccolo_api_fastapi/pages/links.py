"""
Mailed links whose secret is in the query: it is moved out of the address into a cookie.

Whoever can make a browser open a link can put a secret of their own into the cookie, as a mail can
that they send. It is of little use to them: links act for the account that they were mailed to,
and one that logs in does so in the browser that asked for it, unless `EmailLogin` allows others.
"""

import hashlib
from datetime import timedelta
from urllib.parse import quote, unquote

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from piccolo_api_fastapi.core.http.cookies import Cookie
from piccolo_api_fastapi.core.http.operations import path_of
from piccolo_api_fastapi.errors import InvalidSession

from .forms import Form

BY_LINK = "_by_link"
"""The hidden field of a form that takes the secret from the cookie: which one, by its digest."""

NAME = "mailed-link"

LIFETIME = timedelta(hours=1)
"""The lifetime of the cookie. The link itself may expire earlier."""

LONGEST = 256
"""Characters. Those of the package have fewer."""

_OWN = ("token", "code")
"""Form fields that contain the secret itself. If one is filled in, the cookie is ignored."""


class LinkCookie:
    """
    The cookie with the secret of the link to one page.

    Args:
        page: The name of the page.
        secure: Whether browsers send it over https only, as they do the cookie of the session.
    """

    def __init__(self, page: str, *, secure: bool) -> None:
        name = f"{NAME}-{page}"
        insecure = Cookie.insecure_for_http_on_localhost
        self._cookie = Cookie(f"__Host-{name}") if secure else insecure(name)

    def moved(self, request: Request) -> Response | None:
        """
        Take the secret out of the address, if it is there: a redirect and a cookie.

        Nothing is spent, since scanners of mail open links. The page after the redirect tells no
        other site where it is.

        Args:
            request: The request that a link made.
        """
        token = request.query_params.get("token", "")
        if not token or len(token) > LONGEST or not token.isascii() or not token.isprintable():
            return None
        headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        response = RedirectResponse(path_of(request.scope), 303, headers=headers)
        self._cookie.set_on(response, quote(token, safe=""), LIFETIME)
        return response

    def held(self, connection: HTTPConnection) -> str | None:
        """Return the digest of the secret that the cookie has, for the form of the page."""
        secret = self._secret(connection)
        return None if secret is None else _digest(secret)

    def with_secret(self, form: Form, connection: HTTPConnection) -> Form:
        """Return a form with the secret of the cookie, if it asks for that one and has no other."""
        if not _asks_cookie(form):
            return form
        # Without that secret the form has none: a digest is no secret of anybody.
        is_same = self.is_of(form, connection)
        token = str(self._secret(connection)) if is_same else form.fields[BY_LINK]
        return Form({**form.fields, "token": token}, form.lists)

    def is_of(self, form: Form, connection: HTTPConnection) -> bool:
        """Return whether a form asks for the secret that the cookie has."""
        return _asks_cookie(form) and form.fields[BY_LINK] == self.held(connection)

    def forget(self, response: Response) -> None:
        """Delete the cookie."""
        self._cookie.clear_on(response)

    def _secret(self, connection: HTTPConnection) -> str | None:
        """Return the secret. Of several cookies, which only another site can have set, none."""
        try:
            found = self._cookie.read(connection.headers.getlist("cookie"))
        except InvalidSession:
            return None
        return unquote(found[0]) if len(found) == 1 else None


def _asks_cookie(form: Form) -> bool:
    """Return whether a form has no secret of its own, and asks for that of the cookie."""
    return BY_LINK in form.fields and not any(form.fields.get(name) for name in _OWN)


def _digest(secret: str) -> str:
    """What a form says of the secret, so that no link opened since takes its place."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]
