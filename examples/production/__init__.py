"""Several workers behind nginx with TLS, on PostgreSQL with a pool."""
