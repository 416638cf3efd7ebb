"""`SMTPMail`: sends messages by SMTP."""

import importlib
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any, Literal, TypeAlias

from email_validator import validate_email

from piccolo_api_fastapi.errors import ConfigurationError

from .messages import Message

Render: TypeAlias = Callable[[Message, EmailMessage], None]
"""Gives a mail its subject and its content."""


def render_plainly(message: Message, mail: EmailMessage) -> None:
    """The English words of the message, as plain text."""
    mail["Subject"] = message.subject
    mail.set_content(message.text())


class SMTPMail:
    """
    Sends messages by SMTP, each over a connection of its own.

    Args:
        host: The server.
        sender: The address in `From`.
        name: The name in `From`.
        port: 587 by default, 465 with `tls="tls"`.
        username: To log in with, if the server wants that.
        password: Likewise.
        tls: `starttls` begins in plain text and insists on TLS, `tls` is TLS from the beginning,
            `none` is for a server on the same machine.
        tls_context: An `ssl.SSLContext` of your own.
        timeout: Seconds for each step.
        render: Gives a mail its words; by default those of the message.

    Raises:
        ConfigurationError: The extra `mail` is not installed, the sender is no address, or a
            password would be sent in plain text.
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
                "SMTPMail needs the extra: pip install 'piccolo-api-fastapi[mail]'."
            ) from None
        try:
            self._sender = Address(name, addr_spec=sender)
        except (ValueError, IndexError):
            raise ConfigurationError(
                "The sender is an e-mail address, and its name has no line breaks."
            ) from None
        if tls not in ("starttls", "tls", "none") or (tls == "none" and password is not None):
            raise ConfigurationError(
                "tls is starttls, tls or none; without TLS no password is sent."
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
            Exception: The server did not take it.
        """
        await self._smtp.send(self.compose(message), **self._options)

    def compose(self, message: Message) -> EmailMessage:
        """The mail of a message."""
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._sender
        mail["To"] = _address(message.to)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = make_msgid(domain=self._sender.domain)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody is away to answer
        self._render(message, mail)
        return mail


def _address(email: str) -> Address:
    """With the domain in ASCII (RFC 5890), for servers that know no other."""
    valid = validate_email(email, check_deliverability=False)
    return Address(username=valid.local_part, domain=valid.ascii_domain)
