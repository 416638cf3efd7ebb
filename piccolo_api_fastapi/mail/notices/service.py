"""`Notices`: a listener that mails users about events of their account."""

from typing import Any

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.mail.delivery import Delivery
from piccolo_api_fastapi.mail.message import Mail, Message
from piccolo_api_fastapi.mail.messages import NewSignIn, SecondFactorChanged
from piccolo_api_fastapi.mail.wording import Texts, Wording
from piccolo_api_fastapi.users import Users, or_default
from piccolo_api_fastapi.users.identifiers import real_email

from . import queries
from .declared import has_notice, is_new_factor, write_notice
from .tables import SeenUserAgent
from .undo import relink_undo, undo_link


@configured
class Notices:
    """
    Mails users about sign-ins with a new browser, and about every event that has a notice, such
    as changes of second factors.

    ```python
    from piccolo_api_fastapi import ConsoleMail, Notices, subscribe

    stop = subscribe(Notices(mail=ConsoleMail()))
    stop()
    ```

    The mail is sent beside the request. A failure is the event `sys_mail_fail`. The message is
    stored and sent again at the next event of the user.

    Args:
        users: The users that get the mail.
        mail: The service that sends it.
        product: The name of the product, such as `Movie club`, for subjects and texts.
        texts: For classes of messages, functions that return the subject and the whole text.

    Raises:
        ConfigurationError: `product` is not one line of up to 60 characters.
    """

    def __init__(
        self,
        users: Users[Any] | None = None,
        *,
        mail: Mail,
        product: str = "",
        texts: Texts | None = None,
    ) -> None:
        self.users = or_default(users)
        self.table = bound(SeenUserAgent, self.users.table)
        relink = relink_undo(self.users.table)
        wording = Wording(product, texts or {})
        self._send = Delivery(mail, self.users, {SecondFactorChanged: relink}, wording)

    def __call__(self, event: AuthEvent) -> None:
        """Mail the user about an event that has a notice, and retry unsent mail otherwise."""
        if has_notice(event) or event.name == "authn_login_success":
            self._send.beside(self._tell, event)
        else:
            self._send.on_event(event)

    async def wait(self) -> None:
        """Wait until all mail is sent, at the end of an application or in a test."""
        await self._send.wait()

    async def _tell(self, event: AuthEvent) -> None:
        await self._send.retry(event.user)
        user = await self.users.get(event.user)
        if user is None or real_email(user.email) is None:
            return
        whom = {"to": user.email, "username": user.username, "user": event.user, "at": event.at}
        if (message := await self._message(event, user, whom)) is not None:
            await self._send(message)

    async def _message(self, event: AuthEvent, user: Any, whom: dict[str, Any]) -> Message | None:
        if is_new_factor(event):
            return write_notice(event, whom, await undo_link(self.users.table, user, event.at))
        if has_notice(event):
            return write_notice(event, whom)
        agent = event.data["user_agent"] or ""
        async with store():
            if not await queries.is_unknown(self.table, event.user, agent, event.at):
                return None
        return NewSignIn(**whom, ip=event.data["ip"], user_agent=agent)
