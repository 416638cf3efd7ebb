"""Where limits are counted: memory, Redis or the database."""
