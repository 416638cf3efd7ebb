"""`SMTPMail`: sends messages by SMTP."""

import importlib
from collections.abc import Callable
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any, Literal, TypeAlias

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.users.identifiers import split_email

from .message import Message

Render: TypeAlias = Callable[[Message, EmailMessage], None]
"""Sets the subject and the content of an e-mail."""


def render_plainly(message: Message, mail: EmailMessage) -> None:
    """Set the English subject and text of the message, as plain text."""
    mail["Subject"] = message.subject
    mail.set_content(message.text())


@configured
class SMTPMail:
    """
    Sends messages by SMTP, each over a connection of its own.

    ```python
    from piccolo_api_fastapi import SMTPMail

    mail = SMTPMail("smtp.example.com", sender="noreply@example.com", name="My app")
    ```

    Args:
        host: The host name of the server.
        sender: The e-mail address in `From`.
        name: The name in `From`.
        port: The port, by default 587, or 465 with `tls="tls"`.
        username: The username to sign in with, if the server requires one.
        password: The password to sign in with.
        tls: `starttls` requires an upgrade to TLS, `tls` uses TLS from the start, `none` is for a
            server on the same machine.
        tls_context: An `ssl.SSLContext` of your own.
        timeout: The time limit of each step, in seconds.
        render: The function that sets subject and content, by default in English.

    Raises:
        ConfigurationError: The extra `mail` is not installed, the sender is not an e-mail address,
            or a password would be sent in plain text.
    """

    def __init__(  # noqa: PLR0913 - configuration, most of it optional
        self,
        host: str,
        *,
        sender: str,
        name: str = "",
        port: int | None = None,
        username: str | None = None,
        password: str | None = None,
        tls: Literal["starttls", "tls", "none"] = "starttls",
        tls_context: Any = None,
        timeout: float = 10.0,
        render: Render = render_plainly,
    ) -> None:
        try:
            self._smtp = importlib.import_module("aiosmtplib")
        except ImportError:
            raise ConfigurationError(
                "SMTPMail needs an extra: pip install 'piccolo-api-fastapi[mail]'."
            ) from None
        try:
            self._sender = Address(name, addr_spec=sender)
        except (ValueError, IndexError, HeaderParseError):
            raise ConfigurationError(
                "sender must be an e-mail address, and name must not have line breaks."
            ) from None
        if tls not in ("starttls", "tls", "none") or (tls == "none" and password is not None):
            raise ConfigurationError(
                "tls must be 'starttls', 'tls' or 'none'; 'none' does not allow a password."
            )
        self._render = render
        self._options = {
            "hostname": host,
            "port": port,
            "username": username,
            "password": password,
            "use_tls": tls == "tls",
            "start_tls": tls == "starttls",
            "tls_context": tls_context,
            "timeout": timeout,
        }

    async def __call__(self, message: Message) -> None:
        """
        Send a message.

        Raises:
            Exception: The server did not accept the message.
        """
        await self._smtp.send(self.compose(message), **self._options)

    def compose(self, message: Message) -> EmailMessage:
        """Return the e-mail for a message."""
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._sender
        mail["To"] = _address(message.to)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = make_msgid(domain=self._sender.domain)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: prevents out-of-office replies
        self._render(message, mail)
        return mail


def _address(email: str) -> Address:
    """The address with its domain in ASCII (RFC 5890), for servers without SMTPUTF8."""
    local_part, _, domain = split_email(email)
    return Address(username=local_part, domain=domain)
