"""Opaque tokens, signing keys and encryption."""
