"""The stylesheets and the scripts of the pages, which browsers keep for good."""

import hashlib
from functools import cached_property
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from piccolo_api_fastapi.core.http.route import AuthRoute

from .brand import Brand

_FOLDER = Path(__file__).parent / "static"

_FILES = ("pages.css", "pages.js", "passkeys.js")

_KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


class AssetRoute(AuthRoute):
    """A file whose path has the digest of its content."""

    cache_control = "public, max-age=31536000, immutable"


class Assets:
    """
    The stylesheets and the scripts.

    Args:
        brand: Brings the second stylesheet, if it changes the first.
    """

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    @cached_property
    def _texts(self) -> dict[str, str]:
        """The contents of the files, by their names."""
        texts = {name: (_FOLDER / name).read_text("utf-8") for name in _FILES}
        texts["brand.css"] = self._brand.stylesheet
        return {name: text for name, text in texts.items() if text}

    @cached_property
    def contents(self) -> dict[str, str]:
        """The contents of the files, by their paths below the prefix."""
        return {_hashed(name, text): text for name, text in self._texts.items()}

    @property
    def styles(self) -> list[str]:
        """The paths of the stylesheets."""
        return [path for path in self.contents if path.endswith(".css")]

    @property
    def script(self) -> str:
        """The path of the script of every page."""
        return self._of("pages.js")

    @property
    def passkey_script(self) -> str:
        """The path of the script of pages with passkeys."""
        return self._of("passkeys.js")

    def _of(self, name: str) -> str:
        return _hashed(name, self._texts[name])

    def add_to(self, router: APIRouter) -> None:
        """Add the routes of the files."""
        for path, text in self.contents.items():
            _add_file(router, path, text)


def _hashed(name: str, text: str) -> str:
    stem, _, kind = name.partition(".")
    return f"/{stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.{kind}"


def _add_file(router: APIRouter, path: str, text: str) -> None:
    headers = {"X-Content-Type-Options": "nosniff"}
    kind = _KINDS[path.rpartition(".")[2]]

    async def get_file() -> Response:
        return Response(text, media_type=kind, headers=headers)

    router.add_api_route(
        path,
        get_file,
        methods=["GET", "HEAD"],
        include_in_schema=False,
        route_class_override=AssetRoute,
    )
