"""Fixed secrets for your own services, from the configuration instead of a table."""

from .dependencies import StaticTokens

__all__ = ["StaticTokens"]
