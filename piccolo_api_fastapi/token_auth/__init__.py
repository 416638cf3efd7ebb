"""API tokens for scripts and machines: made by people, shown once, refused where people belong."""

from .dependencies import TokenAuth
from .router import token_router
from .schemas import APITokenIn, APITokenOut, NewAPITokenOut
from .service import NewToken, delete_expired_tokens
from .tables import APIToken

__all__ = [
    "APIToken",
    "APITokenIn",
    "APITokenOut",
    "NewAPITokenOut",
    "NewToken",
    "TokenAuth",
    "delete_expired_tokens",
    "token_router",
]
