"""The providers that users sign in with."""

from .apple import Apple
from .faults import Down, Refused
from .github import GitHub
from .gitlab import GitLab
from .google import Google
from .identities import ProviderIdentity, Tokens
from .microsoft import Microsoft
from .oauth import Asked, Endpoints, OAuthProvider
from .oidc import OIDC
from .web import Web, is_secure, within_time

__all__ = [
    "OIDC",
    "Apple",
    "Asked",
    "Down",
    "Endpoints",
    "GitHub",
    "GitLab",
    "Google",
    "Microsoft",
    "OAuthProvider",
    "ProviderIdentity",
    "Refused",
    "Tokens",
    "Web",
    "is_secure",
    "within_time",
]
