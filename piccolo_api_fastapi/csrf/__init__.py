"""Refusing what other sites make a browser send."""

from .dependencies import SameOrigin

__all__ = ["SameOrigin"]
