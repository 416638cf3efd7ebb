"""`Brand`: the name, the logo and the colours of the site."""

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

Color: TypeAlias = Literal["accent", "surface", "text", "danger"]

CONTRAST = 4.5
"""The ratio of the brightness of text to that behind it (WCAG 2.2, success criterion 1.4.3)."""

_DEFAULTS: dict[str, tuple[str, str]] = {
    "accent": ("#1d4ed8", "#93b4ff"),
    "surface": ("#ffffff", "#15181d"),
    "text": ("#1b1f24", "#e8eaed"),
    "danger": ("#b3261e", "#ffb4ab"),
}
"""The colours in the light and in the dark, as in `static/pages.css`."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_DARKEST = 0.04045
"""The part of a colour below which its brightness is linear (WCAG 2.2, "relative luminance")."""

_LENGTH = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2})?(px|rem|em)|0")
_FAMILY = r"""([A-Za-z0-9 -]+|"[A-Za-z0-9 -]+"|'[A-Za-z0-9 -]+')"""
_FONT = re.compile(rf"{_FAMILY}( *, *{_FAMILY})*")


@configured
class Brand:
    """
    The name, the logo and the colours of the site.

    ```python
    from piccolo_api_fastapi import Brand

    brand = Brand("Movie club", logo="/static/logo.svg", colors={"accent": "#7a1fa2"})
    ```

    Args:
        name: The name of the site, in the header and in the title of each page.
        logo: The path of a picture on this site. It is decoration: the name stands beside it.
        colors: Colours as `#rrggbb`: `accent` (buttons, links), `surface` (background), `text`
            and `danger` (errors). Each must be readable on the surface.
        dark: The same for browsers that ask for dark pages.
        radius: How round corners are, such as `8px`.
        font: The families of the font, as CSS writes them. They must be on the visitor's machine
            or in a stylesheet of the application's own layout.

    Raises:
        ConfigurationError: A colour has another form or is hard to read: its contrast to the
            surface is below 4.5 (WCAG 2.2, success criterion 1.4.3).
    """

    def __init__(
        self,
        name: str,
        *,
        logo: str | None = None,
        colors: Mapping[Color, str] | None = None,
        dark: Mapping[Color, str] | None = None,
        radius: str | None = None,
        font: str | None = None,
    ) -> None:
        if logo is not None and not re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", logo):
            raise ConfigurationError("logo must be a path on this site, such as /static/logo.svg.")
        if radius is not None and not _LENGTH.fullmatch(radius):
            raise ConfigurationError("radius must be a length, such as 8px.")
        if font is not None and not _FONT.fullmatch(font):
            raise ConfigurationError(
                "font must be a list of families, such as 'Inter, sans-serif'."
            )
        self.name = name
        self.logo = logo
        self._light = _checked(colors or {}, 0)
        self._dark = _checked(dark or {}, 1)
        self._others = {"radius": radius, "font": font}

    @property
    def stylesheet(self) -> str:
        """The stylesheet that changes the variables, or an empty text."""
        others = {name: value for name, value in self._others.items() if value is not None}
        names = self._light.keys() | self._dark.keys()
        lines = [f"--paf-{name}: {value};" for name, value in others.items()]
        for name in sorted(names):
            light = self._light.get(name, _DEFAULTS[name][0])
            dark = self._dark.get(name, _DEFAULTS[name][1])
            lines.append(f"--paf-{name}: {light};")
            lines.append(f"--paf-{name}: light-dark({light}, {dark});")
        return "".join([":root {\n", *(f"  {line}\n" for line in lines), "}\n"]) if lines else ""


def contrast(one: str, other: str) -> float:
    """
    Return the contrast of two colours (WCAG 2.2, "contrast ratio"), from 1 to 21.

    Args:
        one: A colour as `#rrggbb`.
        other: The other.
    """
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    red, green, blue = (
        part / 12.92 if part <= _DARKEST else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _checked(colors: Mapping[Color, str], mode: int) -> dict[str, str]:
    for name, color in colors.items():
        if not _HEX.fullmatch(color):
            raise ConfigurationError(f"The colour {name} must have the form #rrggbb.")
    chosen = {str(name): color for name, color in colors.items()}
    every = {name: pair[mode] for name, pair in _DEFAULTS.items()} | chosen
    for name in ("accent", "text", "danger"):
        ratio = contrast(every[name], every["surface"])
        if chosen and ratio < CONTRAST:
            raise ConfigurationError(
                f"The colour {name} is hard to read on the surface: its contrast is "
                f"{ratio:.1f}, and must be {CONTRAST} or more."
            )
    return chosen
