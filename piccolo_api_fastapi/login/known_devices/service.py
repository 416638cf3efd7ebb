"""`KnownDevices`: knows a browser again by a cookie that it got at a login."""

from contextlib import suppress
from datetime import timedelta
from typing import Any, Generic, cast

from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.http.cookies import Cookie
from piccolo_api_fastapi.errors import ConfigurationError, InvalidSession
from piccolo_api_fastapi.users import Users, UserT

from . import queries as service
from .queries import DEVICE_TOKEN
from .tables import KnownDevice


class KnownDevices(Generic[UserT]):
    """
    Browsers in which a user logged in before; `Login` asks it.

    Wrong passwords from such a browser are counted by themselves, so that whoever floods an
    account keeps its owner out of no browser that they use (OWASP, Slow Down Online Guessing
    Attacks with Device Cookies). It is no way in, and no factor.

    Args:
        users: Whose.
        cookie: Its name and attributes.
        lifetime: How long a browser is known after the last login.
        cap: How many are known of one user; those seen longest ago give way.

    Raises:
        ConfigurationError: None would ever be known.
    """

    def __init__(
        self,
        users: Users[UserT] | None = None,
        *,
        cookie: Cookie | None = None,
        lifetime: timedelta = timedelta(days=365),
        cap: int = 20,
    ) -> None:
        if cap < 1 or lifetime < timedelta(days=1):
            raise ConfigurationError(
                "A user has one known browser at least, known for a day at least."
            )
        self.users: Users[UserT] = cast("Any", Users()) if users is None else users
        self.table = bound(KnownDevice, self.users.table)
        self.cookie = cookie or Cookie(name="__Host-known-device")
        self.lifetime = lifetime
        self.cap = cap

    def presented(self, connection: HTTPConnection) -> str | None:
        """The digest of the token that a request came with, if it looks like one."""
        with suppress(InvalidSession):
            token = self.cookie.read(connection.headers.getlist("cookie"))
            return DEVICE_TOKEN.digest(token) if token else None
        return None

    async def is_known(self, digest: str, identifier: str) -> bool:
        """
        Whether it is a browser of the user with this name or address.

        Args:
            digest: What `presented` gave.
            identifier: As typed.
        """
        async with store():
            return await service.is_known(self.table, digest, identifier, self.users.clock())

    async def remember(self, user: UserT, connection: HTTPConnection, response: Response) -> None:
        """
        Know the browser of a request from now on. Call it when the last factor was proved.

        Args:
            user: Whose it is.
            connection: The request.
            response: The answer that takes the cookie.
        """
        now = self.users.clock()
        token = await service.remember(
            self.table,
            user=primary_key(user),
            digest=self.presented(connection),
            now=now,
            expires_at=now + self.lifetime,
            cap=self.cap,
        )
        response.headers.append("Set-Cookie", self.cookie.header(token, self.lifetime))
