"""The names of browsers: known ones only, and nothing of the header itself."""

import pytest

from piccolo_api_fastapi.core.http.browsers import browser_name

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0", "Firefox, Linux"),
        (WINDOWS, "Edge, Windows"),
        (PHONE, "Safari, iOS"),
        ("Windows", "Windows"),
        ("curl/8.9.1", ""),
        ("Call +1 555 0100 at once", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_browser_name(user_agent: str | None, name: str) -> None:
    """The browser, then its system; empty if neither is known."""
    assert browser_name(user_agent) == name
