"""Limits for several workers that share Redis."""
