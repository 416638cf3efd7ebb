"""
`AdminMFA`: the second factors of a login, asked for by Piccolo Admin.

Import it from here: it needs piccolo-api, which comes with Piccolo Admin.
"""

from html import escape
from typing import Any

from piccolo.apps.user.tables import BaseUser
from piccolo_api.mfa.provider import MFAProvider

from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    EnrolmentRequired,
    FactorDisabled,
    Forbidden,
    InvalidCode,
    LoginRefused,
)
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.mfa.second_factor import SecondFactor

MAX_LENGTH = 128
"""The longest code that is looked at, in characters, as for the routes of this library."""

ELSEWHERE = "Second factors are set up and removed in the application, not in Piccolo Admin."


class AdminMFA(MFAProvider):
    """
    Lets Piccolo Admin ask for the second factors of a login, recovery codes included.

    ```python
    from piccolo_admin.endpoints import create_admin
    from piccolo_api_fastapi import TOTP, Login, User, XChaCha20Poly1305
    from piccolo_api_fastapi.piccolo_app.piccolo_admin import AdminMFA

    encryption = XChaCha20Poly1305("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    login = Login(factors=[TOTP(issuer="Movies", encryption=encryption)])
    admin = create_admin(tables=[User], auth_table=User, mfa_providers=[AdminMFA(login)])
    ```

    A code is used up here and everywhere else, and wrong codes count in the same counter.
    From then on `User.login` lets in the users of these factors by their password, because
    Piccolo Admin asks for the code afterwards: pass the object to `create_admin`.

    Args:
        login: The login of the application, with its factors.
        manage_at: The address of the page on which users set up and remove their factors.

    Raises:
        ConfigurationError: The login has no factors.
    """

    def __init__(self, login: Login[Any], *, manage_at: str | None = None) -> None:
        if not login.factors:
            raise ConfigurationError("The login needs a second factor: Login(factors=[…]).")
        super().__init__(name="Second factor")
        self.login = login
        self.manage_at = manage_at
        factors = [one for factor in login.factors for one in (factor, *factor.companions)]
        table: Any = login.users.table
        table.asks_afterwards = frozenset(factor.name for factor in factors)

    async def is_user_enrolled(self, user: BaseUser) -> bool:
        """
        Whether the user must present a code.

        Raises:
            EnrolmentRequired: The user must have a second factor and has none.
        """
        if await self.login.enrolled(user):
            return True
        if await self.login.is_required(user):
            raise EnrolmentRequired
        return False

    async def authenticate_user(self, user: BaseUser, code: Any) -> bool:
        """
        Check a code and use it up.

        Raises:
            TooManyRequests: There were several wrong codes; the user has to wait.
            Unavailable: The code could not be checked.
        """
        if not isinstance(code, str) or len(code) > MAX_LENGTH:  # JSON may hold anything
            return False
        try:
            await self.login.present(user, code, None, ClientInfo())
        except (InvalidCode, FactorDisabled, LoginRefused):
            return False
        return True

    async def send_code(self, user: BaseUser) -> bool:
        """Send a code for each factor whose codes are sent. Returns whether there is one."""
        senders = [
            factor
            for factor in await self.login.enrolled(user)
            if type(factor).send is not SecondFactor.send
        ]
        for factor in senders:
            await factor.send(user)
        return bool(senders)

    async def get_registration_html(self, user: BaseUser) -> str:  # noqa: ARG002 - the base class has it
        """Say where second factors are set up. Piccolo Admin has no form for the first code."""
        link = ""
        if self.manage_at is not None:
            link = f'<p><a href="{escape(self.manage_at)}">Set up a second factor</a></p>'
        return f"<!doctype html><title>Second factor</title><p>{ELSEWHERE}</p>{link}"

    async def get_registration_json(self, user: BaseUser) -> dict[str, Any]:  # noqa: ARG002
        """Say where second factors are set up, as JSON."""
        return {"detail": ELSEWHERE, "manage_at": self.manage_at}

    async def delete_registration(self, user: BaseUser) -> None:  # noqa: ARG002
        """
        Refuse: Piccolo Admin asks for the password only, and a second factor is needed.

        Raises:
            Forbidden: Always.
        """
        raise Forbidden(ELSEWHERE)
