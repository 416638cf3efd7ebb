"""The arithmetic of limits."""
