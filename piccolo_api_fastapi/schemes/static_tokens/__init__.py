"""Fixed secrets for services of one's own, from the configuration instead of a table."""

from .dependencies import StaticTokens

__all__ = ["StaticTokens"]
