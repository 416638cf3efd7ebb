"""Events about API tokens."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events
from piccolo_api_fastapi.schemes.events import TOKEN_EVENTS

EVENTS = TOKEN_EVENTS + declare_events(
    EventKind("authn_token_rotated", "An API token was given a new secret.", ("api_token",)),
)
