"""Links that mail carries."""

import re

from piccolo_api_fastapi.errors import ConfigurationError

_BASE_URL = re.compile(
    r"(https://[^/?#\s@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^?#\s]*)?"
)


class Links:
    """
    Links below a configured URL; what a request says of its host is never asked.

    The secret is in the fragment, which browsers send to no server and in no `Referer`.

    Args:
        base_url: Of the pages, such as `https://app.example.com`; https, or plain http here.
        paths: The page of each purpose.

    Raises:
        ConfigurationError: The URL is none, or not https.
    """

    def __init__(self, base_url: str, paths: dict[str, str]) -> None:
        if not _BASE_URL.fullmatch(base_url):
            raise ConfigurationError(
                "base_url is like https://app.example.com; plain http is for localhost."
            )
        if not all(path.startswith("/") and "#" not in path for path in paths.values()):
            raise ConfigurationError("The path of a page begins with a slash and has no fragment.")
        self._base_url = base_url.rstrip("/")
        self._paths = paths

    def to(self, purpose: str, token: str) -> str:
        """The link to the page of a purpose, with a secret."""
        return f"{self._base_url}{self._paths[purpose]}#token={token}"
