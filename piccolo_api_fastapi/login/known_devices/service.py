"""`KnownDevices`: recognizes a browser by a cookie that it got at a login."""

import re
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from datetime import timedelta
from typing import Generic

from piccolo.apps.user.tables import BaseUser
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.lookups import CANDIDATES
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, own_name, primary_key
from piccolo_api_fastapi.core.http.cookies import Cookie
from piccolo_api_fastapi.errors import ConfigurationError, InvalidSession
from piccolo_api_fastapi.users import Users, UserT, or_default

from . import queries
from .queries import DEVICE_TOKEN
from .tables import KnownDevice


@configured
class KnownDevices(Generic[UserT]):
    """
    The browsers in which users logged in before.

    ```python
    from datetime import timedelta
    from piccolo_api_fastapi import KnownDevices, Login

    login = Login(known_devices=KnownDevices(lifetime=timedelta(days=90)))
    ```

    Wrong passwords from such a browser are counted on their own. An attacker who guesses at
    an account can therefore not lock its owner out of a browser that they use (OWASP, Slow
    Down Online Guessing Attacks with Device Cookies). The cookie is not a credential and not
    a factor.

    Args:
        users: The users who log in.
        cookie: The name and attributes of the device cookie. Default: `__Host-known-device`, and
            with a user table of your own the name of that table after it.
        lifetime: How long a browser is remembered after the last login, at least a day.
        cap: The number of browsers kept for a user; the one used longest ago is deleted first.

    Raises:
        ConfigurationError: `cap` is less than 1, or `lifetime` shorter than a day.
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
            raise ConfigurationError("cap must be at least 1, and lifetime at least a day.")
        self.users: Users[UserT] = or_default(users)
        self.table = bound(KnownDevice, self.users.table)
        self.cookie = cookie or _cookie_of(self.users.table)
        self.lifetime = lifetime
        self.cap = cap

    def presented(self, connection: HTTPConnection) -> tuple[str, ...]:
        """
        Return the digests of the tokens that a request sent, as far as they have the format.

        There are several if browsers were given the cookie with several domains or paths. More
        than four count as none.
        """
        with suppress(InvalidSession):
            tokens = self.cookie.read(connection.headers.getlist("cookie"))
            digests = tuple(filter(None, map(DEVICE_TOKEN.digest, tokens)))
            return digests if len(digests) <= CANDIDATES else ()
        return ()

    async def find_known(self, digests: Sequence[str], identifier: str) -> str | None:
        """
        Look up whether the user with this username or address logged in with the browser.

        Args:
            digests: The digests that `presented` returned.
            identifier: The username or e-mail address, as typed.

        Returns:
            The digest by which the browser is known, or `None`.
        """
        now = self.users.clock()
        return await queries.find_known(self.table, digests, identifier, now)

    async def remember(self, user: UserT, connection: HTTPConnection, response: Response) -> None:
        """
        Remember the browser of a request. Call it after the last factor was verified.

        Args:
            user: The user who logged in.
            connection: The request.
            response: The response that sets the cookie.
        """
        key, now, digests = primary_key(user), self.users.clock(), self.presented(connection)
        # A new browser is one statement: without the lock, logins at once may exceed the cap until
        # the next one.
        async with transaction(self.table) if digests else nullcontext():
            if digests:
                await self.users.lock(key)
            token = await queries.remember(
                self.table,
                user=key,
                digests=digests,
                now=now,
                expires_at=now + self.lifetime,
                cap=self.cap,
            )
        self.cookie.set_on(response, token, self.lifetime)


def _cookie_of(users: type[BaseUser]) -> Cookie:
    """The cookie of a user table, so that a browser can be known to the users of several."""
    words = ("__Host-known-device", re.sub("[^A-Za-z0-9_-]", "-", own_name(users)))
    return Cookie(name="-".join(filter(None, words)))
