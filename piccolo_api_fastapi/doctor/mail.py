"""Checks of mail: whether it goes anywhere, and whether the server lets the application in."""

from collections.abc import AsyncIterator

from piccolo_api_fastapi.mail import ConsoleMail, SMTPMail

from .subject import Subject
from .values import Result, error, ok

_SECONDS = 4
"""The time limit of a step with the server, less than that of the whole check."""


async def is_delivered(subject: Subject) -> AsyncIterator[Result]:
    """Look for `ConsoleMail` in an application that people use."""
    if not subject.all(ConsoleMail):
        return
    if any(url.startswith("https://") for url in subject.base_urls):
        yield error("ConsoleMail only prints, so no user gets mail. Use SMTPMail.")
    else:
        yield ok("ConsoleMail prints messages, on a base_url of this machine.")


async def can_send(subject: Subject) -> AsyncIterator[Result]:
    """Connect to each SMTP server, upgrade to TLS, sign in and leave, without a message."""
    for mail in subject.all(SMTPMail):
        options = {**mail._options, "timeout": _SECONDS}  # noqa: SLF001 - it has the password
        host = options["hostname"]
        server = mail._smtp.SMTP(**options)  # noqa: SLF001
        try:
            await server.connect()  # also upgrades to TLS, and signs in
            await server.ehlo()
            await server.quit()
        except Exception as problem:  # noqa: BLE001 - any step may fail, and not only in its own way
            code = getattr(problem, "code", None)
            name = type(problem).__name__ + (f" {code}" if code else "")
            yield error(
                f"The SMTP server {host} does not let the application in ({name}). Check the host, "
                "the port, tls=, the username and the password of SMTPMail."
            )
        else:
            yield ok(f"The SMTP server {host} lets the application in.")
        finally:
            server.close()
