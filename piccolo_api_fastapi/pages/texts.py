"""`Texts`: what pages say, in the languages that there are."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter
from typing import TypeAlias

from piccolo_api_fastapi.errors import ConfigurationError

from .accepted import weighed

Catalogue: TypeAlias = Mapping[str, str]

DEFAULT = "en"

RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "ha", "he", "ks", "ku", "ps", "sd", "ug", "ur", "yi"})
"""Languages whose usual script runs from right to left (Unicode CLDR, `layout` elements)."""


class Texts:
    """
    The texts of the package and of the application, by language.

    Args:
        folders: The folders that have `texts/<language>.json`.
        brought: English texts that depend on the configuration, for keys without a text.
        own: Texts of the application, by language and key. Those that it lacks stay as they are;
            those that a further language lacks are English.

    Raises:
        ConfigurationError: A key is unknown, or a text has values that the English one lacks.
    """

    def __init__(
        self, folders: Iterable[Path], brought: Catalogue, own: Mapping[str, Catalogue]
    ) -> None:
        known: dict[str, dict[str, str]] = {}
        for folder in folders:
            for file in sorted((folder / "texts").glob("*.json")):
                read = json.loads(file.read_text("utf-8"))
                known.setdefault(file.stem, {}).update(read)
        english = known[DEFAULT] = {**brought, **known[DEFAULT]}
        for language, texts in own.items():
            _check(texts, english)
            known.setdefault(language, {}).update(texts)
        self._known = {language: {**english, **texts} for language, texts in known.items()}

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that there are."""
        return tuple(self._known)

    def choose(self, accept_language: str) -> str:
        """
        Return the language that a browser wants most of those that there are.

        Args:
            accept_language: The header `Accept-Language` (RFC 9110 section 12.5.4).
        """
        ranked: list[tuple[float, int, str]] = []
        for position, (name, weight) in enumerate(weighed(accept_language)):
            if quality := max(0.0, min(weight, 1.0)):
                ranked.append((-quality, position, name))
        for _, _, wanted in sorted(ranked):
            for candidate in (wanted, wanted.partition("-")[0]):
                for language in self._known:
                    if language.casefold() == candidate.casefold():
                        return language
        return DEFAULT

    def has(self, key: str) -> bool:
        """Return whether there is a text."""
        return key in self._known[DEFAULT]

    def get(self, language: str, key: str, count: int | None = None) -> str:
        """
        Return a text.

        Args:
            language: The language.
            key: The key. With a count, `<key>.one` or `<key>.other`.
            count: The number that decides between them.
        """
        if count is not None:
            key = f"{key}.{'one' if count == 1 else 'other'}"
        return self._known[language][key]


def _check(texts: Catalogue, english: Catalogue) -> None:
    for key, text in texts.items():
        if key not in english:
            raise ConfigurationError(f"texts= has the unknown key {key!r}.")
        # `.one` may have the number, even if the English text says it in words.
        counted = {"count"} if key.endswith((".one", ".other")) else set[str]()
        if not _values_of(text) <= _values_of(english[key]) | counted:
            raise ConfigurationError(
                f"texts= has values in {key!r} that it does not get; write {{{{ for a brace."
            )


def _values_of(text: str) -> set[str]:
    """The values that a text asks for, or one that no text gets if it is malformed."""
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return {""}


def direction(language: str) -> str:
    """Return the direction of a language: `ltr` or `rtl`."""
    return "rtl" if language.partition("-")[0].casefold() in RIGHT_TO_LEFT else "ltr"
