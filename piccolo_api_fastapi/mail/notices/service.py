"""`Notices`: a listener that tells people by mail what was done with their account."""

from typing import Any

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.mail.delivery import Delivery
from piccolo_api_fastapi.mail.messages import Mail, Message, NewSignIn, SecondFactorChanged
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.identifiers import real_email

from . import queries as service
from .tables import SeenUserAgent

_CHANGES = {
    "authn_mfa_enrolled": "An authenticator app was set up.",
    "authn_mfa_removed": "The authenticator app was removed.",
    "authn_recovery_codes_replaced": "New recovery codes were made; the old ones are dead.",
    "authn_recovery_code_used": "A recovery code was used. There are {left} left.",
}


class Notices:
    """
    Tells people by mail of a sign-in with a browser that they never used before, and of
    changes of their second factors. `subscribe` it.

    The mail is sent beside the request. What fails is an event, `sys_mail_fail`, and is tried
    again when the user does something.

    Args:
        users: Whom to tell.
        mail: Sends the messages.
    """

    def __init__(self, users: Users[Any] | None = None, *, mail: Mail) -> None:
        self.users = Users() if users is None else users
        self.table = bound(SeenUserAgent, self.users.table)
        self._send = Delivery(mail, self.users)

    def __call__(self, event: AuthEvent) -> None:
        """Look at an event."""
        if event.name in _CHANGES or event.name == "authn_login_success":
            self._send.beside(self._tell, event)
        else:
            self._send.on_event(event)

    async def wait(self) -> None:
        """Wait for what is being sent, for the end of an application and for tests."""
        await self._send.wait()

    async def _tell(self, event: AuthEvent) -> None:
        await self._send.retry(event.user)
        user = await self.users.get(event.user)
        if user is None or real_email(user.email) is None:
            return
        whom = {"to": user.email, "username": user.username, "user": event.user, "at": event.at}
        if (message := await self._message(event, whom)) is not None:
            await self._send(message)

    async def _message(self, event: AuthEvent, whom: dict[str, Any]) -> Message | None:
        if event.name in _CHANGES:
            return SecondFactorChanged(**whom, change=_CHANGES[event.name].format(**event.data))
        agent = event.data["user_agent"] or ""
        async with store():
            if not await service.is_unknown(self.table, event.user, agent, event.at):
                return None
        return NewSignIn(**whom, ip=event.data["ip"], user_agent=agent)
