"""An application whose users are a table of its own, with UUIDs for keys."""
