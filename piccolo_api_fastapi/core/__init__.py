"""What every feature stands on, and no feature changes: HTTP, the database, events, cryptography."""
