"""Passkeys (WebAuthn Level 3): as log-in without a name, as second factor and for step-up."""

from .events import EVENTS
from .login_router import passkey_login_router
from .related_origins import related_origins_router
from .router import passkey_router
from .service import Passkeys
from .tables import Passkey, PasskeyOwner

__all__ = [
    "EVENTS",
    "Passkey",
    "PasskeyOwner",
    "Passkeys",
    "passkey_login_router",
    "passkey_router",
    "related_origins_router",
]
