"""`Renderer`: templates of the application, then those of the package."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from piccolo_api_fastapi.errors import ConfigurationError

from .context import PageContext
from .describing import browser_of, groups, svg, time


class Renderer:
    """
    Renders pages with Jinja2.

    Args:
        own: The folder with templates of the application, which replace those of the package.
        folders: The folders that have `templates/`.

    Raises:
        ConfigurationError: The extra `pages` is not installed, or there is no such folder.
    """

    def __init__(self, own: Path | None, folders: Iterable[Path]) -> None:
        try:
            import jinja2
        except ModuleNotFoundError:
            raise ConfigurationError(
                "Pages needs an extra: pip install 'piccolo-api-fastapi[pages]'."
            ) from None
        if own is not None and not own.is_dir():
            raise ConfigurationError(f"templates= must be a folder, and {own} is not one.")
        self._own = own
        packaged = [folder / "templates" for folder in folders]
        loaders = [jinja2.FileSystemLoader(folder) for folder in packaged]
        if own is not None:
            loaders.insert(0, jinja2.FileSystemLoader(own))
        # A template that extends the one it replaces finds it as `package/login.html`.
        prefixed = jinja2.PrefixLoader({"package": jinja2.FileSystemLoader(packaged)})
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader([*loaders, prefixed]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._names = frozenset(self._environment.list_templates())
        self._environment.globals.update(browser_of=browser_of, groups=groups, svg=svg, time=time)

    def is_replaced(self, name: str) -> bool:
        """Return whether the application has a template of its own in place of another."""
        return self._own is not None and (self._own / name).is_file()

    def has(self, name: str) -> bool:
        """Return whether there is a template of a page."""
        return f"{name}.html" in self._names

    def render(self, context: PageContext) -> str:
        """Render the template of a page."""
        values: dict[str, Any] = {
            field.name: getattr(context, field.name) for field in fields(context)
        }
        return self._environment.get_template(f"{context.page.name}.html").render(values)
