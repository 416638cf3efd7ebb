"""HTTP, events, the database and cryptography: the base of every feature."""
