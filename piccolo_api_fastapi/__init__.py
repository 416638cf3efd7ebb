"""Authentication for FastAPI on Piccolo, as dependencies and routers."""

from .access_tokens import Claims
from .client_address import ClientAddress
from .cookies import Cookie
from .csrf import SameOrigin
from .errors import AuthError, ConfigurationError
from .events import AuthEvent, subscribe
from .guards import AnyOf, optional, public, require
from .identity import ClientInfo, Identity
from .in_person import in_person
from .installation import install
from .jwt_auth import JWTAuth, RefreshFamily, delete_expired_families, jwt_router
from .keys import Key, KeyRing
from .login import Login, LoginAttempt
from .password_policy import PasswordPolicy
from .passwords import PasswordHasher, PBKDF2Hasher
from .piccolo_app import AuthTables, auth_tables
from .problems import ErrorBody, responses
from .rate_limiting import (
    MemoryStore,
    PiccoloStore,
    Quota,
    RateLimit,
    RateLimitState,
    RedisStore,
    Standing,
    by_address,
    by_body,
    by_client_address,
    by_credential,
    by_user,
    legacy_headers,
    rate_limit_headers,
    use_store,
)
from .session_auth import Session, SessionAuth, delete_expired_sessions, session_router
from .tickets import Ticket, Tickets, delete_expired_tickets
from .users import Password, Proof, User, Users

__all__ = [
    "AnyOf",
    "AuthError",
    "AuthEvent",
    "AuthTables",
    "Claims",
    "ClientAddress",
    "ClientInfo",
    "ConfigurationError",
    "Cookie",
    "ErrorBody",
    "Identity",
    "JWTAuth",
    "Key",
    "KeyRing",
    "Login",
    "LoginAttempt",
    "MemoryStore",
    "PBKDF2Hasher",
    "Password",
    "PasswordHasher",
    "PasswordPolicy",
    "PiccoloStore",
    "Proof",
    "Quota",
    "RateLimit",
    "RateLimitState",
    "RedisStore",
    "RefreshFamily",
    "SameOrigin",
    "Session",
    "SessionAuth",
    "Standing",
    "Ticket",
    "Tickets",
    "User",
    "Users",
    "auth_tables",
    "by_address",
    "by_body",
    "by_client_address",
    "by_credential",
    "by_user",
    "delete_expired_families",
    "delete_expired_sessions",
    "delete_expired_tickets",
    "in_person",
    "install",
    "jwt_router",
    "legacy_headers",
    "optional",
    "public",
    "rate_limit_headers",
    "require",
    "responses",
    "session_router",
    "subscribe",
    "use_store",
]
