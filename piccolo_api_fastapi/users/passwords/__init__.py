"""Hashing, storing, checking and choosing passwords."""
