"""Browsers in words, times, secrets."""

import pytest

from piccolo_api_fastapi.pages.describing import browser_of, groups, svg, time

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (CHROME, "Chrome, Windows"),
        (f"{CHROME} Edg/140.0", "Edge, Windows"),
        (f"{CHROME} OPR/120.0", "Opera, Windows"),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox, Linux",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari, iOS"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18.0 Safari/605", "Safari, macOS"),
        ("Mozilla/5.0 (Linux; Android 15) SamsungBrowser/28.0", "Samsung Internet, Android"),
        ("Mozilla/5.0 (X11; CrOS x86_64 1) Chrome/140.0", "Chrome, ChromeOS"),
        ("Mozilla/5.0 (Unknown)", "Mozilla"),
        ("curl/8.5.0", "curl"),
        ("x" * 200, "x" * 40),
        ("/", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_browser_of(user_agent: str | None, words: str) -> None:
    """Browsers call themselves by the names of others, too."""
    assert browser_of(user_agent) == words


def test_others() -> None:
    """Secrets are typed in groups, times say which one they are, pictures are HTML already."""
    assert groups("ABCDEFGHIJ") == "ABCD EFGH IJ"
    assert time(None) == ""
    assert time("2026-01-02T03:04:05Z") == (
        '<time datetime="2026-01-02T03:04:05Z">2026-01-02 03:04 UTC</time>'
    )
    assert svg("<svg/>").__html__() == "<svg/>"
