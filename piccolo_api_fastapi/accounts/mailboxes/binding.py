"""`Binding`: the data that a mailed secret is bound to."""

import json
from dataclasses import asdict, dataclass, field

from piccolo_api_fastapi.login.tickets import Ticket


@dataclass(frozen=True, slots=True)
class Binding:
    """
    The data of the ticket of a mailed secret.

    Args:
        email: The address that the secret was sent to.
        old: The user's address at that time, if the secret confirms another one.
        code: The hash of a six-digit code.
    """

    email: str
    old: str = ""
    code: str = field(default="", repr=False)

    def write(self) -> str:
        """The JSON that the ticket stores."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, ticket: Ticket) -> "Binding":
        """The binding of a ticket."""
        return cls(**json.loads(ticket.data))
