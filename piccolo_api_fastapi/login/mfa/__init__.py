"""Second factors of a login."""
