"""What templates call: browsers in words, times, secrets and pictures."""

import html
from datetime import datetime

from piccolo_api_fastapi.core.http.browsers import browser_name


class Markup(str):
    """Text that is HTML already, for Jinja2 (`__html__`)."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def browser_of(user_agent: str | None) -> str:
    """
    Return a browser and its system in words, such as `Firefox, Windows`.

    A program that is no browser is shown by the name it gives itself. The result is empty if
    there is none.

    Args:
        user_agent: The header `User-Agent`.
    """
    return browser_name(user_agent) or (user_agent or "").partition(" ")[0].partition("/")[0][:40]


def groups(secret: str) -> str:
    """Return a secret in groups of four, which is how people type it."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def svg(element: str) -> Markup:
    """Return an SVG element that the package has made, as it is."""
    return Markup(element)


def time(value: str | None) -> Markup:
    """
    Return a time of the API as an element that says which one it is: `<time datetime="…">`.

    Args:
        value: A time in the form of RFC 3339.
    """
    if value is None:
        return Markup()
    moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    shown = moment.strftime("%Y-%m-%d %H:%M")
    return Markup(f'<time datetime="{html.escape(value)}">{shown} UTC</time>')
