"""Who the users are, how they sign in, and what they may do."""

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    Brand,
    JWTAuth,
    Login,
    Notices,
    Pages,
    Roles,
    SessionAuth,
    Users,
    XChaCha20Poly1305,
    require,
)

from . import settings

roles = Roles({"administrator": ["roles:manage", "users:read", "notes:read-all"]})
users = Users(roles=roles)

# Browsers have a session cookie, other clients a JWT.
session = SessionAuth(users, cookie=settings.COOKIE)
jwt = JWTAuth(users, secret=settings.secret("jwt_secret"))
current_user = AnyOf(session, jwt)

totp = TOTP(
    users,
    issuer="Notes",
    encryption=XChaCha20Poly1305(settings.secret("auth_encryption_keys")),
)
login = Login(users, factors=[totp])

mail = settings.mail()
accounts = Accounts(
    users,
    mail=mail,
    base_url=f"{settings.BASE_URL}/account",  # mails link to the pages
    product="Notes",
    schemes=[session, jwt],
    login=login,
)
notices = Notices(users, mail=mail)
pages = Pages(
    session,
    login,
    accounts=accounts,
    totp=totp,
    brand=Brand("Notes"),
    default_next="/account",
)

# Administrators need a second factor.
may_read_users = require(current_user, permission="users:read", mfa=True)
may_read_notes = require(current_user, permission="notes:read-all", mfa=True)
