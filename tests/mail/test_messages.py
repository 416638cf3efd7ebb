"""Messages, and how they are sent: against a real SMTP server."""

import asyncio
import gc
import io
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from piccolo_api_fastapi import ConfigurationError, ConsoleMail, Message, SMTPMail
from piccolo_api_fastapi.mail import (
    AccountClosed,
    AlreadyRegistered,
    ConfirmEmail,
    DetailTaken,
    EmailChanged,
    EmailChangeRequested,
    PasswordChanged,
    ResetPassword,
    UsernameTaken,
    VerifyEmail,
    VerifyEmailFirst,
)
from piccolo_api_fastapi.mail.message import LinkMessage
from tests.integration.certificates import write_certificate

# Python 3.10 never closes a transport that was upgraded by STARTTLS.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")

AT = datetime(2026, 11, 25, 9, 30, tzinfo=timezone.utc)
TO: Any = {"to": "ada@example.com", "username": "ada", "user": 1, "at": AT}
LINK: Any = {"link": "https://app.example.com/x#token=s3cret", "expires_at": AT}
MESSAGES = [
    VerifyEmail(**TO, **LINK, code="123456", code_expires_at=AT),
    VerifyEmailFirst(**TO, **LINK),
    AlreadyRegistered(**TO),
    UsernameTaken(**TO),
    DetailTaken(**TO),
    ResetPassword(**TO, **LINK),
    PasswordChanged(**TO),
    ConfirmEmail(**TO, **LINK),
    EmailChangeRequested(**TO, new="lovelace@example.com"),
    EmailChanged(**TO, **LINK, new="lovelace@example.com"),
    AccountClosed(**TO),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
@pytest.mark.security(115)
def test_messages(message: Message) -> None:
    """Every message has a subject and words; its link and code are in them, never in its repr."""
    text = message.text()
    assert message.subject
    assert text.startswith("Hello ada,\n\n")
    assert ("s3cret" in text) is isinstance(message, LinkMessage)
    assert "s3cret" not in repr(message) + str(message)
    assert "123456" not in repr(message)
    if isinstance(message, VerifyEmail):
        assert "123456" in text
    if isinstance(message, LinkMessage | PasswordChanged | AccountClosed):
        assert "2026-11-25 09:30 UTC" in text


def test_the_plainest_message() -> None:
    """A message of an application's own has its subject for a body."""

    class Greeting(Message):
        title = "Welcome"

    assert Greeting(**TO).text() == "Hello ada,\n\nWelcome\n"


async def test_console(capsys: pytest.CaptureFixture[str]) -> None:
    """A demo prints them."""
    await ConsoleMail()(MESSAGES[0])
    printed = capsys.readouterr().out
    assert printed.startswith("To: ada@example.com\nSubject: Please confirm")
    assert "https://app.example.com/x#token=s3cret" in printed
    stream = io.StringIO()
    await ConsoleMail(stream)(MESSAGES[0])
    assert stream.getvalue() == printed


@dataclass
class Received:
    """What the server was given."""

    mails: list[tuple[Envelope, EmailMessage, bool]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, _: Any, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        parsed: Any = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]
        assert server.transport is not None
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.mails.append((envelope, parsed, encrypted))
        return "250 OK"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate for 127.0.0.1: what the server has, and what the client trusts."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = write_certificate(folder)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=certificate)


def authenticate(_: Any, __: Any, ___: Any, ____: str, credentials: Any) -> AuthResult:
    """One account may send."""
    right = LoginPassword(b"mailer", b"mail-password")
    return AuthResult(success=credentials == right, handled=False)


@pytest.fixture
def received() -> Received:
    """The mailbox of the server."""
    return Received()


@pytest.fixture
async def port(received: Received, tls: Any, request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """A server on a real socket, with STARTTLS and a login, or with TLS, or with neither."""
    kind = getattr(request, "param", "starttls")
    options: dict[str, Any] = {"hostname": "127.0.0.1", "enable_SMTPUTF8": True}
    if kind == "starttls":
        options |= {"tls_context": tls[0], "require_starttls": True, "auth_required": True}
        options |= {"authenticator": authenticate}
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(received, **options), "127.0.0.1", 0, ssl=tls[0] if kind == "tls" else None
    )
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.sleep(0)
    gc.collect()  # what Python 3.10 left open, here and not in another test


def smtp(port: int, certificates: Any, **options: Any) -> SMTPMail:
    """A client of the server."""
    given = {"sender": "accounts@example.com", "name": "Example", "port": port}
    return SMTPMail(
        "localhost", **{**given, "tls_context": certificates[1], "timeout": 5.0, **options}
    )


LOGIN = {"username": "mailer", "password": "mail-password"}


async def test_smtp(received: Received, port: int, tls: Any) -> None:
    """By default over STARTTLS, with a login; headers, words and the envelope are right."""
    await smtp(port, tls, **LOGIN)(MESSAGES[0])
    [(envelope, sent, encrypted)] = received.mails
    assert encrypted
    assert (envelope.mail_from, envelope.rcpt_tos) == ("accounts@example.com", ["ada@example.com"])
    assert sent["From"] == "Example <accounts@example.com>"
    assert sent["To"] == "ada@example.com"
    assert sent["Subject"] == "Please confirm your e-mail address"
    assert sent["Date"].datetime == AT
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent["Message-ID"].endswith("@example.com>")
    assert sent.get_content().replace("\r\n", "\n") == MESSAGES[0].text()


@pytest.mark.parametrize("port", ["tls"], indirect=True)
async def test_smtp_over_tls(received: Received, port: int, tls: Any) -> None:
    """TLS from the beginning."""
    await smtp(port, tls, tls="tls")(MESSAGES[3])
    assert [encrypted for _, _, encrypted in received.mails] == [True]


@pytest.mark.parametrize("port", ["none"], indirect=True)
async def test_smtp_in_plain_text(received: Received, port: int, tls: Any) -> None:
    """Without TLS only if asked; a server that has none is otherwise refused."""
    with pytest.raises(aiosmtplib.SMTPException):
        await smtp(port, tls)(MESSAGES[3])
    assert received.mails == []
    await smtp(port, tls, tls="none")(MESSAGES[3])
    assert [encrypted for _, _, encrypted in received.mails] == [False]


@pytest.mark.parametrize("port", ["tls"], indirect=True)
async def test_a_certificate_of_nobody(port: int, tls: Any) -> None:
    """The certificate of the server is verified."""
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await smtp(port, tls, tls="tls", tls_context=None)(MESSAGES[3])


async def test_a_wrong_login(received: Received, port: int, tls: Any) -> None:
    """What the server refuses raises, and tells no password."""
    with pytest.raises(aiosmtplib.SMTPAuthenticationError) as caught:
        await smtp(port, tls, username="mailer", password="c4n4ry")(MESSAGES[3])
    assert "c4n4ry" not in str(caught.value)
    assert received.mails == []


@pytest.mark.parametrize(
    ("to", "recipient"),
    [
        ("ü@example.com", "ü@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("o'reilly+x@example.com", "o'reilly+x@example.com"),
        ("ada@works.local", "ada@works.local"),
    ],
)
async def test_addresses(received: Received, port: int, tls: Any, to: str, recipient: str) -> None:
    """Addresses of all the world, their domains in ASCII (D-U4)."""
    await smtp(port, tls, **LOGIN)(AccountClosed(**{**TO, "to": to}))
    assert received.mails[0][0].rcpt_tos == [recipient]


@pytest.mark.security(105)
@pytest.mark.parametrize(
    "to", ["a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com"]
)
async def test_injection(received: Received, port: int, tls: Any, to: str) -> None:
    """An address with more in it than an address sends nothing."""
    with pytest.raises(ValueError, match=r"."):
        await smtp(port, tls, **LOGIN)(AccountClosed(**{**TO, "to": to}))
    assert received.mails == []


async def test_words_of_its_own(received: Received, port: int, tls: Any) -> None:
    """An application gives its own words, and HTML."""

    def render(message: Message, sent: EmailMessage) -> None:
        sent["Subject"] = f"Bonjour {message.username}"
        sent.set_content("Bonjour !")
        sent.add_alternative("<p>Bonjour !</p>", subtype="html")

    await smtp(port, tls, render=render, **LOGIN)(MESSAGES[0])
    [(_, sent, _)] = received.mails
    assert sent["Subject"] == "Bonjour ada"
    assert [part.get_content_type() for part in sent.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    "options",
    [
        {"sender": "nobody"},
        {"sender": ""},
        {"sender": "a@example.com\r\nBcc: b@example.com"},
        {"name": "a\r\nb"},
        {"tls": "none", "password": "x"},
        {"tls": "maybe"},
    ],
)
def test_configuration(options: dict[str, Any]) -> None:
    """What makes no sense raises when it is made."""
    with pytest.raises(ConfigurationError):
        SMTPMail("localhost", **{"sender": "a@example.com", **options})


def test_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error names it."""
    monkeypatch.setitem(sys.modules, "aiosmtplib", None)
    with pytest.raises(ConfigurationError, match="mail"):
        SMTPMail("localhost", sender="a@example.com")
