"""`Challenges`: what connects the second step of a login with the first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Generic, TypeAlias

from piccolo_api_fastapi.access.step_up import read_factors, write_factors
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.errors import InvalidTicket
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.proof import Proof
from piccolo_api_fastapi.users.tables import UserT

from .tickets import Ticket, Tickets

Channel: TypeAlias = str
"""The name of what a login issues, such as "session". A challenge is invalid on other channels."""

CHALLENGE_LIFETIME = timedelta(minutes=10)
CHALLENGE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Challenge:
    """
    The first factor was right, and a second factor must follow.

    ```python
    from piccolo_api_fastapi import Challenge

    challenge = Challenge("tkt_…", methods=("totp", "recovery_code"), expires_in=600)
    assert "tkt_" not in repr(challenge)
    ```

    Args:
        token: The secret that the client sends with the code.
        methods: The names of the factors that the user can choose from.
        expires_in: The lifetime in seconds.
    """

    token: str = field(repr=False)
    methods: tuple[str, ...]
    expires_in: int


@dataclass(frozen=True, slots=True)
class SecondStep(Generic[UserT]):
    """
    A login that continues with a challenge.

    Args:
        proof: What the first step proved.
        tickets: The tickets that the challenge is one of.
        ticket: The row of the challenge.
    """

    proof: Proof[UserT]
    tickets: Tickets
    ticket: Ticket

    async def burn(self) -> None:
        """
        Use the challenge up. Of several requests at once, one succeeds.

        Raises:
            InvalidTicket: The challenge was used meanwhile, or has ended.
        """
        await self.tickets.burn(self.ticket)

    def complete(self, factors: dict[str, Any]) -> Proof[UserT]:
        """
        Return the proof of both steps. It is valid as long as a change of the password or of a
        factor has not ended the challenge.

        Args:
            factors: The factors that the second step proved, and when.
        """
        return replace(
            self.proof,
            factors={**self.proof.factors, **factors},
            recheck=lambda: self.tickets.uphold(self.ticket),
        )


class Challenges(Generic[UserT]):
    """
    The challenges of a login, apart for each channel.

    Args:
        users: The users who log in.
    """

    def __init__(self, users: Users[UserT]) -> None:
        self._users = users
        self._tickets: dict[Channel, Tickets] = {}

    def _of(self, channel: Channel) -> Tickets:
        if channel not in self._tickets:
            self._tickets[channel] = Tickets(
                self._users,
                f"mfa for {channel}",
                lifetime=CHALLENGE_LIFETIME,
                attempts=CHALLENGE_ATTEMPTS,
            )
        return self._tickets[channel]

    async def issue(
        self, proof: Proof[UserT], methods: Sequence[str], channel: Channel
    ) -> Challenge:
        """
        Issue a challenge after the first step.

        Args:
            proof: What the first step proved.
            methods: The names of the factors that the user can choose from.
            channel: What the login issues.
        """
        factors = write_factors(proof.factors)
        data = json.dumps([proof.fingerprint, factors, proof.scope, proof.client_id])
        token = await self._of(channel).issue(primary_key(proof.user), data)
        return Challenge(token, tuple(methods), int(CHALLENGE_LIFETIME.total_seconds()))

    async def open(self, token: str, channel: Channel) -> SecondStep[UserT]:
        """
        Continue a login. This counts as one of five attempts.

        Args:
            token: The secret of the challenge.
            channel: What the login issues.

        Raises:
            InvalidTicket: The challenge is unknown, used or expired, was presented too often,
                or the password was changed since.
        """
        tickets = self._of(channel)
        ticket = await tickets.present(token)
        fingerprint, factors, scope, *client_id = json.loads(ticket.data)
        proof = await self._users.proof_of(ticket.user)
        if proof is None or proof.fingerprint != fingerprint:
            raise InvalidTicket
        # A challenge of an older release has no client_id.
        asked = {"scope": scope, "client_id": "".join(client_id)}
        proof = replace(proof, factors=read_factors(factors), **asked)
        return SecondStep(proof, tickets, ticket)
