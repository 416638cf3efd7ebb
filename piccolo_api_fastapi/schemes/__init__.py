"""The security schemes that OpenAPI lists: sessions, JWTs, API tokens and static tokens."""
