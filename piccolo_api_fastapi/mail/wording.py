"""`Wording`: the name of the product in messages, and texts of an application's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from piccolo_api_fastapi.errors import ConfigurationError

from .message import Message, MessageT, Words

WriteText: TypeAlias = Callable[[Any], tuple[str, str]]
"""Returns the subject and the whole text of a message."""

Texts: TypeAlias = Mapping[type[Message], WriteText]
"""For classes of messages, the functions that write them. A subclass has that of its base."""

LONGEST_PRODUCT = 60
"""Characters, so that a subject stays readable."""


@dataclass(frozen=True, slots=True)
class Wording:
    """
    What messages say beyond what happened.

    Args:
        product: The name of the product, for subjects and texts.
        texts: The texts that replace those of the library.

    Raises:
        ConfigurationError: The name is not one line of up to 60 characters.
    """

    product: str = ""
    texts: Texts = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = self.product
        if not name.isprintable() or name != name.strip() or len(name) > LONGEST_PRODUCT:
            raise ConfigurationError(
                f"product must be one line of up to {LONGEST_PRODUCT} characters, such as "
                "'Movie club'."
            )

    def __bool__(self) -> bool:
        return bool(self.product or self.texts)

    def apply(self, message: MessageT) -> MessageT:
        """
        Return a message with the name of the product, in the words of the application if it has
        some.

        Raises:
            ValueError: The subject that the application wrote has several lines.
        """
        message = replace(message, product=self.product)
        kinds = [kind for kind in type(message).__mro__ if kind in self.texts]
        if not kinds:
            return message
        words = Words(*self.texts[kinds[0]](message))
        if len(words.subject.splitlines()) > 1:
            raise ValueError("The subject of a message must be one line.")
        return replace(message, words=words)
