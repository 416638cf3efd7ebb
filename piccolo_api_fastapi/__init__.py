"""Authentication for FastAPI on Piccolo, as dependencies and routers."""

from .access_tokens import Claims
from .cookies import Cookie
from .csrf import SameOrigin
from .email_codes import EmailCode, SentCode
from .encryption import EncryptionProvider, Fernet, PlainText, XChaCha20Poly1305, generate_key
from .errors import AuthError, ConfigurationError
from .events import AuthEvent, subscribe
from .guards import AnyOf, optional, public, require
from .identity import ClientInfo, Identity
from .in_person import in_person
from .installation import install
from .jwt_auth import JWTAuth, RefreshFamily, delete_expired_families, jwt_router
from .keys import Key, KeyRing
from .login import Challenge, Login, LoginAttempt, reauthentication_router
from .mfa import TOTP, RecoveryCode, RecoveryCodes, SecondFactor, TOTPSecret, mfa_router
from .password_policy import PasswordPolicy
from .passwords import PasswordHasher, PBKDF2Hasher
from .persistent_sqlite import PersistentSQLiteEngine
from .piccolo_app import AuthTables, auth_tables
from .problems import ErrorBody, responses
from .session_auth import Session, SessionAuth, delete_expired_sessions, session_router
from .static_tokens import StaticTokens
from .tickets import Ticket, Tickets, delete_expired_tickets
from .token_auth import APIToken, NewToken, TokenAuth, delete_expired_tokens, token_router
from .token_commands import token_commands
from .users import Password, Proof, User, Users, is_service

__all__ = [
    "TOTP",
    "APIToken",
    "AnyOf",
    "AuthError",
    "AuthEvent",
    "AuthTables",
    "Challenge",
    "Claims",
    "ClientInfo",
    "ConfigurationError",
    "Cookie",
    "EmailCode",
    "EncryptionProvider",
    "ErrorBody",
    "Fernet",
    "Identity",
    "JWTAuth",
    "Key",
    "KeyRing",
    "Login",
    "LoginAttempt",
    "NewToken",
    "PBKDF2Hasher",
    "Password",
    "PasswordHasher",
    "PasswordPolicy",
    "PersistentSQLiteEngine",
    "PlainText",
    "Proof",
    "RecoveryCode",
    "RecoveryCodes",
    "RefreshFamily",
    "SameOrigin",
    "SecondFactor",
    "SentCode",
    "Session",
    "SessionAuth",
    "StaticTokens",
    "TOTPSecret",
    "Ticket",
    "Tickets",
    "TokenAuth",
    "User",
    "Users",
    "XChaCha20Poly1305",
    "auth_tables",
    "delete_expired_families",
    "delete_expired_sessions",
    "delete_expired_tickets",
    "delete_expired_tokens",
    "generate_key",
    "in_person",
    "install",
    "is_service",
    "jwt_router",
    "mfa_router",
    "optional",
    "public",
    "reauthentication_router",
    "require",
    "responses",
    "session_router",
    "subscribe",
    "token_commands",
    "token_router",
]
