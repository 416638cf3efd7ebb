"""Authentication and rate limiting for FastAPI on Piccolo, as dependencies and routers."""

from .access.csrf import SameOrigin
from .access.guards import AnyOf
from .access.identity import Identity
from .access.optional_user import optional
from .access.ownership import owned, owned_row
from .access.person_only import in_person
from .access.requirements import require
from .accounts import (
    Accounts,
    accounts_router,
    change_email_router,
    change_password_router,
    me_router,
    register_router,
    reset_password_router,
    verify_email_router,
)
from .accounts.email_login import EmailLogin, email_login_router
from .accounts.limits import AccountLimits
from .accounts.mailboxes import (
    EmailChange,
    EmailStatus,
    MailLifetimes,
    delete_expired_email_changes,
)
from .accounts.social import (
    OIDC,
    Apple,
    GitHub,
    GitLab,
    Google,
    Microsoft,
    OAuthAccount,
    OAuthProvider,
    ProviderIdentity,
    SocialLogin,
    oauth_router,
)
from .captcha import Captcha, CaptchaVerifier, HCaptcha, ReCaptchaV2, ReCaptchaV3, Turnstile
from .core.crypto.encryption import (
    EncryptionProvider,
    Fernet,
    PlainText,
    XChaCha20Poly1305,
    generate_key,
)
from .core.crypto.keys import Key, KeyRing
from .core.database.auth_tables import AuthTable
from .core.database.postgres import PooledPostgresEngine
from .core.database.sqlite import PersistentSQLiteEngine
from .core.events.events import AuthEvent, subscribe
from .core.events.json_log import JSONFormatter
from .core.events.log import EventRecord, delete_old_events, protect_events, record_events
from .core.http.client import ClientInfo
from .core.http.client_address import ClientAddress
from .core.http.cookies import Cookie
from .core.http.csp import NONCE
from .core.http.problems import ErrorBody, responses
from .core.http.public_routes import public, unlimited
from .crud import Crud, CrudHooks, crud_router
from .csp import CSP, csp_report_router
from .errors import AuthError, ConfigurationError
from .installation import install
from .login import Challenge, Login, LoginAttempt, reauthentication_router
from .login.config import config_router
from .login.known_devices import KnownDevice, KnownDevices, delete_expired_devices
from .login.limits import LoginLimits
from .login.mfa.email_codes import EmailCode, SentCode
from .login.mfa.passkeys import (
    Passkey,
    PasskeyOwner,
    Passkeys,
    passkey_login_router,
    passkey_router,
    related_origins_router,
)
from .login.mfa.recovery_codes import RecoveryCode, RecoveryCodes
from .login.mfa.second_factor import SecondFactor
from .login.mfa.totp import TOTP, TOTPSecret, mfa_router
from .login.tickets import Ticket, Tickets, delete_expired_tickets
from .mail import ConsoleMail, Mail, Message
from .mail.delivery import UnsentMail, delete_expired_unsent_mail
from .mail.notices import KnownBrowser, Notices
from .mail.smtp import SMTPMail
from .pages import Brand, Pages
from .piccolo_app import AuthTables, auth_commands, auth_tables, delete_expired
from .rate_limiting import (
    FailureLimit,
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
from .schemes.api_tokens import APIToken, NewToken, TokenAuth, delete_expired_tokens, token_router
from .schemes.api_tokens.commands import token_commands
from .schemes.devices import devices_router
from .schemes.jwt import (
    JWTAuth,
    RefreshFamily,
    delete_expired_families,
    jwt_router,
    metadata_router,
)
from .schemes.jwt.access_tokens import Claims
from .schemes.sessions import Session, SessionAuth, delete_expired_sessions, session_router
from .schemes.static_tokens import StaticTokens
from .users import (
    FoldedIdentifiers,
    Password,
    PasswordFailures,
    PasswordHasher,
    PasswordPolicy,
    PBKDF2Hasher,
    Proof,
    Role,
    Roles,
    User,
    UserRole,
    Users,
    delete_old_guesses,
    is_service,
)
from .users.roles.router import roles_router

__all__ = [
    "CSP",
    "NONCE",
    "OIDC",
    "TOTP",
    "APIToken",
    "AccountLimits",
    "Accounts",
    "AnyOf",
    "Apple",
    "AuthError",
    "AuthEvent",
    "AuthTable",
    "AuthTables",
    "Brand",
    "Captcha",
    "CaptchaVerifier",
    "Challenge",
    "Claims",
    "ClientAddress",
    "ClientInfo",
    "ConfigurationError",
    "ConsoleMail",
    "Cookie",
    "Crud",
    "CrudHooks",
    "EmailChange",
    "EmailCode",
    "EmailLogin",
    "EmailStatus",
    "EncryptionProvider",
    "ErrorBody",
    "EventRecord",
    "FailureLimit",
    "Fernet",
    "FoldedIdentifiers",
    "GitHub",
    "GitLab",
    "Google",
    "HCaptcha",
    "Identity",
    "JSONFormatter",
    "JWTAuth",
    "Key",
    "KeyRing",
    "KnownBrowser",
    "KnownDevice",
    "KnownDevices",
    "Login",
    "LoginAttempt",
    "LoginLimits",
    "Mail",
    "MailLifetimes",
    "MemoryStore",
    "Message",
    "Microsoft",
    "NewToken",
    "Notices",
    "OAuthAccount",
    "OAuthProvider",
    "PBKDF2Hasher",
    "Pages",
    "Passkey",
    "PasskeyOwner",
    "Passkeys",
    "Password",
    "PasswordFailures",
    "PasswordHasher",
    "PasswordPolicy",
    "PersistentSQLiteEngine",
    "PiccoloStore",
    "PlainText",
    "PooledPostgresEngine",
    "Proof",
    "ProviderIdentity",
    "Quota",
    "RateLimit",
    "RateLimitState",
    "ReCaptchaV2",
    "ReCaptchaV3",
    "RecoveryCode",
    "RecoveryCodes",
    "RedisStore",
    "RefreshFamily",
    "Role",
    "Roles",
    "SMTPMail",
    "SameOrigin",
    "SecondFactor",
    "SentCode",
    "Session",
    "SessionAuth",
    "SocialLogin",
    "Standing",
    "StaticTokens",
    "TOTPSecret",
    "Ticket",
    "Tickets",
    "TokenAuth",
    "Turnstile",
    "UnsentMail",
    "User",
    "UserRole",
    "Users",
    "XChaCha20Poly1305",
    "accounts_router",
    "auth_commands",
    "auth_tables",
    "by_address",
    "by_body",
    "by_client_address",
    "by_credential",
    "by_user",
    "change_email_router",
    "change_password_router",
    "config_router",
    "crud_router",
    "csp_report_router",
    "delete_expired",
    "delete_expired_devices",
    "delete_expired_email_changes",
    "delete_expired_families",
    "delete_expired_sessions",
    "delete_expired_tickets",
    "delete_expired_tokens",
    "delete_expired_unsent_mail",
    "delete_old_events",
    "delete_old_guesses",
    "devices_router",
    "email_login_router",
    "generate_key",
    "in_person",
    "install",
    "is_service",
    "jwt_router",
    "legacy_headers",
    "me_router",
    "metadata_router",
    "mfa_router",
    "oauth_router",
    "optional",
    "owned",
    "owned_row",
    "passkey_login_router",
    "passkey_router",
    "protect_events",
    "public",
    "rate_limit_headers",
    "reauthentication_router",
    "record_events",
    "register_router",
    "related_origins_router",
    "require",
    "reset_password_router",
    "responses",
    "roles_router",
    "session_router",
    "subscribe",
    "token_commands",
    "token_router",
    "unlimited",
    "use_store",
    "verify_email_router",
]
