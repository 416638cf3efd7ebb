"""`Links`: the links in messages."""

import re
from typing import Literal, TypeAlias

from piccolo_api_fastapi.errors import ConfigurationError

_BASE_URL = re.compile(
    r"(https://[^/?#\s@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^?#\s]*)?"
)


LinkStyle: TypeAlias = Literal["fragment", "query"]
"""Where a link has its secret: after `#token=`, or after `?token=`."""


class Links:
    """
    Links below a configured URL. The `Host` header of a request is never used.

    A secret in the fragment is neither sent to a server nor put in a `Referer`, but only a script
    can read it. One in the query is left in access logs.

    Args:
        base_url: The URL of the pages, such as `https://app.example.com`. Plain http is allowed
            for localhost only.
        paths: The path of the page for each purpose.
        style: Where the secret is.

    Raises:
        ConfigurationError: The URL or a path has another form.
    """

    def __init__(self, base_url: str, paths: dict[str, str], style: LinkStyle = "fragment") -> None:
        if not _BASE_URL.fullmatch(base_url):
            raise ConfigurationError(
                f"base_url is {base_url!r}; use a URL such as https://app.example.com. "
                "Plain http is allowed for localhost only."
            )
        if not all(path.startswith("/") and "#" not in path for path in paths.values()):
            raise ConfigurationError(
                "Each of paths must start with a slash and have no fragment (#)."
            )
        self.base_url = base_url.rstrip("/")
        self.paths = paths
        self.style = style

    def to(self, purpose: str, token: str) -> str:
        """Return the link to the page for a purpose, with a secret."""
        page = f"{self.base_url}{self.paths[purpose]}"
        in_query = "&" if "?" in page else "?"
        return f"{page}{'#' if self.style == 'fragment' else in_query}token={token}"
