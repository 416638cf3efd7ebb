"""`Entrances`: log a user in who came from a provider, at once or by the ticket of an app."""

import json
import secrets
from datetime import timedelta
from functools import partial
from typing import Generic
from uuid import UUID

from piccolo_api_fastapi.access.step_up import declare_factor
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import InvalidCredentials, InvalidTicket
from piccolo_api_fastapi.login import Challenge, Login
from piccolo_api_fastapi.login.challenges import Channel
from piccolo_api_fastapi.login.tickets import Tickets
from piccolo_api_fastapi.users import Proof, Users, UserT

from . import queries
from .arrivals import Begun, Entrant
from .flows import challenge_of
from .tables import OAuthAccount

OAUTH, OAUTH_MFA = "oauth", "oauth_mfa"
"""The factors: a log-in at a provider, and one whose `amr` is trusted to be multi-factor."""

declare_factor(OAUTH, amr=[], worth="first")
declare_factor(OAUTH_MFA, amr=[], worth="both", proves=OAUTH)

HANDED_OVER = timedelta(seconds=60)
"""How long the ticket of an app is valid."""


class Entrances(Generic[UserT]):
    """
    Logs users in who came from a provider.

    Args:
        users: The users.
        table: The table of linked accounts.
    """

    def __init__(self, users: Users[UserT], table: type[OAuthAccount]) -> None:
        self._users = users
        self._table = table
        self._handed_over = Tickets(users, "oauth app", lifetime=HANDED_OVER, attempts=1)

    async def enter(
        self,
        login: Login[UserT],
        entrant: Entrant,
        client: ClientInfo,
        *,
        channel: Channel = "session",
        **asked: str,
    ) -> Proof[UserT] | Challenge:
        """
        Log in a user who comes from a provider: the whole login, or its first step.

        Args:
            login: The login.
            entrant: The user.
            client: The client that sent the request.
            channel: What the login issues.
            asked: What the client asked for, as `Login.enter` takes it: `scope` and `client_id`.

        Raises:
            InvalidCredentials: The user was disabled or deleted, or unlinked the account.
            LoginRefused: A hook refused.
        """
        recheck = partial(self._recheck, entrant.account)
        outcome = await login.enter(
            entrant.user, entrant.factor, client, recheck, channel=channel, **asked
        )
        # Not before: nothing is updated for a disabled user.
        if not await queries.use(self._table, entrant.account, self._users.clock()):
            raise InvalidCredentials
        return outcome

    async def _recheck(self, account: UUID) -> None:
        """Make sure, while the user is locked, that the account is still linked."""
        if not await queries.is_linked(self._table, account):
            raise InvalidCredentials

    async def hand_over(self, begun: Begun, entrant: Entrant) -> str:
        """
        Return a ticket with which an app signs a user in.

        Raises:
            InvalidCredentials: The user is disabled.
        """
        if await self._users.proof_of(entrant.user) is None:
            raise InvalidCredentials
        data = json.dumps([begun.flow.code_challenge, str(entrant.account), entrant.factor])
        return await self._handed_over.issue(entrant.user, data)

    async def redeem(self, ticket: str, verifier: str) -> Entrant:
        """
        Use up the ticket of an app.

        Args:
            ticket: The ticket.
            verifier: The code verifier of the app (RFC 7636).

        Raises:
            InvalidTicket: The ticket is unknown, used or expired, or of another app.
        """
        found = await self._handed_over.present(ticket)
        challenge, account, factor = json.loads(found.data)
        if not secrets.compare_digest(challenge, challenge_of(verifier)):
            raise InvalidTicket
        return Entrant(found.user, UUID(account), factor)
