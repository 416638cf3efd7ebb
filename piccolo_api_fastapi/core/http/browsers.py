"""The names of browsers, by what requests say of themselves."""

_BROWSERS = {
    "edg/": "Edge",
    "edgios/": "Edge",
    "opr/": "Opera",
    "samsungbrowser/": "Samsung Internet",
    "firefox/": "Firefox",
    "fxios/": "Firefox",
    "crios/": "Chrome",
    "chromium/": "Chromium",
    "chrome/": "Chrome",
    "safari/": "Safari",
}
"""In this order: each of them calls itself by the names of later ones, too."""

_SYSTEMS = {
    "iphone": "iOS",
    "ipad": "iPadOS",
    "android": "Android",
    "cros": "ChromeOS",
    "windows": "Windows",
    "mac os": "macOS",
    "linux": "Linux",
}


def browser_name(user_agent: str | None) -> str:
    """
    Return a browser and its system in words, such as `Firefox, Windows`; empty if it is unknown.

    Nothing of the header is in the result, which may go into mail to somebody else.

    Args:
        user_agent: The header `User-Agent`.
    """
    said = (user_agent or "").lower()
    browser = next((name for mark, name in _BROWSERS.items() if mark in said), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in said), "")
    return ", ".join(filter(None, (browser, system)))
