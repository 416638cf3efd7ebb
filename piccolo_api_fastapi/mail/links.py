"""`Links`: the links in messages."""

import re

from piccolo_api_fastapi.errors import ConfigurationError

_BASE_URL = re.compile(
    r"(https://[^/?#\s@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^?#\s]*)?"
)


class Links:
    """
    Links below a configured URL. The `Host` header of a request is never used.

    The secret is in the fragment, which browsers neither send to a server nor put in a `Referer`.

    Args:
        base_url: The URL of the pages, such as `https://app.example.com`. Plain http is allowed
            for localhost only.
        paths: The path of the page for each purpose.

    Raises:
        ConfigurationError: The URL or a path has another form.
    """

    def __init__(self, base_url: str, paths: dict[str, str]) -> None:
        if not _BASE_URL.fullmatch(base_url):
            raise ConfigurationError(
                f"base_url is {base_url!r}; use a URL such as https://app.example.com. "
                "Plain http is allowed for localhost only."
            )
        if not all(path.startswith("/") and "#" not in path for path in paths.values()):
            raise ConfigurationError(
                "Each of paths must start with a slash and have no fragment (#)."
            )
        self._base_url = base_url.rstrip("/")
        self._paths = paths

    def to(self, purpose: str, token: str) -> str:
        """Return the link to the page for a purpose, with a secret."""
        return f"{self._base_url}{self._paths[purpose]}#token={token}"
