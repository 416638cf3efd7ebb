"""What a completed login proves, and what sessions and tokens are issued on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic

from piccolo_api_fastapi.access.step_up import Factors
from piccolo_api_fastapi.core.events.events import AuthEvent

from .lookup import fingerprint
from .tables import UserT


@dataclass(frozen=True, slots=True)
class Proof(Generic[UserT]):
    """
    A user and the hash that their password matched.

    ```python
    from piccolo_api_fastapi import User, Users

    users = Users()
    await users.create("edith", "correct horse battery")
    proof = await users.verify("edith", "correct horse battery")
    assert proof.user.username == "edith"
    ```

    A session or a token family is issued in the transaction that upholds its proof, so no
    session survives a password change that overtook the login. Without a hash, the
    application itself vouches for the user.

    Args:
        user: The user who signed in.
        column: The value of the password column of the user table when the password matched.
        encoded: The hash in `auth_password` when the password matched.
        factors: The factors that the user presented, each with its time.
        is_enrolling: Whether the credential may be used only to enrol a second factor.
        scope: The scope that the client asked for when the login began.
        client_id: The name that the client gave itself when the login began.
        recheck: Called while the user's row is locked, before the credential is issued.
            Raises if the findings of the login no longer hold.
        event: The event to emit in the transaction that issues the credential.
        confirmed: The names of the second factors that the user had confirmed.
        known: The names of the second factors that the login knows. A user who has confirmed
            another gets no credential. `None`: the application vouches for the user.
    """

    user: UserT
    column: str | None = field(default=None, repr=False)
    encoded: str | None = field(default=None, repr=False)
    factors: Factors = field(default_factory=dict)
    is_enrolling: bool = False
    scope: str = ""
    client_id: str = ""
    recheck: Callable[[], Awaitable[None]] | None = field(default=None, repr=False, compare=False)
    event: AuthEvent | None = field(default=None, repr=False, compare=False)
    confirmed: frozenset[str] = frozenset()
    known: frozenset[str] | None = None

    @property
    def unknown(self) -> frozenset[str]:
        """The names of the second factors that the user had and the login does not know."""
        return frozenset() if self.known is None else self.confirmed - self.known

    @property
    def fingerprint(self) -> str:
        """A digest that changes when the password does."""
        return fingerprint(f"{self.column}\n{self.encoded}")
