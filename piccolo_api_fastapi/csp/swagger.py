"""The sources of FastAPI's Swagger UI pages: the hashes of their scripts, and their assets."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from starlette.responses import HTMLResponse
from starlette.types import Scope

from piccolo_api_fastapi.core.http.csp import Directives, Sources

DIRECTIVES: Directives = {
    "default_src": [],
    "script_src": [],
    "style_src": [],
    "img_src": ["self", "data:"],
    "connect_src": ["self"],
    "base_uri": [],
    "form_action": [],
    "frame_ancestors": [],
}

_KINDS = {"stylesheet": "style", "icon": "icon"}
"""What the relations of a link load."""

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~-]*")


def paths_of(app: FastAPI) -> tuple[str | None, ...]:
    """Return the paths of the Swagger UI pages that FastAPI serves."""
    if not app.openapi_url or not app.docs_url:
        return ()
    return app.docs_url, app.swagger_ui_oauth2_redirect_url


def sources_of_request(scope: Scope) -> Sources:
    """Return the sources of the pages that FastAPI makes for the application of a request."""
    app: FastAPI = scope["app"]
    prefix = scope.get("root_path", "").rstrip("/")
    if not _PLAIN_PATH.fullmatch(prefix):
        # FastAPI writes it into the script as it is: if a client can choose it, it is an attack.
        prefix = ""
    redirect = app.swagger_ui_oauth2_redirect_url
    page = get_swagger_ui_html(
        openapi_url=f"{prefix}{app.openapi_url}",
        title=app.title,
        oauth2_redirect_url=f"{prefix}{redirect}" if redirect else None,
        init_oauth=app.swagger_ui_init_oauth,
        swagger_ui_parameters=app.swagger_ui_parameters,
    )
    return sources_of(page, get_swagger_ui_oauth2_redirect_html())


def sources_of(*pages: HTMLResponse) -> Sources:
    """
    Return the sources that pages need: hashes of inline code, and addresses of assets.

    Args:
        pages: The pages. Whatever is in them becomes allowed.
    """
    reader = _Reader()
    for page in pages:
        reader.feed(bytes(page.body).decode(page.charset))
    reader.close()
    return {
        "script_src": reader.found["script"],
        "style_src": reader.found["style"],
        "img_src": reader.found["icon"],
    }


class _Reader(HTMLParser):
    """Collects the sources of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {"script": [], "style": [], "icon": []}
        self._inline: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script" and "src" in given:
            self.found["script"].append(_address(given["src"]))
        elif tag in {"script", "style"}:
            self._inline = []
        elif tag == "link":
            relations = given.get("rel", "").lower().split()
            for kind in self.found.keys() & {_KINDS.get(relation) for relation in relations}:
                self.found[kind].append(_address(given.get("href", "")))

    def handle_data(self, data: str) -> None:
        if self._inline is not None:
            self._inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._inline is not None:
            self.found[tag].append(_hash("".join(self._inline)))
            self._inline = None


def _address(url: str) -> str:
    """Return the source of an asset, without what browsers don't compare."""
    parts = urlsplit(url)
    if not parts.netloc:
        return "'self'"
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return f"{scheme}{parts.netloc}{parts.path}"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
