"""The values of ceremonies: what begins one, and what a browser made or signed."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from piccolo_api_fastapi.login.tickets import Ticket

CEREMONY_LIFETIME = timedelta(minutes=5)
"""How long a challenge is valid, and browsers wait for the user."""


@dataclass(frozen=True, slots=True)
class Ceremony:
    """
    What a browser needs to make or to use a passkey.

    Args:
        challenge: The token that is sent back with the result.
        options: The options, as JSON.
        expires_in: The lifetime of the challenge in seconds.
    """

    challenge: str = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    expires_in: int = int(CEREMONY_LIFETIME.total_seconds())


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """
    What a browser registered.

    Args:
        credential_id: The credential id in base64url.
        public_key: The public key (COSE) in base64url.
        sign_count: The counter.
        aaguid: The model of the authenticator.
        is_backup_eligible: Whether it can be synced.
        is_backed_up: Whether it is synced.
        verifies_user: Whether the user was verified.
    """

    credential_id: str
    public_key: str
    sign_count: int
    aaguid: str
    is_backup_eligible: bool
    is_backed_up: bool
    verifies_user: bool


@dataclass(frozen=True, slots=True)
class Signed:
    """
    What a passkey signed.

    Args:
        sign_count: The counter.
        is_backup_eligible: Whether it can be synced.
        is_backed_up: Whether it is synced.
        verifies_user: Whether the user was verified.
    """

    sign_count: int
    is_backup_eligible: bool
    is_backed_up: bool
    verifies_user: bool


@dataclass(frozen=True, slots=True)
class Identified:
    """
    A user who presented a passkey without a name: what `Login.enter` takes.

    Args:
        user: The primary key of the user.
        factor: The name of the factor that it proves.
        recheck: Raises `InvalidCredentials` if the passkey was removed since.
    """

    user: Any
    factor: str
    recheck: Callable[[], Awaitable[None]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registration:
    """
    A new passkey that was checked, as `Passkeys.check` returns it.

    Args:
        ticket: The challenge.
        made: What the browser made.
        transports: How browsers reach it.
        is_discoverable: Whether it is found without a name; `None` if the browser did not say.
    """

    ticket: Ticket = field(repr=False)
    made: NewPasskey
    transports: Sequence[str]
    is_discoverable: bool | None

    @property
    def values(self) -> dict[str, Any]:
        """The values of the row."""
        return {
            **asdict(self.made),
            "digest": digest_of(self.made.credential_id),
            "transports": " ".join(self.transports),
            "is_discoverable": self.is_discoverable,
        }


def digest_of(credential_id: str) -> str:
    """Return what a credential id is found by."""
    return hashlib.sha256(credential_id.encode()).hexdigest()
