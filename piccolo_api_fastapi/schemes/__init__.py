"""The security schemes that OpenAPI lists."""
