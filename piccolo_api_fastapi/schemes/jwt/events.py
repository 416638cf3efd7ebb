"""Events about refresh tokens."""

import logging

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events
from piccolo_api_fastapi.schemes.events import TOKEN_EVENTS

EVENTS = TOKEN_EVENTS + declare_events(
    EventKind(
        "authn_token_reuse",
        "A used refresh token was presented again, and its family was revoked.",
        ("family",),
        outcome="failure",
        level=logging.CRITICAL,
    ),
)
