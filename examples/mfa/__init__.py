"""Enrol an authenticator app, and log in with it."""
