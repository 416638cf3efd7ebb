"""Transactions, statements, outages, and the tables bound to a user table."""
