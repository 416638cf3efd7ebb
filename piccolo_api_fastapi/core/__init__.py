"""What every feature stands on: HTTP, the database, events, cryptography."""
