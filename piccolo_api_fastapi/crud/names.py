"""The names of operations and of members, made from those of tables."""

import re

_SOUNDS = ("s", "x", "z", "ch", "sh")


def snake(name: str) -> str:
    """Return the name of a class in small letters: `movie_poster`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def plural(word: str) -> str:
    """Return the plural of a word."""
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(_SOUNDS) else f"{word}s"
