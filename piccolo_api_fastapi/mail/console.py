"""`ConsoleMail`: prints messages instead of sending them."""

from typing import TextIO

from piccolo_api_fastapi.core.configuration import configured

from .message import Message


@configured
class ConsoleMail:
    """
    Prints messages instead of sending them. Use it in demos only: the links are secrets.

    ```python
    from piccolo_api_fastapi import Accounts, ConsoleMail

    accounts = Accounts(mail=ConsoleMail(), base_url="http://localhost:8000")
    ```

    Args:
        stream: The text stream to print to. `None` is the standard output at that moment.
    """

    at_once = True

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def __call__(self, message: Message) -> None:
        """Print a message."""
        lines = [f"To: {message.to}", f"Subject: {message.subject}", "", message.text()]
        print("\n".join(lines), file=self._stream, flush=True)
