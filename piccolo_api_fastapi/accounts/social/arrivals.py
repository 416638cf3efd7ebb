"""`Begun` and `Entrant`: a browser that came back, and the user who came with it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.errors import LoginFlowUnknown

from .callbacks import Callback
from .flows import Flow
from .providers import OAuthProvider


@dataclass(frozen=True, slots=True)
class Begun:
    """
    A flow that a browser has begun, and come back from.

    Args:
        provider: The provider.
        flow: The flow.
        user: For a link: the primary key of the user who began it.
        token: The token of the browser.
        callback: The parameters of the callback.
    """

    provider: OAuthProvider
    flow: Flow
    user: Any
    token: str = field(repr=False)
    callback: Callback

    def check_caller(self, caller: Identity[Any]) -> None:
        """
        Make sure that a link is completed with the credential that began it.

        Raises:
            LoginFlowUnknown: It is another.
        """
        began = (self.user, self.flow.credential)
        if began != (primary_key(caller.user), str(caller.credential_id)):
            raise LoginFlowUnknown


@dataclass(frozen=True, slots=True)
class Entrant:
    """
    A user who comes from a provider.

    Args:
        user: The primary key of the user.
        account: The id of the linked account.
        factor: The factor that they presented.
    """

    user: Any
    account: UUID
    factor: str
