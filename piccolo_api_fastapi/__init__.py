"""Authentication for FastAPI on Piccolo, as dependencies and routers."""

from .access_tokens import Claims
from .cookies import Cookie
from .csrf import SameOrigin
from .errors import AuthError, ConfigurationError, ErrorBody, responses
from .events import AuthEvent, subscribe
from .identity import AnyOf, ClientInfo, Identity, optional, public, require
from .installation import install
from .jwt_auth import JWTAuth, RefreshFamily, delete_expired_families, jwt_router
from .keys import Key, KeyRing
from .login import Login, LoginAttempt
from .passwords import PasswordHasher, PasswordPolicy, PBKDF2Hasher
from .piccolo_app import AuthTables, auth_tables
from .session_auth import Session, SessionAuth, delete_expired_sessions, session_router
from .users import Password, Proof, User, Users

__all__ = [
    "AnyOf",
    "AuthError",
    "AuthEvent",
    "AuthTables",
    "Claims",
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
    "PBKDF2Hasher",
    "Password",
    "PasswordHasher",
    "PasswordPolicy",
    "Proof",
    "RefreshFamily",
    "SameOrigin",
    "Session",
    "SessionAuth",
    "User",
    "Users",
    "auth_tables",
    "delete_expired_families",
    "delete_expired_sessions",
    "install",
    "jwt_router",
    "optional",
    "public",
    "require",
    "responses",
    "session_router",
    "subscribe",
]
