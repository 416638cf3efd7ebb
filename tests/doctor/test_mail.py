"""Checks of mail, against a real SMTP server."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from fastapi import FastAPI

from piccolo_api_fastapi import Accounts, ConsoleMail, SMTPMail, accounts_router
from piccolo_api_fastapi.doctor import mail as checks
from tests.doctor.examining import found, severities
from tests.integration.certificates import write_certificate

# Python 3.10 never closes a transport that was upgraded by STARTTLS.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")


def sending(mail: Any, base_url: str = "https://app.example.com") -> FastAPI:
    """An application that sends mail."""
    app = FastAPI()
    app.include_router(accounts_router(Accounts(mail=mail, base_url=base_url)))
    return app


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [("https://app.example.com", ["error"]), ("http://localhost:8000", ["ok"])],
)
async def test_console_mail(base_url: str, expected: list[str]) -> None:
    """Mail on the console is for development."""
    assert await severities(sending(ConsoleMail(), base_url), "console_mail") == expected
    assert await found(FastAPI(), "console_mail") == []


def authenticate(_: Any, __: Any, ___: Any, ____: str, credentials: Any) -> AuthResult:
    """One account may send."""
    right = LoginPassword(b"mailer", b"mail-password")
    return AuthResult(success=credentials == right, handled=False)


class Commands:
    """The handler of a server: what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_EHLO(  # noqa: N802
        self, _: Any, session: Any, __: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """Greet a client."""
        session.host_name = hostname
        self.asked.append("EHLO")
        return responses

    async def handle_QUIT(self, *_: Any) -> str:  # noqa: N802
        """Say goodbye."""
        self.asked.append("QUIT")
        return "221 Bye"

    async def handle_MAIL(self, *_: Any) -> str:  # noqa: N802
        """Begin a message, which nobody should."""
        self.asked.append("MAIL")
        return "250 OK"


@pytest.fixture
def commands() -> Commands:
    """What the server is asked."""
    return Commands()


@pytest.fixture
async def server(commands: Commands, tmp_path: Path) -> AsyncIterator[Any]:
    """A server with STARTTLS and a login, and the client that trusts it."""
    certificate, key = write_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    options: Any = {
        "hostname": "localhost",
        "tls_context": tls,
        "require_starttls": True,
        "auth_required": True,
        "authenticator": authenticate,
    }
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(commands, **options), "127.0.0.1", 0
    )
    port = listening.sockets[0].getsockname()[1]

    def client(**others: Any) -> SMTPMail:
        given = {"username": "mailer", "password": "mail-password", "port": port}
        given["tls_context"] = ssl.create_default_context(cafile=certificate)
        return SMTPMail("localhost", sender="a@example.com", **{**given, **others})

    yield client
    listening.close()
    await asyncio.sleep(0)
    gc.collect(1)  # what Python 3.10 left open, here and not in another test


async def test_smtp(server: Any, commands: Commands) -> None:
    """The server lets the application in, which sends no message."""
    lines = await found(sending(server()), "smtp")
    assert lines == ["ok: The SMTP server localhost lets the application in."]
    assert commands.asked[0] == "EHLO"
    assert commands.asked[-1] == "QUIT"
    assert "MAIL" not in commands.asked


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"password": "hidden-password"}, "SMTPAuthenticationError 535"),
        ({"tls_context": None}, "SSLCertVerificationError"),
        ({"port": 1}, "SMTPConnectError"),
    ],
)
async def test_refused(server: Any, options: Any, expected: str) -> None:
    """The password is wrong, the certificate is not trusted, or nothing listens."""
    [line] = await found(sending(server(**options)), "smtp")
    assert line.startswith(
        f"error: The SMTP server localhost does not let the application in ({expected}"
    )
    assert "hidden-password" not in line


async def test_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing is waited for no longer than a moment."""
    monkeypatch.setattr(checks, "_SECONDS", 0.05)

    async def listen(_: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.close()

    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    mail = SMTPMail("127.0.0.1", sender="a@example.com", port=port)
    [line] = await found(sending(mail), "smtp")
    assert "SMTPConnectTimeoutError" in line
    silent.close()
