"""Log-in with Google, GitHub, Microsoft, Apple, GitLab and any OpenID provider."""

from .events import EVENTS
from .providers import (
    OIDC,
    Apple,
    GitHub,
    GitLab,
    Google,
    Microsoft,
    OAuthProvider,
    ProviderIdentity,
)
from .router import oauth_router
from .service import SocialLogin
from .tables import OAuthAccount

__all__ = [
    "EVENTS",
    "OIDC",
    "Apple",
    "GitHub",
    "GitLab",
    "Google",
    "Microsoft",
    "OAuthAccount",
    "OAuthProvider",
    "ProviderIdentity",
    "SocialLogin",
    "oauth_router",
]
