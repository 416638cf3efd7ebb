"""Bearer tokens for apps: short-lived access tokens, and refresh tokens that rotate."""

from .dependencies import JWTAuth
from .events import EVENTS
from .metadata import metadata_router
from .queries import delete_expired_families
from .router import jwt_router
from .schemas import FamilyOut, TokenOut
from .tables import RefreshFamily

__all__ = [
    "EVENTS",
    "FamilyOut",
    "JWTAuth",
    "RefreshFamily",
    "TokenOut",
    "delete_expired_families",
    "jwt_router",
    "metadata_router",
]
