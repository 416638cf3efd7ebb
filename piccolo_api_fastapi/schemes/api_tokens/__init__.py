"""API tokens for scripts and machines, created by users and shown once."""

from .dependencies import TokenAuth
from .events import EVENTS
from .queries import NewToken, delete_expired_tokens
from .router import token_router
from .schemas import APITokenIn, APITokenOut, NewAPITokenOut
from .tables import APIToken

__all__ = [
    "EVENTS",
    "APIToken",
    "APITokenIn",
    "APITokenOut",
    "NewAPITokenOut",
    "NewToken",
    "TokenAuth",
    "delete_expired_tokens",
    "token_router",
]
